"""click: the parameters of its commands."""
