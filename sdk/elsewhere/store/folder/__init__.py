"""The parts of the store that is a folder: its files, what tasks say, queries, waking."""
