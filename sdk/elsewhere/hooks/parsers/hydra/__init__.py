"""Hydra: the lines of its command line are parameters, the composed config is a configuration
object, and a remote run's parameters replace the lines.

`Hydra/lr` = 0.1 is `lr=0.1` on the command line: a text is what is typed behind the `=`, other
values keep their types. With `Hydra/_allow_omegaconf_edit_` True the task's configuration object
OmegaConf replaces the config, and the parameters are ignored.

In a multirun a task that began before it is the whole sweep's, with the sweep's parameters. A task
that a job begins is the job's own: it has that job's parameters and ends with it. Calls of the
Compose API are not recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from elsewhere.hooks.parsers.hydra.launches import Launches
from elsewhere.hooks.replacing import replace

if TYPE_CHECKING:
    from elsewhere.hooks.parsers.hydra.launches import ConfigurationsSource, End
    from elsewhere.hooks.parsers.parsed import OverridesSource, Watcher


def watch(
    overrides: OverridesSource,
    configurations: ConfigurationsSource = lambda: None,
    end: End = lambda _error: None,
) -> Callable[[], None]:
    """Watches what Hydra launches, with the arguments and the result of `registry.watch`."""
    _launches.configurations_source = configurations
    _launches.end = end
    return _launches.watch(overrides)


def _patch(_watcher: Watcher) -> Callable[[], None]:
    from hydra._internal import utils  # noqa: PLC0415 - weight: the program has imported it

    def launch(*given: Any, **named: Any) -> Any:
        from elsewhere.hooks.parsers.hydra import jobs  # noqa: PLC0415 - it needs the whole of hydra

        return jobs.launch(_launches, *given, **named)

    return replace(utils, "_run_app", launch)


def _own() -> Launches:
    return _launches


#: one for the whole process: a program is launched before any task as often as after it
_launches: Final = Launches("hydra.main", _patch, find=_own)

attach: Final = _launches.attach
