"""tyro >= 0.10: every field of what `tyro.cli` builds is a parameter, named as its option is.

    Args/data_dir, Args/optimizer.lr     fields, also of nested classes, and arguments of functions
    Args/command                         the sub-command; Args/<field> of a field that is a union

An edit counts as typed. Another sub-command is taken in place of the one on the command line,
without the words behind that. A value that tyro does not take ends the process with status 2.
"""
