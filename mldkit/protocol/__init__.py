"""Time-driven rules without I/O, clock or global chance."""
