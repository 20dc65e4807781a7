"""Between Redis and the run folders of one machine.

Owns the claim, the launch, the delivery, the lease, the stop and the end of each attempt, and the
reaper and the reconciler that mend what a vanished machine left. Runs no task itself.
"""
