"""Where an installed distribution came from: the requirement that gives the same one elsewhere."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from elsewhere.capture.git import Git
from elsewhere.capture.installed import is_below
from elsewhere.capture.remote import Remote
from elsewhere.core.errors import CaptureError
from elsewhere.core.secrets import strip_credentials

if TYPE_CHECKING:
    from elsewhere.capture.installed import Installed

logger = logging.getLogger(__name__)

#: the schemes of URLs that an agent installs from
_SCHEMES: Final = ("https", "http", "ssh")


class Origin(NamedTuple):
    """A requirement line. `from_here` says why the distribution itself has to travel, or is ""."""

    line: str
    from_here: str = ""


def origin(item: Installed, root: Path) -> Origin | None:
    """Returns where a distribution came from; None for one without a name or a version.

    A project below `root`, the code of the task, is installed in place there.
    """
    if not item.version:
        logger.debug("%s has no name or version and is not captured", item.path)
        return None
    name, pin = item.key, f"{item.key}=={item.version}"
    if item.project:
        if is_below(item.project, root):
            inner = item.project.relative_to(root).as_posix()
            return Origin(f"-e ./{'' if inner == '.' else inner}")
        if reference := _git_reference(item.project):
            return Origin(f"{name} @ {reference}")
        return Origin(pin, f"is installed in place from {item.project}")
    place = urlsplit(item.direct.get("url", ""))
    if not place.scheme or item.installer == "conda":
        return Origin(pin)
    url = strip_credentials(place.geturl())
    inner, vcs = item.direct.get("subdirectory", ""), item.direct.get("vcs_info")
    if place.scheme not in _SCHEMES or (vcs and vcs["vcs"] != "git"):
        return Origin(pin, f"is installed from {url.removeprefix('file://')}")
    if vcs:
        fragment = f"#subdirectory={inner}" if inner else ""
        return Origin(f"{name} @ git+{url}@{vcs['commit_id']}{fragment}")
    archive = item.direct.get("archive_info") or {}
    digest = (archive.get("hashes") or {}).get("sha256", "")
    digest = digest or archive.get("hash", "").removeprefix("sha256=")  # as older installers wrote
    marks = [f"sha256={digest}"] if re.fullmatch("[0-9a-f]{64}", digest) else []
    marks += [f"subdirectory={inner}"] if inner else []
    return Origin(f"{name} @ {url.partition('#')[0]}" + (f"#{'&'.join(marks)}" if marks else ""))


def _git_reference(project: Path) -> str:
    """Returns `git+URL@commit` of a clean checkout whose commit is in a shared remote, or ""."""
    git = Git(project)
    try:
        top = Path(os.fsdecode(git.run("rev-parse", "--show-toplevel").rstrip(b"\n")))
        commit = git.run("rev-parse", "HEAD").decode().strip()
        branch = git.try_run("symbolic-ref", "--quiet", "--short", "HEAD").stdout.decode().strip()
        remote = Remote.of(git, branch, is_local_shared=False)
        if not remote.url or not _is_clean(git):
            return ""
        if not git.run("branch", "--remotes", "--contains", commit, "--list", f"{remote.name}/*"):
            return ""
    except (CaptureError, OSError) as error:
        logger.debug("%s is not a git checkout that can travel: %s", project, error)
        return ""
    url = re.sub(r"^([^/:]+):(?!//)/?", r"ssh://\1/", remote.url)  # the short form of ssh
    if urlsplit(url).scheme not in _SCHEMES:
        return ""
    inner = project.relative_to(top.resolve()).as_posix()
    return f"git+{url}@{commit}" + ("" if inner == "." else f"#subdirectory={inner}")


def _is_clean(git: Git) -> bool:
    """Whether a commit has all that Python may import, as it is: no hidden or ignored change."""
    changes = git.run("status", "--porcelain", "--untracked-files=normal", "--ignored=traditional")
    for line in os.fsdecode(changes).splitlines():
        is_made = re.search(r"(__pycache__|\.egg-info|\.pyc|/|\.venv)$", line.strip('"'))
        if not line.startswith("!! ") or not is_made:
            return False
    flags = git.run("ls-files", "-v")  # a lower case letter, or S: its changes are not looked at
    return re.search(rb"^(S|[a-z]) ", flags, re.MULTILINE) is None
