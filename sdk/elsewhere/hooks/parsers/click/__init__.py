"""click: every option and argument of a command is a parameter, and a remote run's parameters
replace the values of its commands.

    Args/<option>                    of the only command, or of the group that holds the others
    Args/<command>                   True for a sub-command that runs, False for its neighbours
    Args/<command>/<option>          nested groups: Args/<group>/<command>/<option>

An edit counts as typed: its option is not missing, does not prompt, and has its type and its
callback called. The sub-commands that are True run in place of those on the command line. A value
that click does not take ends the process with status 2.
"""
