"""The task that a script sees: `Task` and what it is made of."""
