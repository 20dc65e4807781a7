"""What a user's process runs, so that it can run elsewhere: the code and the packages.

Reads the user's files and repositories and changes nothing in them. Standard library and the `git`
command only; imported when a task is captured, never before.
"""
