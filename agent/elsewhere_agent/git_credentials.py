"""The table [agent.git_credentials]: this machine's credential for each git host."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from elsewhere.core.errors import ConfigurationError


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


def token_of(host: str, credential: GitCredential) -> str:
    """The token for a `host`. Raises ConfigurationError."""
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


def ssh_key_of(host: str, credential: GitCredential) -> str:
    """The path of the ssh key for a `host`. Raises ConfigurationError."""
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
