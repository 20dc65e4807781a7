"""What git LFS tracks: pointers in the commits, contents on a server of their own.

The contents of a repository are fetched once per machine, beside its mirror. A task that was
captured brings them with it, so that none of this is called for it.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

from elsewhere.core.folders import make_folder
from elsewhere_sandbox.errors import SetupError

if TYPE_CHECKING:
    from elsewhere_sandbox.code import Code
    from elsewhere_sandbox.mirror import Mirror

#: settings of the code's repository, by which git, also the program's, knows contents and pointers
_SETTINGS: Final = (
    ("filter.lfs.process", "git-lfs filter-process"),
    ("filter.lfs.required", "true"),
)
_POINTER: Final = "version https://git-lfs.github.com/spec/v1"
#: pointers that an error names
_NAMED: Final = 5


def fetch(code: Code, mirror: Mirror | None) -> str:
    """Gets the contents of all files that LFS tracks and the index has as pointers, as far as they
    are not on this machine yet. Returns the URL of their server, empty if there are no such files.
    Raises SetupError."""
    tracked = ":(attr:filter=lfs)"
    found = code.ask("grep", "--cached", "-l", "-z", "-F", "-e", _POINTER, "--", tracked)
    if not (paths := found.output.split("\0")[:-1]):
        return ""
    names = ", ".join(paths[:_NAMED]) + (" and more" if len(paths) > _NAMED else "")
    if mirror is None:
        raise SetupError(
            f"git LFS tracks {names}, and the task names no repository to fetch it from. Give it"
            " the contents, or a repository."
        )
    if shutil.which("git-lfs") is None:
        raise SetupError(
            f"git LFS tracks {names}, and there is no git-lfs on this machine. Install git-lfs."
        )
    for name, value in _SETTINGS:
        code.ask("config", name, value).expect("The code cannot be configured. git said:")
    url = _server(code, mirror)
    make_folder(mirror.path / "lfs")
    code.share(mirror.path / "lfs", "lfs")
    tree = code.ask("write-tree").expect("The code has no tree. git said:").strip()
    answer = code.ask(
        *("-c", f"remote.origin.url={mirror.url}", "-c", f"lfs.url={url}"),
        *("lfs", "fetch", "origin", tree),
        url=url,
    )
    answer.expect(
        f"The files that git LFS tracks cannot be fetched from {url}: {names}."
        f" {code.git.policy.credentials.explained(url, answer.words)} git said:"
    )
    return url


def _server(code: Code, mirror: Mirror) -> str:
    """The URL of the server: what the repository says in .lfsconfig, or the usual one. Given to git
    LFS as a setting, it wins over what that would read from there."""
    named = code.ask("config", "--blob", ":.lfsconfig", "--get", "lfs.url")
    if named.is_ok and named.output.strip():
        url = named.output.strip()
        code.git.policy.check(url)
        return code.git.policy.credentials.reachable(url)
    if mirror.url.startswith(("https://", "http://")):
        return f"{mirror.url.removesuffix('/').removesuffix('.git')}.git/info/lfs"
    return f"file://{mirror.url}" if mirror.url.startswith("/") else mirror.url
