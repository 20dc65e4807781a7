"""The values that the agent's settings may have."""

from __future__ import annotations

from typing import Annotated, Final

from packaging.requirements import InvalidRequirement, Requirement
from pydantic import AfterValidator, BeforeValidator, Field

from elsewhere.core.checks import checked_bytes
from elsewhere_sandbox.hooks import HOOKS

#: a number, or a text such as 32GB
Bytes = Annotated[
    int, BeforeValidator(lambda given: checked_bytes("It", given)), Field(ge=0, strict=False)
]
#: a queue's name, maybe with the GPUs of its tasks: big=4
QueueText = Annotated[str, Field(pattern=r"^[^=]+(=(\d+|0?\.\d+))?\Z")]
#: HOST:PORT, a port of the loopback interface, or the path of a unix socket
HEALTH: Final = r"^(|/.+|\d{1,5}|[\w.-]+:\d{1,5}|\[[\da-fA-F:]+\]:\d{1,5})\Z"
HookName = Annotated[str, Field(pattern=rf"^({'|'.join(HOOKS)})\Z")]
HookPath = Annotated[str, Field(pattern=r"^(/.*)?\Z")]


def _requirement(line: str) -> str:
    try:
        Requirement(line)
    except InvalidRequirement as error:
        raise ValueError(str(error)) from error
    return line


#: a package with versions or an address, for the installer
RequirementLine = Annotated[str, AfterValidator(_requirement)]

#: what each setting may be, for a sentence
ALLOWED: Final = {
    "name": "up to 100 letters, digits and . _ @ -, with a letter or digit first",
    "queues": "a list of at least one name, each maybe with a number of GPUs: big=4",
    "slots": "a whole number above 0",
    "services": "a whole number from 0 up",
    "hours": "windows like Mon-Fri 18:00-08:00, with commas between them",
    "max_tasks": "a whole number from 0 up",
    "exit_when_idle_s": "a number of seconds from 0 up",
    "health": "HOST:PORT, a port of this machine's own, or the path of a socket",
    "gpus": "all, none, or numbers or ids of some with commas between them",
    **dict.fromkeys(
        ("share_gpus", "share_busy_gpus", "order_fairness", "user_fairness"), "true or false"
    ),
    "cpus": "a whole number from 0 up",
    "memory_bytes": "a number of bytes, or a text such as '32GB'",
    "disk_bytes": "a number of bytes, or a text such as '200GB'",
    "time_limit_s": "a number of seconds from 0 up",
    "keep_runs_s": "a number from 0 up",
    "installer": "uv, pip or empty",
    "index_url": "a text",
    "extra_index_urls": "a list of URLs",
    "find_links": "a list of folders or URLs",
    "installer_options": "a list of arguments",
    **dict.fromkeys(
        ("pre_packages", "post_packages"), "a list of requirements, such as 'setuptools<70'"
    ),
    "torch": "auto, as captured, cpu, xpu, or one like cu128 or rocm6.3",
    "environments_bytes": "a whole number from 0 up",
    "mirrors_bytes": "a whole number from 0 up",
    "data_bytes": "a whole number from 0 up",
    "runs_bytes": "a whole number from 0 up",
    "checkpoints_bytes": "a whole number from 0 up",
    "free_bytes": "a whole number from 0 up",
    "code_memory_bytes": "a whole number from 0 up",
    "pass_environment": "a list of names",
    "keep": "a list of patterns",
    "allow_local_remotes": "true or false",
    "lend_store": "true or false",
    "hooks": f"paths of executables, by name: {', '.join(HOOKS)}",
    "output_uri": "a text",
    "log_level": "debug, info, warning or error",
    "log_json": "true or false",
}
