"""Who this machine is to the hosts of git repositories, and why one of them refuses it.

A token goes to its own host by askpass, over https alone; an ssh key is a file that ssh reads, or
that the user's ssh agent holds. Neither is in an argument, a URL or a setting.
"""

from __future__ import annotations

import re
import shlex
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from pathlib import Path

#: gives the token for its own host alone, even if git was redirected to another; git LFS asks with
#: other quotes
ASKPASS: Final = """#!/bin/sh
case "$1" in
"Username for "[\\"\\']"https://$ELSEWHERE_GIT_HOST"[\\"\\']*)
    printf '%s\\n' "$ELSEWHERE_GIT_USER" ;;
"Password for "[\\"\\']"https://"*"@$ELSEWHERE_GIT_HOST"[\\"\\']*)
    printf '%s\\n' "$ELSEWHERE_GIT_TOKEN" ;;
*) exit 1 ;;
esac
"""
#: `git@host:path`; git itself refuses a host that looks like an option
SSH_SHORT: Final = re.compile(r"(?:[^@/:]+@)?(\[[^\]/]+\]|[^/:]+):(?!:)(.*)", re.DOTALL)
_SSH: Final = (
    *("ssh", "-oBatchMode=yes", "-oConnectTimeout=30", "-oForwardAgent=no"),
    "-oStrictHostKeyChecking=yes",
)
_HTTP_REFUSALS: Final = re.compile(
    r"could not read (Username|Password)|Authentication failed|[Aa]uthentication required"
    r"|Authorization error|requested URL returned error: 40[13]|Git credentials for .* not found"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """`tokens` maps a host (with its port if the URL has one) to (user, token), `ssh_keys` a host
    to the file of a private key. `known_hosts` is a file of keys of hosts, beside those that the
    user and the machine have."""

    tokens: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ssh_keys: Mapping[str, str] = field(default_factory=dict)
    known_hosts: Path | None = None

    def reachable(self, url: str) -> str:
        """The URL that git is given for `url`: an ssh one over https, where a token is all that is
        known for its host."""
        scheme, host, path = _parts(url)
        name = _host(host)
        if scheme != "ssh" or self._key(host):
            return url
        same = [one for one in self.tokens if one == name] or [
            one for one in self.tokens if _host(one) == name
        ]
        return f"https://{same[0]}/{path.lstrip('/')}" if len(same) == 1 else url

    def variables(self, url: str, askpass: Path) -> dict[str, str]:
        """The variables by which git finds its credentials for a URL."""
        scheme, host, _ = _parts(url)
        known = self.tokens.get(host) if scheme == "https" else None
        if known is not None:
            user, token = known
            return {
                "GIT_ASKPASS": str(askpass),
                "ELSEWHERE_GIT_HOST": urlsplit(url).netloc.rpartition("@")[2],
                "ELSEWHERE_GIT_USER": user,
                "ELSEWHERE_GIT_TOKEN": token,
            }
        if scheme == "ssh" and self._key(host):  # it wins over a GIT_SSH_COMMAND of the machine's
            return {"GIT_ASKPASS": "", "GIT_SSH_COMMAND": self.ssh_command(url)}
        return {"GIT_ASKPASS": ""}

    def ssh_command(self, url: str) -> str:
        """The command line by which git calls ssh for a URL."""
        words = [*_SSH]
        if self.known_hosts is not None:
            words.append(f'-oGlobalKnownHostsFile=/etc/ssh/ssh_known_hosts "{self.known_hosts}"')
        if key := self._key(_parts(url)[1]):
            words += ["-oIdentitiesOnly=yes", "-i", key]
        return shlex.join(words)

    def explained(self, url: str, words: str) -> str:
        """What git's `words` on a remote mean, and what to do, in a sentence or two."""
        scheme, host, _ = _parts(url)
        machine = socket.gethostname()
        if scheme in ("https", "http") and "not found" in words:
            known = self.tokens.get(host)
            return "There is no such repository" + (
                f", or the credential for {host} of this agent, user {known[0]!r}, may not read it."
                if known
                else f", or it is private: {self._none_for(host, 'a user and a token')}"
            )
        if scheme in ("https", "http") and _HTTP_REFUSALS.search(words):
            known = self.tokens.get(host)
            if known is None:
                return f"It is private: {self._none_for(host, 'a user and a token')}"
            if scheme == "http":
                return f"The credential for {host} is sent over https only: use an https URL."
            return (
                f"The host refuses the credential that this agent has for {host}, user"
                f" {known[0]!r}: it is wrong, expired, or not allowed to read this repository."
                " Renew it in git_credentials."
            )
        if scheme != "ssh":
            return "Check its URL and the network."
        if "has changed and you have requested strict checking" in words:
            return (
                f"The host {host} shows another key than {machine} knows of it: it was set up anew,"
                " or somebody is in between. Ask who runs it before you replace the key in"
                " known_hosts."
            )
        if "Host key verification failed" in words:
            return (
                f"{machine} does not know the key of the host {host}. Compare it with what the host"
                f" publishes, and note it there: {self._keyscan(host)}"
            )
        if "Permission denied" in words and (key := self._key(host)):
            return f"The host {host} refuses the ssh key {key} that this agent has for it."
        if "Permission denied" in words:
            return (
                f"The host {host} refuses the keys that ssh found by itself, and"
                f" {self._none_for(host, 'an ssh_key, or a user and a token,')}"
            )
        if "Could not resolve hostname" in words:
            return (
                f"{machine} does not know the host {host}. A name that only ssh's settings on"
                " another machine have must stand in ~/.ssh/config there, too."
            )
        return "Check its URL, the network, and the ssh key of the agent."

    def _key(self, host: str) -> str:
        return self.ssh_keys.get(host) or self.ssh_keys.get(_host(host), "")

    def _none_for(self, host: str, what: str) -> str:
        hosts = sorted({*self.tokens, *self.ssh_keys})
        others = f", only for {', '.join(hosts)}" if hosts else ""
        return (
            f"this agent has no credential for {host}{others}. Give it {what} in git_credentials."
        )

    def _keyscan(self, host: str) -> str:
        _, separator, port = host.rpartition(":")
        has_port = bool(separator) and port.isdigit()
        words = ["ssh-keyscan", *(("-p", port) if has_port else ()), _host(host)]
        return f"{shlex.join(words)} >> {self.known_hosts or '~/.ssh/known_hosts'}"


def _parts(url: str) -> tuple[str, str, str]:
    """(scheme, host with its port, path) of a URL, or of ssh's short form; the host is empty for a
    place on a disk."""
    if "://" in url:
        parts = urlsplit(url)
        return parts.scheme, parts.netloc.rpartition("@")[2].lower(), parts.path
    if short := SSH_SHORT.match(url):
        return "ssh", short[1].lower(), short[2]
    return "", "", url


def _host(name: str) -> str:
    """A host without its port."""
    head, separator, port = name.rpartition(":")
    return head if separator and port.isdigit() else name
