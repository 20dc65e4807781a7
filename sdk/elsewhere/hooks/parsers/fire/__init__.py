"""Python Fire: the commands that it runs and their arguments are parameters, and a remote run's
parameters replace them.

    Args/<arg>                       of a function or class that is the whole program
    Args/<group.command>             True for the command that runs, False for its neighbours
    Args/<group.command>/<arg>

Arguments that the parameters give are not missing on the command line, and the command that is True
runs in place of the one there, unless the command line has separators. A value of another type than
the argument's default ends the process with status 2.
"""
