"""Packet-level toolkit for IPv6 MLDv2 and IPv4 IGMPv3."""

__version__ = "0.2.0.dev0"
