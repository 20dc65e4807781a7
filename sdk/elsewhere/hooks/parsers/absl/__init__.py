"""absl flags: every flag that a program defines is a parameter `TF_DEFINE/<flag>`, and a remote
run's parameters are the flags' values.

The flags that absl defines for itself, such as `--verbosity`, are not recorded. A value that a
flag's parser or a validator does not take ends the process with status 2.
"""
