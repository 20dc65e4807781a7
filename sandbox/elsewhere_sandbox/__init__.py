"""One attempt's process: the runner, and the place it prepares for the program.

Owns checkout, patch, packages, virtual environment or container, and the program from its start to
its last descendant. Knows a run folder and nothing of Redis.
"""
