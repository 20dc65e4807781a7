"""The run: the task that this process is, from its beginning to its end."""
