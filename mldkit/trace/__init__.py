"""The way of a join, seen while this kernel goes it: from the system call to the driver and out."""
