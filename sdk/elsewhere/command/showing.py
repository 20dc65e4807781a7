"""`elsewhere show`: all data of one task."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from elsewhere.command.arguments import add_id, add_json
from elsewhere.command.listing import plain_task
from elsewhere.command.naming import find_task
from elsewhere.command.printing import clean, json_text
from elsewhere.command.tables import bar, grid, open_console, status_text
from elsewhere.core.choices import ScalarKind, Status
from elsewhere.core.codec import to_plain
from elsewhere.core.errors import NotFoundError
from elsewhere.core.events import MONITOR, FilesWritten, Plot, Sample
from elsewhere.core.params import split_name, to_text
from elsewhere.core.records import ModelRecord
from elsewhere.core.wording import counted, duration, number, short, size, sparkline, why
from elsewhere.store.model_records import reports_of

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterable, Sequence

    from rich.console import Console

    from elsewhere.core.records import (
        Artifact,
        Attempt,
        Environment,
        ModelUse,
        Parameter,
        TaskRecord,
        TaskState,
    )
    from elsewhere.core.scalars import Curve
    from elsewhere.store.api import SeriesHistory, SeriesSummary, TaskPhase
    from elsewhere.store.redis.store import RedisStore

#: characters of a value that fit a line
_LONGEST: Final = 200
#: of the name of a row, which widens all of them
_LONGEST_NAME: Final = 100
#: of the reason why something has no place yet
_LONGEST_REASON: Final = 2000
#: lines of a configuration; `--json` has all
_MOST_LINES: Final = 20
#: files of a run that are listed
_FILES: Final = 20
#: points of a curve that is drawn in a line
_CURVE_POINTS: Final = 16
#: hex digits of a digest that people see
_DIGEST: Final = 12


def add_options(parser: ArgumentParser) -> None:
    add_id(parser)
    add_json(parser)


def run(store: RedisStore, given: Namespace) -> int:
    task_id = find_task(store, given.id)
    record, state = store.read(task_id), store.state(task_id)
    series, artifacts = store.series(task_id), list(store.artifacts(task_id).values())
    models, machine = store.task_models(task_id), to_plain(store.machine(task_id)) or {}
    phases, attempts = _last_of_each(store.phases(task_id)), store.attempts(task_id)
    scalars = [item for item in series if item.kind is not ScalarKind.RESOURCE]
    resources = [item for item in series if item.kind is ScalarKind.RESOURCE]
    if given.json:
        plain = {
            **plain_task(record, state),
            "attempts": [to_plain(item) for item in attempts],
            "phases": [{"attempt": item.attempt, **to_plain(item.phase)} for item in phases],
            "machine": machine,
            "scalars": [to_plain(item) for item in scalars],
            "resources": [to_plain(item) for item in resources],
            "plots": [to_plain(item) for item in store.histories(task_id, Plot)],
            "samples": [to_plain(item) for item in store.histories(task_id, Sample)],
            "artifacts": [to_plain(item) for item in artifacts],
            "models": [
                {
                    **to_plain(item),
                    "scalars": [to_plain(one) for one in store.series(reports_of(item.model))],
                    "plots": [
                        to_plain(one) for one in store.histories(reports_of(item.model), Plot)
                    ],
                }
                for item in models
            ],
            "files": [to_plain(item) for item in store.kept(task_id, FilesWritten)],
        }
        print(json_text(plain))
        return 0
    console = open_console()
    (row,) = store.look_up([task_id], ["system_tags"]) or [{"system_tags": ()}]
    _print_head(console, record, state, row["system_tags"])
    _print_parameters(console, record)
    for name, configuration in record.configurations.items():
        kind = f" ({clean(configuration.type)})" if configuration.type else ""
        _print_section(console, f"configuration {clean(name)}{kind}", _lines(configuration.text))
    _print_section(console, "labels", ((name, str(at)) for name, at in record.labels.items()))
    _print_section(console, "properties", map(_property_row, record.properties.items()))
    _print_section(console, "models", (_model_row(store, use) for use in models))
    for use in models:
        if use.is_output:
            _print_reports(console, store, use)
    _print_section(console, "source", _source_rows(record))
    _print_section(console, "environment", _environment_rows(record))
    _print_section(console, "needs", _needs_rows(record))
    _print_section(console, "attempts", (_attempt_row(item, state) for item in attempts))
    _print_section(console, "machine", ((name, str(it)) for name, it in machine.items() if it))
    _print_section(console, "phases", [_phase_row(item, state) for item in phases])
    curves = store.curves([(task_id, one.title, one.series) for one in scalars], _CURVE_POINTS)
    _print_section(console, "scalars", map(_scalar_row, scalars, curves))
    _print_section(console, "resources", map(_resource_row, resources))
    _print_section(console, "plots", map(_history_row, store.histories(task_id, Plot)))
    _print_section(console, "samples", map(_history_row, store.histories(task_id, Sample)))
    _print_section(console, "artifacts", map(_artifact_row, artifacts))
    for written in store.kept(task_id, FilesWritten):
        _print_section(console, "files", _file_rows(written, task_id))
    return 0


Row = tuple[str, ...]


def _print_section(console: Console, heading: str, rows: Iterable[Row]) -> None:
    from rich.text import Text  # noqa: PLC0415 - weight

    table = grid()
    for row in rows:
        first, *others = (Text(clean(cell)) for cell in row)
        first.stylize("cyan")
        table.add_row("", first, *others)
    if table.rows:
        console.print(f"\n{heading}", style="bold")
        console.print(table)


def _print_head(
    console: Console, record: TaskRecord, state: TaskState, system_tags: Sequence[str]
) -> None:
    from rich.text import Text  # noqa: PLC0415

    console.print(Text.assemble((clean(record.name), "bold"), f"  {record.id}"))
    status = status_text(state)
    if state.outcome is not None and str(state.outcome.reason) != str(state.status):
        status.append(f"  {clean(why(state.outcome))}")
    message = state.message or (state.outcome.message if state.outcome else "")
    if message:
        status.append(f"  {clean(message)}")
    table = grid()
    table.add_row("status", status)
    rows = {
        "project": record.project,
        "type": str(record.type),
        "tags": ", ".join(record.tags),
        "system": ", ".join(system_tags),
        "comment": record.comment,
        "parent": record.parent,
        "progress": bar(state.progress),
        "seed": "off" if record.seed is None else str(record.seed),
        "function": record.call.function if record.call else "",
        "queue": state.queue,
        "worker": state.worker,
        "iteration": str(state.last_iteration or ""),
        "created": _time(record.created_at),
        "started": _time(state.started_at),
        "ended": _time(state.ended_at),
    }
    for name, value in rows.items():
        if value:
            table.add_row(name, Text(clean(value)))
    console.print(table)


def _print_parameters(console: Console, record: TaskRecord) -> None:
    sections: dict[str, list[Row]] = {}
    for full_name, parameter in record.parameters.items():
        section, name = split_name(full_name)
        value = _cut(to_text(parameter.value))
        sections.setdefault(section, []).append((name, value, parameter.type))
    for section, rows in sections.items():
        _print_section(console, f"parameters {clean(section)}", rows)


def _lines(text: str) -> list[Row]:
    lines = text.splitlines()
    rest = len(lines) - _MOST_LINES
    more = [f"... and {rest} more lines: --json has all"] if rest > 0 else []
    # Indented as they are: a cell is one line without its tabs.
    return [(_cut(line.expandtabs(4)),) for line in (*lines[:_MOST_LINES], *more)]


def _property_row(item: tuple[str, Parameter]) -> Row:
    name, found = item
    return name, _cut(to_text(found.value)), found.description


def _model_row(store: RedisStore, use: ModelUse) -> Row:
    try:
        model = store.model(use.model)
    except NotFoundError:
        model = ModelRecord(id=use.model, preview="It is not there any more.")
    where = _cut(model.url) or _cut(model.preview, _LONGEST_REASON)
    return use.name, "output" if use.is_output else "input", use.model, model.framework, where


def _print_reports(console: Console, store: RedisStore, use: ModelUse) -> None:
    """Prints what was reported of an output model."""
    holder, name = reports_of(use.model), clean(use.name)
    series = store.series(holder)
    curves = store.curves([(holder, one.title, one.series) for one in series], _CURVE_POINTS)
    _print_section(console, f"scalars of the model {name}", map(_scalar_row, series, curves))
    plots = store.histories(holder, Plot)
    _print_section(console, f"plots of the model {name}", map(_history_row, plots))


def _file_rows(written: FilesWritten, task_id: str) -> list[Row]:
    rows = [(path, size(count_bytes)) for path, count_bytes in written.files.items()]
    where = f"all {written.count} are in {written.folder} on {written.machine}:"
    where = f"{where} elsewhere fetch {short(task_id)} --to DIR"
    return [*rows[:_FILES], (where, size(written.total_bytes))]


def _source_rows(record: TaskRecord) -> list[Row]:
    source = record.source
    edits = {name: one for name, one in record.parameters.items() if one.is_edit}
    rows = {
        "runs": " ".join((source.command, *source.argv)),
        "edited": ", ".join(f"{name}={_cut(to_text(one.value))}" for name, one in edits.items()),
        "in": source.working_dir if source.working_dir != "." else "",
        "repository": source.repository,
        "branch": source.branch,
        "commit": source.commit,
        "uncommitted": f"patch {source.patch[:_DIGEST]}" if source.patch else "",
        "unpushed": f"bundle {source.bundle[:_DIGEST]}" if source.bundle else "",
        "submodules": ", ".join(
            f"{item.path} {item.commit[:_DIGEST]}" for item in source.submodules
        ),
    }
    return [(name, value) for name, value in rows.items() if value]


def _environment_rows(record: TaskRecord) -> list[Row]:
    environment = record.environment
    packages = environment.packages
    rows = {
        "python": environment.python,
        "packages": "those of requirements.txt"
        if packages is None
        else ", ".join(packages) or "none",
        "locked": _locked(environment),
        "lock file": environment.lock_file,
        "image": environment.image,
        "setup": "; ".join(environment.setup),
        "variables": ", ".join(sorted(environment.variables)),
        "secrets": ", ".join(environment.secrets),
        "mounts": ", ".join(f"{path} ({name})" for path, name in environment.mounts.items()),
        "data": ", ".join(
            f"{one.path} ({size(one.size_bytes) if one.digest else 'not sent'})"
            for one in environment.data
        ),
        "keeps": ", ".join(environment.keep),
    }
    return [(name, value) for name, value in rows.items() if value]


def _needs_rows(record: TaskRecord) -> list[Row]:
    needs = record.needs
    rows = {
        "gpus": "" if needs.gpus is None else number(needs.gpus),
        "cores": str(needs.cpus or ""),
        "memory": size(needs.memory_bytes) if needs.memory_bytes else "",
        "disk": size(needs.disk_bytes) if needs.disk_bytes else "",
        "time limit": f"{record.time_limit_s:g} s" if record.time_limit_s else "",
        "priority": str(record.priority or ""),
    }
    return [(name, value) for name, value in rows.items() if value]


def _locked(environment: Environment) -> str:
    if not environment.lock:
        return ""
    wheels = f", {len(environment.wheels)} wheels of its machine" if environment.wheels else ""
    return f"all that was installed, lock {environment.lock[:_DIGEST]}{wheels}"


def _attempt_row(attempt: Attempt, state: TaskState) -> Row:
    """Makes an attempt's row; the message of the last one's end is at the top already."""
    outcome = attempt.outcome
    took = duration(attempt.ended_at - attempt.started_at) if attempt.ended_at else "going on"
    how = outcome.sentence if outcome else ""
    if outcome and outcome != state.outcome:
        how = f"{why(outcome)}  {outcome.message}"
    return str(attempt.number), attempt.worker, _time(attempt.started_at), took, how


def _last_of_each(phases: Sequence[TaskPhase]) -> list[TaskPhase]:
    """Keeps the last report of each phase, which is reported at its beginning and its end."""
    return list({(item.attempt, item.phase.name): item for item in phases}.values())


def _phase_row(item: TaskPhase, state: TaskState) -> Row:
    is_current = item.attempt == state.attempt and state.status is Status.IN_PROGRESS
    took = "going on" if is_current else "not ended"
    if item.phase.seconds is not None:
        took = f"{item.phase.seconds:.3f} s"
    return f"attempt {item.attempt}", item.phase.name, took, _cut(item.phase.detail)


def _scalar_row(item: SeriesSummary, curve: Curve) -> Row:
    name = _cut(f"{item.title} / {item.series}", _LONGEST_NAME)
    if item.kind is ScalarKind.SINGLE:
        return name, number(item.last)
    low, high = _extreme(item.minimum, item.minimum_at), _extreme(item.maximum, item.maximum_at)
    shown = (f"last {number(item.last)}", f"min {low}", f"max {high}")
    points = counted(item.count, "point")
    return name, sparkline(curve.values), *shown, points, f"iteration {item.iteration}"


def _extreme(value: float, at: int | None) -> str:
    return number(value) if at is None else f"{number(value)} at {at}"


def _resource_row(item: SeriesSummary) -> Row:
    name = f"{item.title.removeprefix(MONITOR)} / {item.series}"
    return name, number(item.last), f"max {number(item.maximum)}"


def _history_row(item: SeriesHistory) -> Row:
    name = _cut(f"{item.title} / {item.series}", _LONGEST_NAME)
    return name, str(item.count), _time(item.at)


def _artifact_row(artifact: Artifact) -> Row:
    where = _cut(artifact.url) or _cut(artifact.preview, _LONGEST_REASON)
    return artifact.name, artifact.type, size(artifact.size_bytes), where


def _cut(text: str, longest: int = _LONGEST) -> str:
    return text if len(text) <= longest else f"{text[:longest]}..."


def _time(at: float) -> str:
    """Formats a time as local time; empty for none."""
    return f"{datetime.fromtimestamp(at).astimezone():%Y-%m-%d %H:%M:%S}" if at else ""
