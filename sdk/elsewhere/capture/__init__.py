"""What a user's process runs, so that it can run elsewhere: the code and the packages.

Capturing reads the user's files and repositories and changes nothing in them. It needs the standard
library and the `git` command only, and is imported when a task is captured.
"""
