"""Hooks of the libraries that parse command lines, a folder each."""
