"""The settings of this machine's agent, beside those that the SDK reads for everyone.

    option of the command  >  ELSEWHERE_AGENT_<FIELD>  >  [agent] in config.toml  >  default

Lists in variables are separated by commas; git_credentials is JSON there.
"""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import tomllib
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from elsewhere.core.errors import ConfigurationError, UsageError, known_choices
from elsewhere.core.secrets import HIDDEN, hide, passwords_in
from elsewhere.store.queues import DEFAULT_QUEUE
from elsewhere_agent.secrets_table import load_secrets
from elsewhere_sandbox.caches import KINDS
from elsewhere_sandbox.spec import PackagePolicy, RunPolicy
from elsewhere_worker.settings import WorkerSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from elsewhere.core.settings import Settings


class GitCredential(BaseModel):
    """This machine's credential for a git host: a token or the file that holds one, the file of a
    private ssh key, or both."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    user: str = ""
    token: str = Field(default="", repr=False)
    token_file: str = ""
    ssh_key: str = ""

    @property
    def has_token(self) -> bool:
        return bool(self.token or self.token_file)

    @model_validator(mode="after")
    def _is_whole(self) -> GitCredential:
        if self.token and self.token_file:
            raise ValueError("it has both a token and a token_file")
        if self.has_token and not self.user:
            raise ValueError("its token has no user")
        if not self.has_token and not self.ssh_key:
            raise ValueError("it has neither a token nor an ssh_key")
        return self


class AgentSettings(BaseModel):
    """The settings, in seconds. `origins`: field -> 'default', an option, a variable, or a file."""

    # Rust's regular expressions make a huge automaton of a repeated \w: 10 MB for a name.
    model_config = ConfigDict(frozen=True, extra="forbid", regex_engine="python-re")

    name: str = Field(default_factory=socket.gethostname, pattern=r"^\w[\w.@-]{0,99}\Z")
    queues: tuple[str, ...] = Field(default=(DEFAULT_QUEUE,), min_length=1)
    slots: int = Field(default=1, ge=1)
    keep_runs_s: float = Field(default=86400.0, ge=0, allow_inf_nan=False)
    installer: Literal["", "uv", "pip"] = ""
    index_url: str = Field(default="", repr=False)
    extra_index_urls: tuple[str, ...] = Field(default=(), repr=False)
    find_links: tuple[str, ...] = Field(default=(), repr=False)
    installer_options: tuple[str, ...] = ()
    torch: str = Field(default="auto", pattern=r"^(auto|as captured|cpu|xpu|(cu|rocm)[\d.]+)\Z")
    environments_bytes: int = Field(default=50_000_000_000, ge=0)
    mirrors_bytes: int = Field(default=50_000_000_000, ge=0)
    runs_bytes: int = Field(default=50_000_000_000, ge=0)
    checkpoints_bytes: int = Field(default=50_000_000_000, ge=0)
    free_bytes: int = Field(default=1_000_000_000, ge=0)
    code_memory_bytes: int = Field(default=1 << 30, ge=0)
    pass_environment: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    allow_local_remotes: bool = False
    lend_store: bool = True
    git_credentials: dict[str, GitCredential] = Field(default_factory=dict, repr=False)
    output_uri: str = ""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    origins: dict[str, str] = Field(default_factory=dict, repr=False)

    @property
    def budgets(self) -> dict[str, int]:
        """Bytes that each kind of cache may take."""
        return {kind: getattr(self, f"{kind}_bytes") for kind in KINDS}


def load_agent(
    settings: Settings,
    *,
    options: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
) -> AgentSettings:
    """Loads the settings. `options` are the command's, by field; None for one that was not given.

    Raises ConfigurationError, or UsageError for an option, for the first value that cannot be used.
    """
    environ = os.environ if environ is None else environ
    config = settings.home.config
    written = _written(config)
    variables = _variables(environ)
    given = {name: value for name, value in (options or {}).items() if value is not None}
    layers = (
        (_from_file(written, config), dict.fromkeys(written, str(config))),
        (_from_variables(variables), {name: _PREFIX + name.upper() for name in variables}),
        (_from_options(given), {name: _option(name) for name in given}),
    )
    agent = AgentSettings()
    origins = dict.fromkeys(_FIELDS, "default")
    for layer, layer_origins in layers:
        agent = agent.model_copy(
            update={name: getattr(layer, name) for name in layer.model_fields_set}
        )
        origins |= layer_origins
    queues = tuple(dict.fromkeys(agent.queues))
    return agent.model_copy(update={"queues": queues, "origins": origins})


def worker_settings(settings: Settings, agent: AgentSettings, url: str) -> WorkerSettings:
    """The worker's settings. Raises ConfigurationError if a token's file cannot be read, or where
    everybody on the machine could read a password."""
    if any(map(passwords_in, agent.installer_options)):
        raise ConfigurationError(
            "The setting agent.installer_options holds a password, which every user of this machine"
            " could read: give that URL by index_url, extra_index_urls or find_links."
        )
    return WorkerSettings(
        name=agent.name,
        queues=agent.queues,
        home=settings.home,
        url=url,
        slots=agent.slots,
        lease_s=settings.lease_s,
        lost_after_s=settings.lost_after_s,
        keep_runs_s=agent.keep_runs_s,
        code_memory_bytes=agent.code_memory_bytes,
        cache_budgets=agent.budgets,
        free_bytes=agent.free_bytes,
        lend_store=agent.lend_store,
        secrets=load_secrets(settings.home.config),
        policy=RunPolicy(
            stop_grace_s=settings.stop_grace_s,
            pass_environment=agent.pass_environment,
            keep=agent.keep,
            allow_local_remotes=agent.allow_local_remotes,
            git_credentials={
                host.lower(): (credential.user, _token(host, credential))
                for host, credential in agent.git_credentials.items()
                if credential.has_token
            },
            git_ssh_keys={
                host.lower(): _ssh_key(host, credential)
                for host, credential in agent.git_credentials.items()
                if credential.ssh_key
            },
            packages=PackagePolicy(
                installer=agent.installer,
                index_url=agent.index_url,
                extra_index_urls=agent.extra_index_urls,
                find_links=agent.find_links,
                options=agent.installer_options,
                torch=agent.torch,
                environments_bytes=agent.environments_bytes,
            ),
            output_uri=agent.output_uri or settings.output_uri or settings.home.storage.as_uri(),
        ),
    )


def shown(settings: Settings, agent: AgentSettings) -> dict[str, tuple[object, str]]:
    """Maps a setting's name in config.toml to (value as plain data without secrets, origin)."""
    found: dict[str, tuple[object, str]] = {}
    for name, origin in settings.origins.items():
        value = getattr(settings, name)
        if name == "home":
            value = str(value.path)
        found[name] = (hide(name, value), origin)
    plain = agent.model_dump(mode="json", exclude={"origins"})
    for credential in plain["git_credentials"].values():
        credential["token"] = HIDDEN if credential["token"] else ""
    for name in ("output_uri", "index_url", "extra_index_urls", "find_links"):
        plain[name] = hide(name, plain[name])
    for name in _FIELDS:
        found[f"agent.{name}"] = (plain[name], agent.origins.get(name, "default"))
    return found


_PREFIX: Final = "ELSEWHERE_AGENT_"
_FIELDS: Final = tuple(name for name in AgentSettings.model_fields if name != "origins")
#: options that are called otherwise than their setting
_OPTIONS: Final = {"queues": "queue"}
_LISTS: Final = (
    *("queues", "pass_environment", "keep"),
    *("extra_index_urls", "find_links", "installer_options"),
)
_CREDENTIALS: Final = "git_credentials"

_ALLOWED: Final = {
    "name": "up to 100 letters, digits and . _ @ -, with a letter or digit first",
    "queues": "a list of at least one name",
    "slots": "a whole number above 0",
    "keep_runs_s": "a number from 0 up",
    "installer": "uv, pip or empty",
    "index_url": "a text",
    "extra_index_urls": "a list of URLs",
    "find_links": "a list of folders or URLs",
    "installer_options": "a list of arguments",
    "torch": "auto, as captured, cpu, xpu, or one like cu128 or rocm6.3",
    "environments_bytes": "a whole number from 0 up",
    "mirrors_bytes": "a whole number from 0 up",
    "runs_bytes": "a whole number from 0 up",
    "checkpoints_bytes": "a whole number from 0 up",
    "free_bytes": "a whole number from 0 up",
    "code_memory_bytes": "a whole number from 0 up",
    "pass_environment": "a list of names",
    "keep": "a list of patterns",
    "allow_local_remotes": "true or false",
    "lend_store": "true or false",
    "output_uri": "a text",
    "log_level": "debug, info, warning or error",
}


def _written(config: Path) -> dict[str, Any]:
    """The table [agent]; `elsewhere.core.settings` has checked that it can be read."""
    try:
        table = tomllib.loads(config.read_text(encoding="utf-8")).get("agent", {})
    except FileNotFoundError:
        return {}
    if not isinstance(table, dict):
        raise ConfigurationError(f"The setting agent in {config} must be a table: [agent].")
    for key in table:
        if key not in _FIELDS:
            raise ConfigurationError(
                f"The table [agent] in {config} holds the unknown key {key!r}."
                f" {known_choices(key, _FIELDS)}"
            )
    return table


def _variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Maps a field to its variable's text; an empty variable counts as not set."""
    found = {}
    for variable, text in environ.items():
        name = variable.removeprefix(_PREFIX).lower()
        if not variable.startswith(_PREFIX) or not text:
            continue
        if name not in _FIELDS:
            known = [_PREFIX + field.upper() for field in _FIELDS]
            raise ConfigurationError(
                f"The variable {variable} sets nothing. {known_choices(variable, known)}"
            )
        found[name] = text
    return found


def _from_file(written: dict[str, Any], config: Path) -> AgentSettings:
    try:
        return AgentSettings.model_validate_json(json.dumps(written, default=str), strict=True)
    except ValidationError as error:
        name, problem = _explained(error)
        raise ConfigurationError(f"The setting agent.{name} in {config} {problem}") from None


def _from_variables(variables: dict[str, str]) -> AgentSettings:
    values: dict[str, object] = dict(variables)
    for name in _LISTS:
        if name in variables:
            parts = (part.strip() for part in variables[name].split(","))
            values[name] = tuple(part for part in parts if part)
    try:
        if _CREDENTIALS in variables:
            values[_CREDENTIALS] = json.loads(variables[_CREDENTIALS])
        return AgentSettings.model_validate(values)
    except ValidationError as error:
        name, problem = _explained(error)
        variable = _PREFIX + name.partition(".")[0].upper()
        raise ConfigurationError(f"The setting {name} in {variable} {problem}") from None
    except ValueError:
        raise ConfigurationError(
            f"The variable {_PREFIX}{_CREDENTIALS.upper()} is not valid JSON. Write it like"
            ' {"git.example.org": {"user": "ci", "token_file": "/etc/elsewhere/token"}}.'
        ) from None


def _from_options(given: dict[str, object]) -> AgentSettings:
    try:
        return AgentSettings.model_validate(given)
    except ValidationError as error:
        name, problem = _explained(error)
        raise UsageError(f"The option {_option(name.partition('.')[0])} {problem}") from None


def _option(field: str) -> str:
    return f"--{_OPTIONS.get(field, field)}"


def _explained(error: ValidationError) -> tuple[str, str]:
    """Explains an error: (the setting's name, the rest of the sentence), without a secret."""
    first = error.errors(include_url=False)[0]
    field = str(first["loc"][0])
    name = ".".join(map(str, first["loc"])) if field == _CREDENTIALS else field
    if field == _CREDENTIALS:
        return name, (
            f"cannot be used: {first['msg'].removeprefix('Value error, ').lower()}. Write for each"
            " host a user with a token or a token_file, or an ssh_key, or both."
        )
    default = AgentSettings.model_fields[field].get_default(call_default_factory=True)
    if isinstance(default, tuple):
        default = list(default)
    return (
        name,
        f"is {first['input']!r}, but must be {_ALLOWED[field]}. The default is {default!r}.",
    )


def _token(host: str, credential: GitCredential) -> str:
    if credential.token:
        return credential.token
    path = Path(credential.token_file).expanduser()
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"The token for {host} cannot be read from {path}: {error}. Correct token_file in"
            " git_credentials."
        ) from error
    if not token or "\n" in token:
        raise ConfigurationError(
            f"The token for {host} cannot be read from {path}: the file must hold one line."
        )
    return token


def _ssh_key(host: str, credential: GitCredential) -> str:
    path = Path(credential.ssh_key).expanduser()
    try:
        mode = path.stat().st_mode
        path.open("rb").close()
    except OSError as error:
        raise ConfigurationError(
            f"The ssh key for {host} cannot be read from {path}: {error}. Correct ssh_key in"
            " git_credentials."
        ) from error
    if mode & 0o077:
        raise ConfigurationError(
            f"The ssh key for {host}, {path}, is open to other users of this machine, and ssh does"
            f" not use such a one. Call chmod 600 {path}."
        )
    return str(path)
