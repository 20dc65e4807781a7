"""What a task asks of its agent is checked where it is asked for."""

from __future__ import annotations

import pytest

from elsewhere.core.asked import asked
from elsewhere.core.errors import UsageError
from elsewhere.core.records import Environment

NOTHING = Environment()


def test_what_is_not_asked_for_stays() -> None:
    before = Environment(python="3.11", secrets=("A",), keep=("a",), mounts={"a": "b"})
    assert asked(before, (), (), {}) == before
    after = asked(before, "B", ["out/**", "out/**"], {"data/./corpus/": "corpus"})
    assert (after.secrets, after.keep) == (("B",), ("out/**",))
    assert (after.mounts, after.python) == ({"data/corpus": "corpus"}, "3.11")


@pytest.mark.parametrize("path", ["/data", "../data", "a/../../b", "", ".", "a\0b"])
def test_no_path_leads_out_of_the_code(path: str) -> None:
    with pytest.raises(UsageError, match="stays below it"):
        asked(NOTHING, (), (), {path: "corpus"})
    with pytest.raises(UsageError):
        asked(NOTHING, (), [path], {})


@pytest.mark.parametrize(
    ("mounts", "problem"),
    [
        (["data"], "must be a dict of paths and names"),
        (None, "must be a dict of paths and names"),
        ({"data": 3}, "both must be texts"),
        ({"data": ""}, "both must be texts"),
        ({3: "data"}, "both must be texts"),
    ],
)
def test_mounts_are_paths_and_names(mounts: object, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        asked(NOTHING, (), (), mounts)


def test_a_secret_has_the_name_of_a_variable() -> None:
    with pytest.raises(UsageError, match="as a variable has one"):
        asked(NOTHING, ["not a name"], (), {})
