"""The settings of this machine's agent, beside those that the SDK reads for everyone.

    option of the command  >  ELSEWHERE_AGENT_<FIELD>  >  [agent] in config.toml  >  default

Lists in variables are separated by commas; git_credentials and docker are JSON there.
"""

from __future__ import annotations

import json
import os
import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from elsewhere.core.errors import ConfigurationError, UsageError, known_choices
from elsewhere.core.records import Needs
from elsewhere.core.secrets import HIDDEN, hide, hide_passwords, passwords_in
from elsewhere.store.queues import DEFAULT_QUEUE
from elsewhere_agent.data_table import load_data
from elsewhere_agent.docker_settings import DockerSettings
from elsewhere_agent.git_credentials import GitCredential, ssh_key_of, token_of
from elsewhere_agent.secrets_table import load_secrets
from elsewhere_agent.tables import read_table
from elsewhere_agent.values import (
    ALLOWED,
    HEALTH,
    Bytes,
    HookName,
    HookPath,
    QueueText,
    RequirementLine,
)
from elsewhere_sandbox.caches import KINDS
from elsewhere_sandbox.spec import PackagePolicy, RunPolicy
from elsewhere_worker.hours import Hours
from elsewhere_worker.settings import StoreAccess, WorkerSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from elsewhere.core.settings import Settings


class AgentSettings(BaseModel):
    """The settings, in seconds. `origins`: field -> 'default', an option, a variable, or a file."""

    # Rust's regular expressions make a huge automaton of a repeated \w: 10 MB for a name.
    model_config = ConfigDict(frozen=True, extra="forbid", regex_engine="python-re")

    name: str = Field(default_factory=socket.gethostname, pattern=r"^\w[\w.@-]{0,99}\Z")
    queues: tuple[QueueText, ...] = Field(default=(DEFAULT_QUEUE,), min_length=1)
    slots: int = Field(default=1, ge=1)
    services: int = Field(default=0, ge=0)
    hours: str = ""
    max_tasks: int = Field(default=0, ge=0)
    exit_when_idle_s: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    health: str = Field(default="", pattern=HEALTH)
    gpus: str = Field(default="all", pattern=r"^(all|none|[\w:-]+(,\s*[\w:-]+)*)\Z")
    share_gpus: bool = False
    share_busy_gpus: bool = False
    order_fairness: bool = False
    user_fairness: bool = False
    cpus: int = Field(default=0, ge=0)
    memory_bytes: Bytes = 0
    disk_bytes: Bytes = 0
    time_limit_s: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    keep_runs_s: float = Field(default=86400.0, ge=0, allow_inf_nan=False)
    installer: Literal["", "uv", "pip"] = ""
    index_url: str = Field(default="", repr=False)
    extra_index_urls: tuple[str, ...] = Field(default=(), repr=False)
    find_links: tuple[str, ...] = Field(default=(), repr=False)
    installer_options: tuple[str, ...] = ()
    pre_packages: tuple[RequirementLine, ...] = ()
    post_packages: tuple[RequirementLine, ...] = ()
    torch: str = Field(default="auto", pattern=r"^(auto|as captured|cpu|xpu|(cu|rocm)[\d.]+)\Z")
    environments_bytes: int = Field(default=50_000_000_000, ge=0)
    mirrors_bytes: int = Field(default=50_000_000_000, ge=0)
    data_bytes: int = Field(default=50_000_000_000, ge=0)
    runs_bytes: int = Field(default=50_000_000_000, ge=0)
    checkpoints_bytes: int = Field(default=50_000_000_000, ge=0)
    images_bytes: int = Field(default=50_000_000_000, ge=0)
    free_bytes: int = Field(default=1_000_000_000, ge=0)
    code_memory_bytes: int = Field(default=1 << 30, ge=0)
    pass_environment: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    allow_local_remotes: bool = False
    store_access: StoreAccess = "full"
    git_credentials: dict[str, GitCredential] = Field(default_factory=dict, repr=False)
    hooks: dict[HookName, HookPath] = Field(default_factory=dict)
    docker: DockerSettings = DockerSettings()
    output_uri: str = ""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_json: bool = False
    origins: dict[str, str] = Field(default_factory=dict, repr=False)

    @field_validator("hours")
    @classmethod
    def _are_hours(cls, text: str) -> str:
        return Hours.parse(text).text

    @property
    def queue_names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(text.partition("=")[0] for text in self.queues))

    @property
    def queue_gpus(self) -> dict[str, float]:
        """The GPUs that a task gets which names none, by queue."""
        words = (text.partition("=") for text in self.queues)
        return {name: float(gpus) for name, _, gpus in words if gpus}

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
    config = settings.config
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


def worker_settings(
    settings: Settings, agent: AgentSettings, url: str, gpus: int = 0
) -> WorkerSettings:
    """The worker's settings, on a machine with so many `gpus`. Raises ConfigurationError if a
    token's file cannot be read, or where everybody on the machine could read a password."""
    for name in ("installer_options", "pre_packages", "post_packages"):
        if any(map(passwords_in, getattr(agent, name))):
            raise ConfigurationError(
                f"The setting agent.{name} holds a password, which every user of this machine could"
                " read: give that URL by index_url, extra_index_urls or find_links."
            )
    return WorkerSettings(
        name=agent.name,
        queues=agent.queue_names,
        gpus=agent.queue_gpus,
        limits=Needs(cpus=agent.cpus, memory_bytes=agent.memory_bytes, disk_bytes=agent.disk_bytes),
        shares_gpus=agent.share_gpus,
        is_fair_to_queues=agent.order_fairness,
        is_fair_to_users=agent.user_fairness,
        home=settings.home,
        url=url,
        slots=_slots(agent, gpus),
        hours=Hours.parse(agent.hours),
        max_tasks=agent.max_tasks,
        exit_when_idle_s=agent.exit_when_idle_s,
        lease_s=settings.lease_s,
        lost_after_s=settings.lost_after_s,
        keep_runs_s=agent.keep_runs_s,
        code_memory_bytes=agent.code_memory_bytes,
        cache_budgets=agent.budgets,
        free_bytes=agent.free_bytes,
        store_access=agent.store_access,
        secrets=load_secrets(settings.config),
        policy=RunPolicy(
            stop_grace_s=settings.stop_grace_s,
            time_limit_s=agent.time_limit_s,
            pass_environment=agent.pass_environment,
            data=load_data(settings.config),
            keep=agent.keep,
            allow_local_remotes=agent.allow_local_remotes,
            hides_gpus=agent.services > 0 or agent.gpus == "none",
            hooks=dict(agent.hooks),
            git_credentials={
                host.lower(): (credential.user, token_of(host, credential))
                for host, credential in agent.git_credentials.items()
                if credential.has_token
            },
            git_ssh_keys={
                host.lower(): ssh_key_of(host, credential)
                for host, credential in agent.git_credentials.items()
                if credential.ssh_key
            },
            packages=PackagePolicy(
                installer=agent.installer,
                index_url=agent.index_url,
                extra_index_urls=agent.extra_index_urls,
                find_links=agent.find_links,
                options=agent.installer_options,
                pre_packages=agent.pre_packages,
                post_packages=agent.post_packages,
                torch=agent.torch,
                environments_bytes=agent.environments_bytes,
            ),
            runtime="docker" if agent.docker.enabled else "host",
            docker=agent.docker.policy,
            output_uri=agent.output_uri or settings.output_uri or settings.home.storage.as_uri(),
        ),
    )


def _slots(agent: AgentSettings, gpus: int) -> int:
    """As many as were set; else one, or as many as tasks of the smallest queue have GPUs."""
    if agent.services:
        return agent.services
    needed = [one for one in agent.queue_gpus.values() if one]
    if agent.origins.get("slots") != "default" or not needed:
        return agent.slots
    smallest = min(needed) if agent.share_gpus else max(1.0, min(needed))
    return max(1, int(gpus / smallest))


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
    for name in ("output_uri", "index_url", *_LISTS):
        plain[name] = hide(name, plain[name])
    for name in _FIELDS:
        found[f"agent.{name}"] = (plain[name], agent.origins.get(name, "default"))
    return found


_PREFIX: Final = "ELSEWHERE_AGENT_"
_FIELDS: Final = tuple(name for name in AgentSettings.model_fields if name != "origins")
#: options that are called otherwise than their setting
_OPTIONS: Final = {
    "queues": "queue",
    "exit_when_idle_s": "exit-when-idle",
    "memory_bytes": "memory",
    "disk_bytes": "disk",
    "time_limit_s": "time-limit",
}
_LISTS: Final = (
    *("queues", "pass_environment", "keep"),
    *("extra_index_urls", "find_links", "installer_options", "pre_packages", "post_packages"),
)
#: a comma between two entries, and not one within a requirement: numpy[a,b]>=1,<2
_BETWEEN: Final = re.compile(r",(?!\s*[<>=!~])(?![^\[\]]*\])")
_CREDENTIALS: Final = "git_credentials"
#: fields that are tables: how one is written, in a sentence where ALLOWED has none, and as JSON
_TABLES: Final = {
    _CREDENTIALS: (
        "Write for each host a user with a token or a token_file, or an ssh_key, or both.",
        '{"git.example.org": {"user": "ci", "token_file": "/etc/elsewhere/token"}}',
    ),
    "hooks": (
        "",
        '{"before_run": "/etc/elsewhere/before-run"}',
    ),
    "docker": (
        "ARCHITECTURE.md has the keys of its containers.",
        '{"enabled": true, "image": "python:3.11", "network": "off"}',
    ),
}


def _written(config: Path) -> dict[str, Any]:
    """The table [agent], with known keys alone."""
    table = read_table(config, "agent")
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
            parts = (part.strip() for part in _BETWEEN.split(variables[name]))
            values[name] = tuple(part for part in parts if part)
    try:
        for name in _TABLES.keys() & variables.keys():
            try:
                values[name] = json.loads(variables[name])
            except ValueError:
                raise ConfigurationError(
                    f"The variable {_PREFIX}{name.upper()} is not valid JSON. Write it like"
                    f" {_TABLES[name][1]}."
                ) from None
        return AgentSettings.model_validate(values)
    except ValidationError as error:
        name, problem = _explained(error)
        variable = _PREFIX + name.partition(".")[0].upper()
        raise ConfigurationError(f"The setting {name} in {variable} {problem}") from None


def _from_options(given: dict[str, object]) -> AgentSettings:
    try:
        return AgentSettings.model_validate(given)
    except ValidationError as error:
        name, problem = _explained(error)
        raise UsageError(f"The option {_option(name.partition('.')[0])} {problem}") from None


def _option(field: str) -> str:
    return f"--{_OPTIONS.get(field, field).replace('_', '-')}"


def _explained(error: ValidationError) -> tuple[str, str]:
    """Explains an error: (the setting's name, the rest of the sentence), without a secret."""
    first = error.errors(include_url=False)[0]
    field = str(first["loc"][0])
    if field not in ALLOWED:
        name, problem = ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")
        return name, f"cannot be used: {problem.lower()}. {_TABLES[field][0]}"
    default = AgentSettings.model_fields[field].get_default(call_default_factory=True)
    if isinstance(default, tuple):
        default = list(default)
    given = hide_passwords(repr(first["input"]))
    return field, f"is {given}, but must be {ALLOWED[field]}. The default is {default!r}."
