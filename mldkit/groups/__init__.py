"""Job: what this kernel listens to and why, joined from everything it tells."""
