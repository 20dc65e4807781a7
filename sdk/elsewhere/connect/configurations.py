"""Connected configurations: a dict, a list or a file that is recorded as one text of the task.

On a remote run the task's text fills the dict or the list, or is written to a file of that name.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from elsewhere.connect.api import Record
from elsewhere.connect.dicts import ConnectedDict
from elsewhere.connect.sections import is_ignored
from elsewhere.core.codec import encode
from elsewhere.core.errors import UsageError
from elsewhere.core.events import Configurations
from elsewhere.core.folders import make_folder
from elsewhere.core.known_secrets import KnownSecrets
from elsewhere.core.params import GENERAL, cast, is_recorded_as, is_scalar, to_parameter, to_text
from elsewhere.core.records import Configuration, Json, Parameter
from elsewhere.core.secrets import hide
from elsewhere.report.recorder import Target

logger = logging.getLogger(__name__)

#: the type of a configuration that was a dict or a list in the program
DICTIONARY: Final = "dictionary"
#: the most bytes of a recorded configuration: half of what a line of the journal may have
_MOST_BYTES: Final = 8 << 20


def connect_configuration(
    configuration: Any,
    target: Target,
    name: str = GENERAL,
    description: str = "",
    *,
    is_ignoring: bool = False,
    folder: Path | None = None,
) -> Any:
    """Overrides and records `configuration` as `name`; returns what the program shall use.

    That is a dict whose writes are recorded, the same list, or a path, on a remote run of a file in
    `folder`. With `is_ignoring` the program's own values count there, too, unless the parameter
    `<name>/_ignore_remote_overrides_config_` is False. Raises UsageError, with nothing changed.
    """
    is_content = isinstance(configuration, (MutableMapping, list))
    if not is_content and not isinstance(configuration, (str, Path)):
        raise UsageError(
            f"The configuration {name!r} cannot be a {type(configuration).__name__}: connect a"
            " dict, a list or the path of a file."
        )
    flag = f"{name}/_ignore_remote_overrides_config_"
    is_own = is_ignored(flag, target, is_ignoring=is_ignoring)
    override = None if is_own else (target.configurations() or {}).get(name)
    if not is_content:
        return _file(configuration, name, description, override, target.record, folder)
    if override is not None:
        _fill(configuration, _content(name, override.text, configuration))
    recorded = _Recorded(configuration, name, description, target.record)
    if override is None:
        recorded.record()
    if type(configuration) is dict:
        configuration = recorded.content = ConnectedDict.around(configuration, recorded.write)
    target.when_over(recorded.record_changes)
    return configuration


def rendered(content: Mapping[Any, Any] | Sequence[Any]) -> str:
    """Returns the content as indented JSON. Raises UsageError for what JSON cannot hold."""
    return _text(to_parameter(content).value)


def loaded(name: str, configuration: Configuration) -> dict[str, Any] | list[Any]:
    """Returns the content of a text that is JSON or YAML. Raises UsageError for any other."""
    try:
        content = json.loads(configuration.text)
    except (ValueError, RecursionError):
        content = _from_yaml(name, configuration.text)
    if not isinstance(content, (dict, list)):
        raise UsageError(
            f"The configuration {name!r} is neither a dictionary nor a list in JSON or YAML: use"
            " its text as it is, by get_configuration_object."
        )
    return content


def to_configuration(name: str, text: str, type_name: str, description: str) -> Configuration:
    """Returns the record of a text; logs where it has a secret. Raises UsageError for one that is
    not Unicode or too long."""
    found = Configuration(text=text, type=type_name, description=description)
    try:
        size = len(encode(found).encode())
    except UnicodeEncodeError as error:
        raise UsageError(f"The configuration {name!r} is not valid Unicode: {error}.") from error
    if size > _MOST_BYTES:
        raise UsageError(
            f"The configuration {name!r} has {size:,} bytes and may have {_MOST_BYTES:,}: upload it"
            " as an artifact."
        )
    if _has_secret(found):
        _warn_of_secret(name)
    return found


def _has_secret(configuration: Configuration) -> bool:
    text = configuration.text
    plain = json.loads(text) if configuration.type == DICTIONARY else text
    known = KnownSecrets.of_this_process()
    return bool(hide("", plain) != plain) or any(known.hide(one) != one for one in _texts(plain))


def _texts(plain: Json) -> Iterator[str]:
    if isinstance(plain, str):
        yield plain
    elif isinstance(plain, (dict, list)):
        for item in plain.values() if isinstance(plain, dict) else plain:
            yield from _texts(item)


@lru_cache(maxsize=64)  # a dict is recorded with each write
def _warn_of_secret(name: str) -> None:
    logger.warning(
        "The configuration %r has a secret, and is kept as it is: everybody who sees the task sees"
        " it. Leave the secret out, and read it from an environment variable.",
        name,
    )


class _Recorded:
    """A recorded configuration: what the program was given, and what it has written since.
    Removed keys stay, for the reason given in `sections.changes`."""

    def __init__(self, content: Any, name: str, description: str, record: Record) -> None:
        self.content = content
        self._name = name
        self._description = description
        self._record = record
        try:
            self._plain: Any = to_parameter(content).value
        except UsageError as error:
            raise UsageError(f"The configuration {name!r} cannot be recorded. {error}") from error

    def record(self) -> None:
        text = _text(self._plain)
        found = to_configuration(self._name, text, DICTIONARY, self._description)
        self._record(Configurations(values={self._name: found}))

    def write(
        self, values: Mapping[Any, Any], _before: Mapping[Any, Any], path: tuple[Any, ...]
    ) -> None:
        """Records `values` that the program has written into the dict at the keys of `path`."""
        for key, value in values.items():
            try:
                self._put((*path, key), to_parameter(value).value)
            except UsageError as error:
                where = "/".join(map(str, (self._name, *path, key)))
                logger.warning("%s is not recorded. %s", where, error)
        if values:
            self._record_or_log()

    def record_changes(self) -> None:
        """Records what has changed without a write: lists, and mappings other than dict."""
        try:
            now = _refreshed(self._plain, self.content)
        except Exception:  # an outermost seam: the program's own code, and the run's end goes on
            logger.warning("What has changed in %r is not recorded.", self._name, exc_info=True)
            return
        if now != self._plain:
            self._plain = now
            self._record_or_log()

    def _put(self, path: tuple[Any, ...], value: Json) -> None:
        node, (*inner, last) = self._plain, map(_key, path)
        for key in inner:
            inside = node.get(key)
            node[key] = node = inside if isinstance(inside, dict) else {}
        node[last] = value

    def _record_or_log(self) -> None:
        """Records the configuration, or logs why not: the program goes on."""
        try:
            self.record()
        except UsageError as error:
            logger.warning("%s", error)


def _text(plain: Json) -> str:
    return json.dumps(plain, indent=2, ensure_ascii=False)


def _key(key: object) -> str:
    return to_text(to_parameter(key).value)


def _refreshed(old: Json, content: object) -> Json:
    if isinstance(content, Mapping):
        before = old if isinstance(old, dict) else {}
        return {
            **before,
            **{_key(key): _refreshed(before.get(_key(key)), item) for key, item in content.items()},
        }
    try:
        return to_parameter(content).value
    except UsageError:
        return old


def _content(name: str, text: str, like: object) -> Any:
    """Returns the task's text as the type of `like`, a dict or a list. Raises UsageError."""
    kind = list if isinstance(like, list) else dict
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"The configuration {name!r} of the task cannot be used: its text is not JSON"
            f" ({error}). Write it again, as JSON."
        ) from error
    if not isinstance(content, kind):
        raise UsageError(
            f"The configuration {name!r} of the task cannot be used: its text is a"
            f" {type(content).__name__}, and the program has a {kind.__name__} there."
        )
    return content


def _fill(content: Any, override: Any) -> None:
    """Fills `content` in place. A value that the text does not change stays the program's own: a
    tuple, a key that is not text, a member of an Enum."""
    if isinstance(content, list):
        content[:] = _suited(override, content)
        return
    own = {_key(key): key for key in content}
    for text in own.keys() - override.keys():
        del content[own[text]]
    for text, value in override.items():
        key = own.get(text, text)
        like = content.get(key)
        if isinstance(like, MutableMapping) and isinstance(value, dict):
            _fill(like, value)
        else:
            content[key] = _suited(value, like)


def _suited(value: Json, like: object) -> Any:
    """Returns the value, cast to the type of `like` if JSON does not have that type."""
    is_typed = isinstance(like, (float, list, tuple, Enum, os.PathLike)) or is_scalar(like)
    if not (is_typed and value not in (None, "")) and not is_recorded_as(like, value):
        return value
    try:
        return cast(Parameter(value=value), like)
    except UsageError:
        return value


def _file(
    path: str | Path,
    name: str,
    description: str,
    override: Configuration | None,
    record: Record,
    folder: Path | None,
) -> str | Path:
    file = Path(path)
    if override is None:
        text = _read(file, name)
        kind = file.suffix[1:] or "file"
        found = to_configuration(name, text, kind, description)
        record(Configurations(values={name: found}))
        return path
    assert folder is not None, "only a remote run is given a configuration"
    try:
        make_folder(folder)
        copy = Path(tempfile.mkdtemp(dir=folder)) / (file.name or "configuration")
        copy.write_bytes(override.text.encode())
    except OSError as error:
        raise UsageError(
            f"The configuration {name!r} of the task cannot be written to {folder}: {error}."
        ) from error
    return str(copy) if isinstance(path, str) else type(path)(copy)


def _read(file: Path, name: str) -> str:
    try:
        return file.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise UsageError(
            f"The configuration {name!r} cannot be the file {str(file)!r}: it is not text in UTF-8"
            f" ({error.reason} at byte {error.start}). Save it as UTF-8, or upload it as an"
            " artifact."
        ) from error
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise UsageError(
            f"The configuration {name!r} cannot be the file {str(file)!r}: {why}. Give a text"
            " itself by set_configuration_object."
        ) from error


def _from_yaml(name: str, text: str) -> Any:
    try:
        import yaml  # noqa: PLC0415 - the program's own, where it is there
    except ImportError as error:
        raise UsageError(
            f"The configuration {name!r} is not JSON, and YAML cannot be read here: install PyYAML,"
            " or use the text as it is, by get_configuration_object."
        ) from error
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError):
        return None
