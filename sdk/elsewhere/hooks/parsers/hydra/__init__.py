"""Hydra: the lines of its command line are parameters, the composed config is a configuration
object, and a remote run's parameters replace the lines.

`Hydra/lr` = 0.1 is `lr=0.1` on the command line: a text is what is typed behind the `=`, other
values keep their types. With `Hydra/_allow_omegaconf_edit_` True the task's configuration object
OmegaConf replaces the config, and the parameters are ignored.

In a multirun a task that began before it is the whole sweep's, with the sweep's parameters. A task
that a job begins is the job's own: it has that job's parameters and ends with it. Calls of the
Compose API are not recorded.
"""
