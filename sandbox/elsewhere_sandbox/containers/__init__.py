"""Containers: the engine, the image of a run, and the arguments that a container is made with."""
