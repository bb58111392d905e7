"""From a joined group to the receive filter of a device, and the proof that it is so."""
