"""The form of what is kept: a database and a folder as JSON that people can read and compare.

What differs from one machine to the next stands as a name in braces: `Places` says what for.

A database is {key: [type, seconds to live or null, value]}, a folder {name: content}: a dict is a
folder, or a zip file where its name ends so; a list of lines is a file. Bytes that are no text are
{"base64": ...}, everywhere.
"""

from __future__ import annotations

import base64
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import redis

#: the commit that made the data is its name
DATA: Final = Path(__file__).with_name("af39cd3")

#: files that are kept as they are, to the byte
_COUNTED: Final = (".events", "output.log")
#: characters of a line, where what is in it can be broken up
_WIDEST: Final = 100
#: characters of texts that are kept as texts, beside what can be printed
_CONTROLS: Final = "\n\r\t\x1f"


@dataclass(frozen=True, slots=True)
class Places:
    """What stands for each name in braces: the home, the host, ..."""

    of: dict[str, str]

    def read(self, name: str) -> Any:
        """What is kept in the file of that name, for these places."""
        return mapped(self._show, json.loads((DATA / name).read_text()))

    def write(self, name: str, value: object) -> None:
        (DATA / name).write_text(f"{_pretty(self._hidden(value))}\n")

    def _show(self, text: str) -> str:
        for name, value in self.of.items():
            text = text.replace(f"{{{name}}}", value)
        return text

    def _hide(self, text: str) -> str:
        for name, value in self.of.items():
            text = text.replace(value, f"{{{name}}}")
        return text

    def _hidden(self, value: Any) -> Any:
        if not isinstance(value, dict):
            return mapped(self._hide, value)
        return {
            self._hide(name): _untouched(item, self.of)
            if name.endswith(_COUNTED)
            else self._hidden(item)
            for name, item in value.items()
        }


def _untouched(lines: Any, places: dict[str, str]) -> Any:
    """Lines have sums and are counted in bytes: nothing of one machine may be in them."""
    for name, value in places.items():
        assert name == "HOST" or value not in str(lines), f"{value} is in {lines}"
    return lines


def mapped(change: Callable[[str], str], value: Any) -> Any:
    """The same, all texts in it changed, also those that are keys."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, (list, tuple)):
        return [mapped(change, item) for item in value]
    if isinstance(value, dict):
        return {change(key): mapped(change, item) for key, item in value.items()}
    return value


def dump_store(client: redis.Redis, *patterns: str) -> dict[str, Any]:
    found: set[bytes] = set()
    for pattern in patterns:
        found.update(client.scan_iter(pattern))
    return {key.decode(): _dumped(client, key) for key in sorted(found)}


def load_store(client: redis.Redis, kept: dict[str, Any]) -> None:
    for key, (kind, to_live_s, value) in kept.items():
        if kind == "string":
            client.set(key, _bytes(value))
        elif kind == "hash":
            client.hset(key, mapping={name: _bytes(item) for name, item in value.items()})
        elif kind == "list":
            client.rpush(key, *map(_bytes, value))
        elif kind == "set":
            client.sadd(key, *map(_bytes, value))
        else:
            client.zadd(key, dict(value))
        if to_live_s is not None:
            client.expire(key, to_live_s)


def _dumped(client: redis.Redis, key: bytes) -> list[Any]:
    read: Any = client  # its types are those of clients of both kinds
    kind = read.type(key).decode()
    to_live_s = read.ttl(key)
    value: Any
    if kind == "string":
        value = _plain(read.get(key))
    elif kind == "hash":
        value = {name.decode(): _plain(item) for name, item in read.hgetall(key).items()}
    elif kind == "list":
        value = [_plain(item) for item in read.lrange(key, 0, -1)]
    elif kind == "set":
        value = [_plain(item) for item in sorted(read.smembers(key))]
    else:
        assert kind == "zset", f"{key!r} is a {kind}"
        value = [[item.decode(), score] for item, score in read.zrange(key, 0, -1, withscores=True)]
    return [kind, to_live_s if to_live_s >= 0 else None, value]


def dump_folder(folder: Path) -> dict[str, Any]:
    """Links are left out, and so is what is hidden."""
    found: dict[str, Any] = {}
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or path.name.startswith("."):
            continue
        if path.is_dir():
            found[path.name] = dump_folder(path)
        elif path.suffix == ".zip":
            found[path.name] = _unzipped(path)
        else:
            found[path.name] = _lines(path.read_bytes())
    return found


def load_folder(kept: dict[str, Any], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, content in kept.items():
        path = folder / name
        if isinstance(content, list) or "base64" in content:
            path.write_bytes(_joined(content))
        elif path.suffix == ".zip":
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                for member, data in _members(content):
                    archive.writestr(member, data)
        else:
            load_folder(content, path)


def _unzipped(path: Path) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            *folders, last = name.split("/")
            inner = tree
            for folder in folders:
                inner = inner.setdefault(folder, {})
            if last:
                inner[last] = _lines(archive.read(name))
    return tree


def _members(tree: dict[str, Any], above: str = "") -> Iterator[tuple[str, bytes]]:
    for name, content in tree.items():
        if isinstance(content, list) or "base64" in content:
            yield f"{above}{name}", _joined(content)
        else:
            yield from _members(content, f"{above}{name}/")


def _lines(data: bytes) -> Any:
    plain = _plain(data)
    if isinstance(plain, dict):
        return plain
    return [f"{line}\n" for line in plain.split("\n")[:-1]] + [plain.split("\n")[-1]]


def _joined(content: Any) -> bytes:
    return "".join(content).encode() if isinstance(content, list) else _bytes(content)


def _pretty(value: Any, indent: int = 0) -> str:
    """JSON with as much on each line as fits."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    if len(text) + indent <= _WIDEST or not value or not isinstance(value, (dict, list)):
        return text
    if isinstance(value, list):
        inner = [_pretty(item, indent + 1) for item in value]
    else:
        inner = [
            f"{json.dumps(name, ensure_ascii=False)}: {_pretty(value[name], indent + 1)}"
            for name in sorted(value)
        ]
    lines = f",\n{' ' * (indent + 1)}".join(inner)
    start, end = ("[", "]") if isinstance(value, list) else ("{", "}")
    return f"{start}\n{' ' * (indent + 1)}{lines}\n{' ' * indent}{end}"


def _plain(data: bytes) -> Any:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = "\0"
    if all(one.isprintable() or one in _CONTROLS for one in text):
        return text
    return {"base64": base64.b64encode(data).decode()}


def _bytes(plain: Any) -> bytes:
    if isinstance(plain, str):
        return plain.encode()
    return base64.b64decode(plain["base64"])
