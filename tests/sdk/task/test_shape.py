"""The shape of `Task`: one level of aspects between it and the handle."""

from __future__ import annotations

import pytest

from elsewhere import Task
from elsewhere.task.handle import Handle

OURS = [kind for kind in Task.__mro__ if kind.__module__.startswith("elsewhere.")]
ASPECTS = [kind for kind in OURS if kind not in (Task, Handle)]


def test_a_task_is_made_of_flat_aspects_and_one_handle() -> None:
    assert [Task, *Task.__bases__, Handle] == OURS


@pytest.mark.parametrize("aspect", ASPECTS, ids=lambda kind: kind.__name__)
def test_an_aspect_stands_on_the_handle_alone_in_a_file_of_its_own(aspect: type) -> None:
    assert aspect.__bases__ == (Handle,)
    assert aspect.__module__.startswith("elsewhere.task.aspects.")
    assert sum(other.__module__ == aspect.__module__ for other in ASPECTS) == 1


def test_no_two_aspects_define_the_same_name() -> None:
    names = [name for kind in ASPECTS for name in vars(kind) if not name.startswith("__")]
    assert sorted(names) == sorted(set(names))
