"""The remote that a repository shares with other machines: its URL, without credentials."""

from __future__ import annotations

import re
from typing import Final

from elsewhere.capture.git import Git
from elsewhere.core.frozen import dataclass
from elsewhere.core.secrets import strip_credentials

_SETTINGS: Final = r"^(remote\..*\.url|branch\..*\.remote|url\..*\.insteadof)$"
_SHARED_SCHEMES: Final = frozenset({"https", "http", "ssh", "git", "git+ssh", "ssh+git"})
#: `git@host:path`: a colon before any slash; `helper::address` is something else
_SSH_SHORT: Final = re.compile(r"[^/:]+:(?!:)")


@dataclass(frozen=True, slots=True)
class Remote:
    """A remote by its name in the repository; both are empty if no remote is shared."""

    name: str = ""
    url: str = ""

    @classmethod
    def of(cls, git: Git, branch: str, *, is_local_shared: bool) -> Remote:
        """Returns the branch's remote, else `origin`, else the first that other machines reach.

        A path and a `file://` URL count only with `is_local_shared`: on another machine they name
        nothing or something else.
        """
        urls: dict[str, str] = {}
        upstream = ""
        shortcuts: list[tuple[str, str]] = []
        settings = git.try_run("config", "-z", "--get-regexp", _SETTINGS).stdout
        for setting in settings.decode(errors="surrogateescape").split("\0")[:-1]:
            key, _, value = setting.partition("\n")
            section, _, name = key.rpartition(".")[0].partition(".")
            if section == "remote":
                urls.setdefault(name, value)
            elif section == "url":
                shortcuts.append((value, name))
            elif name == branch:
                upstream = value
        for name in (upstream, "origin", *urls):
            if url := urls.get(name, ""):
                if not _is_shared(url) or "://" not in url:
                    url = _expanded(url, shortcuts)
                if _is_shared(url):
                    return cls(name, strip_credentials(url))
                if is_local_shared:
                    return cls(name, url if "://" in url else str((git.folder / url).resolve()))
        return cls()


def _is_shared(url: str) -> bool:
    scheme, separator, _ = url.partition("://")
    if separator:
        return scheme.lower() in _SHARED_SCHEMES
    return _SSH_SHORT.match(url) is not None


def _expanded(url: str, shortcuts: list[tuple[str, str]]) -> str:
    matching = [pair for pair in shortcuts if url.startswith(pair[0])]
    if not matching:
        return url
    short, long = max(matching, key=lambda pair: len(pair[0]))
    return long + url[len(short) :]
