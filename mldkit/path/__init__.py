"""The way of one frame through this machine: from the card to the program that is to get it."""
