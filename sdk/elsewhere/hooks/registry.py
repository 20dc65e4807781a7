"""The table of the hooks, and the calls that attach them to the run of a task.

A new hook is a module with an `attach` (`api.Hook`), a line in `HOOKS` and, for a framework, its
lines in `run/auto_connect.py`, which switches hooks off. A parser is a module with a `patch`, and a
line in `PARSERS`: it is watched from the import of the SDK on, since programs parse before
`Task.init` as often as after it.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from importlib import import_module
from typing import TYPE_CHECKING, Final

from elsewhere.core.late_logger import late_logger
from elsewhere.core.when_imported import when_imported
from elsewhere.hooks.launch import LAUNCH
from elsewhere.hooks.parsers.parsed import Parsed

if TYPE_CHECKING:
    from types import ModuleType

    from elsewhere.hooks.api import Hook
    from elsewhere.hooks.launch import Role
    from elsewhere.hooks.parsers.hydra.launches import ConfigurationsSource, End
    from elsewhere.hooks.parsers.parsed import OverridesSource
    from elsewhere.report.recorder import OwnRun

logger = late_logger(__name__)

#: the libraries that parse command lines: what a program imports of each, and our module for it
PARSERS: Final = {
    "argparse": Parsed("argparse", "argparse.parsing"),
    "jsonargparse": Parsed("jsonargparse", "jsonargparse.parsing"),
    "click": Parsed("click", "click.commands"),
    "typer": Parsed("typer.core", "typer.commands"),
    "tyro": Parsed("tyro._cli", "tyro.fields"),
    "fire": Parsed("fire", "fire.components"),
    "absl": Parsed("absl.flags", "absl.flags"),
}


def _later(module: str) -> Hook:
    """The hook `attach` of our `module`, which is imported when a task begins."""

    def attach_later(run: OwnRun) -> Callable[[], None]:
        detach: Callable[[], None] = import_module(f"{__package__}.{module}").attach(run)
        return detach

    return attach_later


def _with(library: str, module: str) -> Hook:
    """The hook `attach` of our `module`, which is imported when the program imports `library`."""

    def attach_with(run: OwnRun) -> Callable[[], None]:
        detachers: list[Callable[[], None]] = []

        def attach_now(imported: ModuleType) -> None:
            hook = import_module(f"{__package__}.frameworks.{module}")
            detachers.append(hook.attach(run, imported))

        detachers.append(when_imported(library, attach_now))

        def detach() -> None:
            while detachers:
                detachers.pop()()

        return detach

    return attach_with


#: the frameworks whose models, metrics, figures and apps are recorded
FRAMEWORKS: Final[dict[str, Hook]] = {
    "torch": _with("torch", "pytorch"),
    "safetensors": _with("safetensors.torch", "safetensors"),
    "distributed_checkpoint": _with("torch.distributed.checkpoint", "distributed_checkpoint"),
    **{
        module: _with(module, "lightning")
        for module in (
            *("lightning.fabric.plugins.io.torch_io", "lightning_fabric.plugins.io.torch_io"),
            *("lightning.fabric.fabric", "lightning_fabric.fabric"),
            *("lightning.pytorch.trainer.trainer", "pytorch_lightning.trainer.trainer"),
        )
    },
    "transformers": _with("transformers.modeling_utils", "transformers"),
    "accelerate": _with("accelerate", "accelerate"),
    "fastai": _with("fastai.learner", "fastai"),
    "keras": _with("keras", "keras"),
    "tensorflow": _with("tensorflow", "tensorflow"),
    "joblib": _with("joblib", "joblib"),
    "xgboost": _with("xgboost", "xgboost"),
    "lightgbm": _with("lightgbm", "lightgbm"),
    "catboost": _with("catboost", "catboost"),
    "megengine": _with("megengine", "megengine"),
    "matplotlib": _with("matplotlib", "matplotlib"),
    "gradio": _with("gradio", "gradio"),
    "progress": _later("progress.following"),
}

#: the writers for TensorBoard: what a program writes with them, it reports by hand
WRITERS: Final[dict[str, Hook]] = {
    "torch_tensorboard": _with("torch.utils.tensorboard.writer", "tensorboard.writers"),
    "tensorboardX": _with("tensorboardX.writer", "tensorboard.writers"),
    "tensorflow_summary": _with("tensorflow.python.ops.gen_summary_ops", "tensorboard.tensorflow"),
    "tensorflow1": _with("tensorflow.python.summary.writer.writer", "tensorboard.writers"),
}
#: the hyperparameters that are written for TensorBoard
HPARAMS: Final[dict[str, Hook]] = {
    "torch_hparams": _with("torch.utils.tensorboard.summary", "tensorboard.hparams"),
    "tensorboardX_hparams": _with("tensorboardX.summary", "tensorboard.hparams"),
    "tensorflow_hparams": _with("tensorboard.plugins.hparams.summary_v2", "tensorboard.hparams"),
}

#: the name of each hook to its `attach`, in the order of attaching
HOOKS: Final[dict[str, Hook]] = {
    "environment": _later("environment"),
    "hydra": _later("parsers.hydra.launches"),
    **{name: parsed.attach for name, parsed in PARSERS.items()},
    **FRAMEWORKS,
    **WRITERS,
    **HPARAMS,
}


def watch(
    overrides: OverridesSource,
    configurations: ConfigurationsSource = lambda: None,
    end: End = lambda _error: None,
    role: Callable[[], Role] = lambda: "task",
) -> Callable[[], None]:
    """Watches the parsers of all libraries from now on; returns the call that stops it.

    `overrides` gives the overrides while no task is attached: None on a local run. `configurations`
    does so for the configuration objects; `end` ends the task of this process, for a program that
    runs several, one after the other; `role` gives what this process is to the task.
    """
    LAUNCH.begin(role)
    stops = [parsed.watch(overrides) for parsed in PARSERS.values()]

    def watch_hydra(_module: object) -> None:
        from elsewhere.hooks.parsers.hydra.launches import LAUNCHES  # noqa: PLC0415 - weight

        LAUNCHES.configurations_source, LAUNCHES.end = configurations, end
        stops.append(LAUNCHES.watch(overrides))

    stops.append(when_imported("hydra.main", watch_hydra))

    def stop() -> None:
        while stops:
            stops.pop()()

    return stop


def attach(run: OwnRun, enabled: Container[str] = HOOKS) -> Callable[[], None]:
    """Attaches the hooks whose names are `enabled` to the run; returns the call that detaches them.

    It is called when the task begins, the returned one when it ends. An error of a hook is logged,
    and the next hook is attached.
    """
    detachers = []
    for name, hook in HOOKS.items():
        if name in enabled:
            try:
                detachers.append(hook(run))
            except Exception:  # an outermost seam: the program goes on
                logger.warning("Nothing of %s is recorded: its hook failed.", name, exc_info=True)

    def detach() -> None:
        while detachers:
            detachers.pop()()

    return detach
