"""The words of the field: values that every other layer shares. Standard library only."""
