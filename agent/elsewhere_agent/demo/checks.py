"""The checks after the demo: they look at exactly what the demo shows."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

from elsewhere.core.choices import DEFAULT_SEED, Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from elsewhere.core.folders import Home
    from elsewhere_agent.demo.facts import Facts
    from elsewhere_agent.demo.laptop import Laptop

#: a sentence, whether it holds, and what was found
Check = tuple[str, bool, object]

_DEGREE: Final = 3
_LOSS: Final = "loss/train"


def checks(
    laptop: Laptop,
    home: Home,
    train: Facts,
    clone: Facts,
    function: Facts,
    *,
    packages: str,
    output_here: str,
    changed: float,
) -> Iterator[Check]:
    """The checks of the tasks. `packages` are the laptop's, `output_here` is the output of train.py
    there, and `changed` is the learning rate of the clone."""
    tasks = (train, clone, function)
    yield from _runs(tasks, output_here)
    yield from _code(laptop, train)
    yield from _environment(home, packages, tasks)
    yield from _seed(tasks)
    yield from _parameters(train, clone, function, changed)
    yield from _reported(train, clone)


def _runs(tasks: tuple[Facts, ...], output_here: str) -> Iterator[Check]:
    found = [(str(task.state.status), task.start_s) for task in tasks]
    is_done = all(task.state.status is Status.COMPLETED and task.start_s for task in tasks)
    yield "All three tasks have run and completed.", is_done, found
    is_away = "waits in queue 'default'" in output_here and "random numbers" not in output_here
    yield "The script ended on the laptop and ran on the agent.", is_away, output_here


def _code(laptop: Laptop, train: Facts) -> Iterator[Check]:
    source, commit = train.record.source, laptop.commit()
    is_there = source.commit == commit and bool(source.bundle) and not laptop.is_pushed(commit)
    yield "The unpushed commit travelled.", is_there, source
    files = laptop.uncommitted()
    degree = train.line("degree ").partition(",")[0]
    is_edited = "M settings.py" in files and degree == str(_DEGREE)
    yield "The edited file ran as it was edited.", is_edited, degree
    fitted = train.line("y = ")
    is_imported = "?? polynomial.py" in files and f"x^{_DEGREE}" in fitted
    yield "The untracked file was imported.", is_imported, fitted
    digest, data = laptop.digest_of_data()[:16], train.line("data: ")
    is_same = "M points.bin" in files and data.endswith(f"sha256 {digest}")
    yield f"The changed binary file arrived whole, sha256 {digest}.", is_same, data


def _environment(home: Home, packages: str, tasks: tuple[Facts, ...]) -> Iterator[Check]:
    wanted = packages.split(", ")
    captured = list(tasks[0].record.environment.packages or ())
    yield f"{packages} was captured and installed.", captured == wanted, captured
    cold, *warm = (task.is_warm for task in tasks)
    built = [path.parent.name for path in home.environments.glob("*/complete.json")]
    is_shared = len(built) == 1 and not cold and all(warm)
    yield "The environment was built once, for all three.", is_shared, built


def _seed(tasks: tuple[Facts, ...]) -> Iterator[Check]:
    seeds = [task.record.seed for task in tasks]
    yield f"All have the seed {DEFAULT_SEED}.", seeds == [DEFAULT_SEED] * 3, seeds
    numbers = random.Random(DEFAULT_SEED)
    expected = f"{numbers.random():.9f} {numbers.random():.9f}"
    drawn = [task.line("random numbers: ") for task in tasks[:2]]
    yield f"Both trainings drew {expected}.", drawn == [expected] * 2, drawn


def _parameters(train: Facts, clone: Facts, function: Facts, changed: float) -> Iterator[Check]:
    first, second = train.parameters.get("Args/lr"), clone.parameters.get("Args/lr")
    is_used = f"lr {changed}," in clone.output and f"lr {first}," in train.output
    is_changed = is_used and second == changed != first
    yield f"The clone ran with lr {second} instead of {first}.", is_changed, (first, second)
    losses = [one.scalars.get(_LOSS, [0.0])[-1] for one in (train, clone)]
    yield "That gave another loss.", losses[0] != losses[1], losses
    connected = {name: train.parameters.get(f"General/{name}") for name in ("batch", "decay")}
    yield "The connected dict is recorded.", connected == {"batch": 10, "decay": 0.97}, connected
    call = function.record.call
    given = function.parameters.get("Function/training")
    is_called = call is not None and call.function == "evaluate" and given == train.record.id
    error = function.scalars.get("error/fresh points", [])
    is_answered = len(error) == 1 and error[0] < 1
    yield "The function was called with its arguments.", is_called and is_answered, (given, error)


def _reported(train: Facts, clone: Facts) -> Iterator[Check]:
    epochs = train.parameters.get("Args/epochs")
    points = [len(one.scalars.get(_LOSS, [])) for one in (train, clone)]
    yield f"Every one of {epochs} epochs has reported its loss.", points == [epochs] * 2, points
    bars = [line for line in train.output.splitlines() if line.startswith("epoch ")]
    is_one = len(bars) == 1 and bars[0].startswith(f"epoch {epochs}/{epochs} ")
    yield "The progress bar is one line, its last.", is_one, bars
    is_growing = train.seen == sorted(train.seen) and any(0 < seen < 100 for seen in train.seen)
    yield "The progress was seen to grow while it ran.", is_growing, train.seen
    artifact = train.artifacts.get("weights")
    weights = artifact.get() if artifact is not None else None
    is_whole = (
        isinstance(weights, dict)
        and len(weights.get("coefficients", ())) == _DEGREE + 1
        and weights.get("loss") == train.scalars[_LOSS][-1]
    )
    yield "The artifact holds the weights.", is_whole, weights
    memory = train.resources.get("memory_used_gb", [])
    yield "Resources were monitored.", any(value > 0 for value in memory), memory
