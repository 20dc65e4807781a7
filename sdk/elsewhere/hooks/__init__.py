"""Hooks: what is recorded of the libraries that a program uses, without a line in the program."""
