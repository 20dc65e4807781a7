"""typer >= 0.26, with a copy of click of its own: recorded and edited as click is. Older ones use
click itself, whose patches serve them."""
