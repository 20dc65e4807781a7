"""The settings of this machine's user: read once, into one object with the origin of each."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Mapping
from dataclasses import field, fields
from pathlib import Path
from typing import Any, Final, cast

from elsewhere.core.errors import ConfigurationError, known_choices
from elsewhere.core.folders import Home
from elsewhere.core.frozen import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`home` is ELSEWHERE_HOME, and `config` ELSEWHERE_CONFIG, by default the home's config.toml.
    Each other field is set by ELSEWHERE_<FIELD>, else by that file; `origins` says by which."""

    home: Home
    config: Path
    #: empty: the embedded server; it may hold a password
    redis_url: str = field(default="", repr=False)
    #: where artifacts go; empty: the home's storage folder
    output_uri: str = ""
    #: bytes of changes, and of wheels of packages that no index has, that travel with a task
    capture_limit_bytes: int = 64 * 1024 * 1024
    #: what is installed for a task: auto, environment, imports, requirements, or the path of a file
    packages: str = "auto"
    lease_s: float = 45.0
    lost_after_s: float = 900.0
    stop_grace_s: float = 10.0
    #: a script that runs again within this time may overwrite its last task
    reuse_within_h: float = 72.0
    #: both ends see this machine's disk, so a repository's remote may be a path on it
    local_remotes_are_shared: bool = False
    #: environment variables to record: names and patterns (`*`, `AWS_*`), commas between them
    log_environment: str = ""
    #: of images that become a JPEG, 1 to 100
    image_quality: int = 87
    #: tasks report into a folder, to be imported later; see `Task.set_offline`
    offline_mode: bool = False
    #: field -> 'default', the name of a variable, or the path of config.toml
    origins: Mapping[str, str] = field(default_factory=dict)


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Loads the settings. Raises ConfigurationError for the first unusable value. An empty variable
    counts as not set."""
    environ = os.environ if environ is None else environ
    home = _home(environ)
    config = _config(environ, home)
    written = _read(config)
    values: dict[str, Any] = {}
    origins = {"home": _HOME_VARIABLE if environ.get(_HOME_VARIABLE) else "default"}
    for name, default in _DEFAULTS.items():
        variable = f"ELSEWHERE_{name.upper()}"
        if text := environ.get(variable):
            origins[name] = variable
            values[name] = _checked(name, _from_text(text, type(default)), text, default, variable)
        elif name in written:
            origins[name] = str(config)
            found = written[name]
            values[name] = _checked(
                name, _from_toml(found, type(default)), found, default, origins[name]
            )
        else:
            origins[name] = "default"
    return Settings(home=home, config=config, origins=origins, **values)


_HOME_VARIABLE: Final = "ELSEWHERE_HOME"
_CONFIG_VARIABLE: Final = "ELSEWHERE_CONFIG"

_DEFAULTS: Final = {
    item.name: item.default
    for item in fields(Settings)
    if item.name not in ("home", "config", "origins")
}

#: the agent's own tables; the agent package reads them
_AGENT_TABLES: Final = ("agent", "data", "secrets")

_ALLOWED: Final = {
    str: "a text",
    bool: "true or false",
    int: "a whole number above 0",
    float: "a number above 0",
}

_FLAGS: Final = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}


def _home(environ: Mapping[str, str]) -> Home:
    text = environ.get(_HOME_VARIABLE) or "~/.elsewhere"
    try:
        return Home(_full(text))
    except RuntimeError as error:
        raise ConfigurationError(
            f"The home of Elsewhere, {text}, cannot be found: {error} Set {_HOME_VARIABLE} to the"
            " full path of a folder."
        ) from error


def _config(environ: Mapping[str, str], home: Home) -> Path:
    """The file of the settings. One that is named must be there: without it a script would find
    another store, empty."""
    text = environ.get(_CONFIG_VARIABLE)
    if not text:
        return home.config
    try:
        config = _full(text)
        config.stat()
    except (OSError, RuntimeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ConfigurationError(
            f"The settings in {text} cannot be read: {why}. Set {_CONFIG_VARIABLE} to the full path"
            " of a file, or unset it."
        ) from error
    return config


def _full(text: str) -> Path:
    return Path(os.path.normpath(Path(text).expanduser().absolute()))


def _read(config: Path) -> dict[str, Any]:
    try:
        file = config.open("rb")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigurationError(
            f"The settings in {config} cannot be read: {error.strerror}. Make it a file that you"
            " may read, or remove it."
        ) from error
    if sys.version_info >= (3, 11):
        import tomllib  # noqa: PLC0415 - weight: most homes have no such file
    else:
        import tomli as tomllib  # noqa: PLC0415
    with file:
        try:
            written = tomllib.load(file)
        except ValueError as error:  # TOMLDecodeError, or bytes that are not UTF-8
            raise ConfigurationError(
                f"The settings in {config} are not valid TOML: {error}. Correct the file."
            ) from error
    for key in written:
        if key not in _DEFAULTS and key not in _AGENT_TABLES:
            raise ConfigurationError(
                f"The settings in {config} hold the unknown key {key!r}."
                f" {known_choices(key, [*_DEFAULTS, *_AGENT_TABLES])}"
            )
    return written


def _from_text(text: str, kind: type) -> object:
    """Reads a value of `kind`; None where the text is not one."""
    if kind is bool:
        return _FLAGS.get(text.lower())
    try:
        return kind(text)
    except ValueError:
        return None


def _from_toml(value: object, kind: type) -> object:
    if kind is float and type(value) is int:
        return float(value)
    return value if type(value) is kind else None


def _checked(name: str, value: object, found: object, default: object, origin: str) -> object:
    is_outside = type(value) in (int, float) and not 0 < cast("float", value) < math.inf
    if value is None or is_outside:
        raise ConfigurationError(
            f"The setting {name} in {origin} is {found!r}, but must be {_ALLOWED[type(default)]}."
            f" The default is {default!r}."
        )
    return value
