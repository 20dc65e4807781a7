"""The command `elsewhere`: a user's view of tasks, and what a user may do to them."""
