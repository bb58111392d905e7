"""The Scapy face: layers to build, show, sniff and break membership messages with.

Importing it changes nothing in how Scapy reads or builds packets; `bind` does, `unbind` undoes it.
"""

import logging

# Scapy warns on standard error about routes and interfaces that have nothing to do with a frame.
logging.getLogger("scapy.runtime").setLevel(logging.ERROR)
