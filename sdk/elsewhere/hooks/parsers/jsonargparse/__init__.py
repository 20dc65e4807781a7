"""jsonargparse, and so LightningCLI: every leaf of a parsed namespace is a parameter `Args/a.b`,
and a remote run's parameters replace the leaves, checked by the parser.

Arguments that the parameters give are not missing on the command line, and another sub-command or
class is taken in place of the one there. A value that the parser does not take ends the process
with status 2. A config file is recorded by its path; its values are leaves as well, so another
path in its place changes nothing.
"""
