"""For tests of mldkit and of what is built on it: messages to draw, frames made by hand."""
