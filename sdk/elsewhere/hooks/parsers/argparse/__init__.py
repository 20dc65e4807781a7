"""argparse: every argument that a parser returns is a parameter, and a remote run's parameters
replace what its parsers return.

Arguments that the parameters give are not missing on the command line, and another sub-command is
parsed in place of the one there. A value that the argument does not take ends the process with
status 2, as argparse does.
"""
