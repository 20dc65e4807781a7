"""Tests, in the folders of the packages that they test; what they share stands beside this file."""
