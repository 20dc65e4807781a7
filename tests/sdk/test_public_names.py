"""Every public name is listed in docs/sdk.md and documented."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from typing import Any

import pytest

from tests.reference import PAGE, documented, members, page, public_names

ALL = [
    (f"{name}.{member}", value)
    for name, found in public_names().items()
    if inspect.isclass(found)
    for member, value in members(found)
] + list(public_names().items())


@pytest.mark.parametrize("value", [value for _, value in ALL], ids=[name for name, _ in ALL])
def test_a_public_name_says_what_it_gives(value: Any) -> None:
    text = inspect.getdoc(value.fget if isinstance(value, property) else value)
    assert text
    assert text.strip().endswith((".", ")", "`"))


def test_the_list_of_names_is_true() -> None:
    assert PAGE.read_text() == page(), "call: make reference"


def test_the_public_names_need_nothing_that_the_package_does_not_install() -> None:
    needed = {"fsspec", "redis", "rich", "rq", "tomli", "async_timeout"}
    script = f"""
import sys
class Bare:
    def find_spec(self, name, path, target=None):
        first = name.partition(".")[0]
        if first not in sys.stdlib_module_names and first not in {needed | {"elsewhere"}!r}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Bare())
from elsewhere import *
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.parametrize(("name", "value"), ALL, ids=[name for name, _ in ALL])
def test_every_parameter_stands_in_the_docstring(name: str, value: Any) -> None:
    if isinstance(value, property) or ("." in name and inspect.isclass(value)):
        return
    text = documented(name)
    taken = set(inspect.signature(value).parameters) - {"self", "cls"}
    assert [one for one in sorted(taken) if not re.search(rf"\b{one}\b", text)] == []
