"""One machine and its operator: the command `agent`.

Owns the daemon, slots and devices, the configuration and the machine's health. Leaves the run
folders to the worker.
"""
