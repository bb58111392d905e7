"""Bytes to messages and back: an exact and total codec built on struct."""
