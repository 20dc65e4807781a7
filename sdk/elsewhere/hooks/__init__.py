"""Hooks: they record what a program does with its libraries, without a line in the program."""
