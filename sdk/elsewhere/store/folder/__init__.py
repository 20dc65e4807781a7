"""The parts of the store that is a folder: its files, reports of tasks, queries, waking."""
