"""argparse: the arguments of its parsers."""
