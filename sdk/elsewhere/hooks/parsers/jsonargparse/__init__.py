"""jsonargparse: the leaves of its parsers' configs."""
