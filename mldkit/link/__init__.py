"""This machine: clocks, sockets, captures, namespaces and what the kernel believes."""
