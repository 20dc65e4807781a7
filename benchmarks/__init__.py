"""What Elsewhere costs: each figure beside its target, and a floor or a peer from the same run.

Owns the figures of `make bench`. They are real processes on this machine, and no test: a missed
target is marked, and the exit code says only whether everything could be measured.
"""
