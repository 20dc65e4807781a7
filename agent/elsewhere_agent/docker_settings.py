"""The settings of an agent's containers: the table [agent.docker]."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from elsewhere_sandbox.spec import DockerPolicy, ImageRule


class RuleSettings(BaseModel):
    """An image for the tasks that match: see `ImageRule`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    image: str = Field(min_length=1)
    arguments: tuple[str, ...] = ()
    repository: str = ""
    package: str = ""
    queue: str = ""


class DockerSettings(BaseModel):
    """Where and how tasks run in containers: see `DockerPolicy`. `enabled`: they do so."""

    model_config = ConfigDict(frozen=True, extra="forbid", regex_engine="python-re")

    enabled: bool = False
    image: str = ""
    arguments: tuple[str, ...] = ()
    rules: tuple[RuleSettings, ...] = ()
    allowed_arguments: tuple[str, ...] = ()
    allowed_mounts: tuple[str, ...] = ()
    network: str = Field(default="on", min_length=1)
    user: str = Field(default="", pattern=r"^(\d+:\d+)?\Z")
    url: str = ""
    pull: Literal["missing", "always", "never"] = "missing"

    def with_words(self, words: list[str]) -> DockerSettings:
        """The settings with what `--docker IMAGE ARGUMENTS` gives, behind those that are set."""
        arguments = (*self.arguments, *words[1:])
        image = words[0] if words else self.image
        return self.model_copy(update={"enabled": True, "image": image, "arguments": arguments})

    @property
    def policy(self) -> DockerPolicy:
        """The same for a run."""
        plain = self.model_dump(exclude={"enabled", "rules"})
        rules = tuple(ImageRule(**rule.model_dump()) for rule in self.rules)
        return DockerPolicy(**plain, rules=rules)
