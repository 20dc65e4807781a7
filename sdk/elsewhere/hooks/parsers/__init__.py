"""Hooks of libraries that parse command lines, a folder each."""
