"""A guest: another kernel in an emulated machine, which runs a program of this mldkit."""
