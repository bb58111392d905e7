"""The real Linux driver e1000e on the device that QEMU emulates, as one more vehicle."""
