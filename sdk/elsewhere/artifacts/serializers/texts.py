"""Dicts, lists, numbers and text, in text files."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from elsewhere.artifacts.preview import head_of
from elsewhere.artifacts.serializers.api import Format, Serializer, UnwritableError, driver

if TYPE_CHECKING:
    from pathlib import Path


def _write_json(obj: object, file: Path, *, is_sorted: bool = True) -> None:
    try:
        try:
            text = json.dumps(obj, indent=4, ensure_ascii=False, sort_keys=is_sorted)
        except TypeError:  # keys of several types have no order
            text = json.dumps(obj, indent=4, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise UnwritableError(f"it cannot be kept as JSON ({error})") from error
    # JSON's escape of a lone surrogate is the same.
    file.write_bytes(text.encode("utf-8", "backslashreplace"))


def _read_json(file: Path) -> Any:
    return json.loads(file.read_bytes())


def _read_tuple(file: Path) -> object:
    return tuple(_read_json(file))


def _write_yaml(obj: object, file: Path, *, is_sorted: bool = True) -> None:
    yaml = driver("yaml", "PyYAML", "A .yaml file")
    dump = partial(yaml.safe_dump, obj, allow_unicode=True, default_flow_style=False)
    try:
        try:
            text = dump(sort_keys=is_sorted)
        except TypeError:
            text = dump(sort_keys=False)
    except (yaml.YAMLError, TypeError, ValueError, RecursionError) as error:
        raise UnwritableError(f"it cannot be kept as YAML ({error})") from error
    file.write_bytes(text.encode())


def _read_yaml(file: Path) -> object:
    return driver("yaml", "PyYAML", "A .yaml file").safe_load(file.read_bytes())


def _write_text(obj: str, file: Path) -> None:
    file.write_bytes(obj.encode("utf-8", "surrogatepass"))


def _read_text(file: Path) -> str:
    return file.read_bytes().decode("utf-8", "surrogatepass")


def _head(_: object, file: Path) -> str:
    return head_of(file)


def _in_json(*kinds: type) -> Serializer:
    """The serializer of instances of `kinds`, which only become JSON."""
    return Serializer(
        accepts=lambda obj: isinstance(obj, kinds),
        formats=lambda: {".json": _JSON},
        preview=_head,
    )


_JSON: Final = Format(
    content_type="application/json",
    write=_write_json,
    write_unsorted=partial(_write_json, is_sorted=False),
    read=_read_json,
    otherwise=".pkl",
)
_YAML: Final = Format(
    content_type="application/yaml",
    write=_write_yaml,
    write_unsorted=partial(_write_yaml, is_sorted=False),
    read=_read_yaml,
    otherwise=".pkl",
)
_TEXT: Final = Format(content_type="text/plain", write=_write_text, read=_read_text)

BOOLS: Final = _in_json(bool)
NUMBERS: Final = _in_json(int, float)
LISTS: Final = _in_json(list)
DICTS: Final = Serializer(
    accepts=lambda obj: isinstance(obj, dict),
    formats=lambda: {".json": _JSON, ".yaml": _YAML, ".yml": _YAML},
    preview=_head,
)
#: not subclasses: a named tuple would lose its names
TUPLES: Final = Serializer(
    accepts=lambda obj: type(obj) is tuple,
    formats=lambda: {".json": replace(_JSON, read=_read_tuple)},
    preview=_head,
)
STRINGS: Final = Serializer(
    accepts=lambda obj: isinstance(obj, str),
    formats=lambda: {".txt": _TEXT},
    preview=_head,
)
