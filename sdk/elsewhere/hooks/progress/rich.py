"""rich: the tasks of a display, and `track`. Those of a display that counts bytes are transfers."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from elsewhere.hooks.frameworks.parts import replace_parts
from elsewhere.hooks.progress.loops import Loop, is_of_others

if TYPE_CHECKING:
    from elsewhere.hooks.progress.loops import Loops

_OF_BYTES: Final = {
    "DownloadColumn",
    "FileSizeColumn",
    "TotalFileSizeColumn",
    "TransferSpeedColumn",
}


def attach(loops: Loops, progress: ModuleType) -> Callable[[], None]:
    """Follows the displays of the module `rich.progress`."""
    known: WeakKeyDictionary[Any, dict[Any, Loop | None]] = WeakKeyDictionary()

    def begin(display: Any, number: Any) -> None:
        task = display._tasks[number]
        is_of_bytes = any(type(column).__name__ in _OF_BYTES for column in display.columns)
        if not (is_of_bytes or is_of_others(display)):
            loop = loops.begin(task.completed, task.total) if task.total else None
            known.setdefault(display, {})[number] = loop

    def look(display: Any) -> None:
        tasks = known.get(display, {})
        for number, loop in list(tasks.items()):
            task = display._tasks.get(number)
            if task is not None and task.total:
                if loop is None:  # its end was not known until now
                    loop = tasks[number] = loops.begin(task.completed, task.total)
                loops.note(loop, task.completed, task.total)
        loops.look()

    def end(display: Any, *numbers: Any) -> None:
        look(display)
        tasks = known.get(display, {})
        for number in numbers or list(tasks):
            loops.end(tasks.pop(number, None))

    def add(original: Callable[..., Any], display: Any, *given: Any, **named: Any) -> Any:
        number = original(display, *given, **named)
        loops.safely(begin, display, number)
        return number

    def move(original: Callable[..., Any], display: Any, *given: Any, **named: Any) -> Any:
        result = original(display, *given, **named)
        if loops.is_due:  # a program may call it a million times
            loops.safely(look, display)
        return result

    def reset(original: Callable[..., Any], display: Any, *given: Any, **named: Any) -> Any:
        loops.safely(look, display)
        result = original(display, *given, **named)
        loops.safely(look, display)
        return result

    def remove(original: Callable[..., Any], display: Any, task_id: Any) -> Any:
        loops.safely(end, display, task_id)
        return original(display, task_id)

    def stop(original: Callable[..., Any], display: Any, *given: Any, **named: Any) -> Any:
        loops.safely(end, display)
        return original(display, *given, **named)

    return replace_parts(
        progress,
        {
            "Progress.add_task": add,
            "Progress.update": move,
            "Progress.advance": move,
            "Progress.reset": reset,
            "Progress.remove_task": remove,
            "Progress.stop": stop,
        },
    )
