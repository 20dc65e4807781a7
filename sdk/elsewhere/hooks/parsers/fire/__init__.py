"""Fire: the arguments of the functions and classes that it calls."""
