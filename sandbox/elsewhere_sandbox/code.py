"""One repository of an attempt: a commit, the task's changes, and then the files.

The changes are made in the index, and the tree that they give is checked, before the first file is
written: nothing is ever written through a link that a patch made.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from elsewhere.core.code_layout import leads_out
from elsewhere.core.records import Submodule
from elsewhere_sandbox.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from elsewhere_sandbox.git import Answer, Git

_EMPTY_TREE: Final = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
_LINK: Final = "120000"
_SUBMODULE: Final = "160000"


class Code:
    """A repository with its files in `folder`, which is `path` in the outermost repository."""

    def __init__(self, folder: Path, git_dir: Path, git: Git, *, path: str = "") -> None:
        self.folder = folder
        self.path = path
        self._git_dir = git_dir
        self.git = git
        self._commit = ""

    def create(self, url: str, borrowed: Path | None) -> None:
        """Makes the repository by hand, without a process; it borrows objects from the mirror."""
        for name in ("objects/info", "refs/heads"):
            (self._git_dir / name).mkdir(parents=True)
        inner = os.path.relpath(self.folder, self._git_dir)
        config = f'[core]\n\trepositoryformatversion = 0\n\tworktree = "{_in(inner)}"\n'
        if url:
            fetch = "+refs/heads/*:refs/remotes/origin/*"
            config += f'[remote "origin"]\n\turl = "{_in(url)}"\n\tfetch = {fetch}\n'
        (self._git_dir / "config").write_text(config)
        (self._git_dir / "HEAD").write_text("ref: refs/heads/main\n")
        if self._git_dir.parent != self.folder:  # as git does for a submodule
            link = os.path.relpath(self._git_dir, self.folder)
            (self.folder / ".git").write_text(f"gitdir: {link}\n")
        if borrowed is not None:
            (self._git_dir / "objects/info/alternates").write_text(f"{borrowed.resolve()}\n")

    def unbundle(self, bundle: Path) -> None:
        self.ask("bundle", "unbundle", str(bundle)).expect(
            "The task's unpushed commits cannot be unpacked. Capture the code anew. git said:"
        )

    def read(self, commit: str) -> None:
        """Puts a commit into the index."""
        self.ask("read-tree", commit).expect(
            f"The commit {commit} is not in what the task brought with it. Capture the code anew."
            " git said:"
        )
        (self._git_dir / "HEAD").write_text(f"{commit}\n")
        self._commit = commit

    def apply(self, patch: Path) -> None:
        """Applies a patch to the index. Raises SetupError with git's message: it names the file."""
        where = f"the submodule {self.path}" if self.path else "the code"
        self.ask("apply", "--cached", "--binary", "--whitespace=nowarn", "--", str(patch)).expect(
            f"The task's uncommitted changes cannot be applied to {where} at"
            f" {self._commit[:12] or 'nothing'}. Capture the code anew. git said:"
        )
        content = patch.read_bytes()
        if any(word in content for word in (_LINK.encode(), b"rename ", b"copy ")):
            self._check_links()

    def verify(self, tree: str) -> None:
        made = self.ask("write-tree").expect("The code has no tree. git said:").strip()
        if tree not in ("", made):
            raise SetupError(
                f"The code{f' of the submodule {self.path}' if self.path else ''} is not what was"
                f" captured: its tree is {made} and should be {tree}. Capture the code anew."
            )

    def write_files(self, lfs: str = "") -> None:
        """Writes the files, those of git LFS from the server at the URL `lfs` or, as a rule, from
        what was fetched from there."""
        setting = ("-c", f"lfs.url={lfs}") if lfs else ()
        self.ask(*setting, "checkout-index", "--all", "--index", "--quiet", url=lfs).expect(
            f"The code cannot be written to {self.folder}. git said:"
        )

    def submodules(self, url: str) -> list[Submodule]:
        """The submodules of the commit in the index, whose repository is at `url`."""
        settings = self.ask(
            *("config", "--blob", ":.gitmodules", "--null"),
            *("--get-regexp", r"^submodule\..*\.(path|url)$"),
        )
        if not settings.is_ok:
            return []
        found: dict[str, dict[str, str]] = {}
        for setting in settings.output.split("\0")[:-1]:
            key, _, value = setting.partition("\n")
            name, _, what = key.removeprefix("submodule.").rpartition(".")
            found.setdefault(name, {})[what] = value
        urls = {one["path"]: one["url"] for one in found.values() if len(one) == 2}
        return [
            Submodule(
                path=str(PurePosixPath(self.path, path)),
                repository=_resolved(urls[path], url),
                commit=commit,
            )
            for path, commit in self._links()
            if path in urls
        ]

    def share(self, folder: Path, name: str) -> None:
        """Puts a link to `folder`, which others use, too, into the repository."""
        (self._git_dir / name).symlink_to(folder.resolve())

    def ask(self, *arguments: str, url: str = "") -> Answer:
        """Runs git in this repository, as `Git.ask` does."""
        return self.git.ask(*arguments, git_dir=self._git_dir, worktree=self.folder, url=url)

    def _links(self) -> Iterator[tuple[str, str]]:
        """Yields (path, commit) of each submodule in the index."""
        listed = self.ask("ls-files", "--stage", "-z").expect("The code cannot be listed.")
        for line in listed.split("\0")[:-1]:
            entry, _, path = line.partition("\t")
            mode, commit, _ = entry.split()
            if mode == _SUBMODULE:
                yield path, commit

    def _check_links(self) -> None:
        """Checks the links that the patch adds; those of a commit are its authors' business."""
        for link, content in self._changed_links():
            target = self.ask("cat-file", "blob", content).expect(f"{link} cannot be read.")
            if leads_out(PurePosixPath(self.path, link), target):
                raise SetupError(
                    f"The task's uncommitted changes are refused, since the link {link} leads to"
                    f" {target}, out of the code. Name it in .gitignore and capture the code anew."
                )

    def _changed_links(self) -> Iterator[tuple[str, str]]:
        since = self._commit or _EMPTY_TREE
        raw = self.ask("diff-index", "--cached", "--raw", "-z", "--no-renames", since)
        fields = iter(raw.expect("The task's changes cannot be listed. git said:").split("\0"))
        for entry, path in zip(fields, fields, strict=False):  # one empty string stays over
            _, mode, _, content, _ = entry.split()
            if mode == _LINK:
                yield path, content


def _resolved(url: str, outer: str) -> str:
    """A submodule's `url`, which may be relative to that of the repository around it."""
    if not url.startswith(("./", "../")):
        return url
    outer, separator = outer.rstrip("/"), "/"
    while url.startswith(("./", "../")):
        if url.startswith("../"):
            separator = "/" if "/" in outer else ":"
            outer = outer.rpartition(separator)[0]
        url = url.partition("/")[2]
    return f"{outer}{separator}{url}"


def _in(text: str) -> str:
    """Escapes a text for the inside of a setting's quotes."""
    return text.replace("\\", "\\\\").replace('"', '\\"')
