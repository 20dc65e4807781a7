"""The aspects of a task, a file each."""
