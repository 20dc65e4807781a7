"""A working tree of git, captured without a trace in it.

The index is copied and the objects of the captured state go into a folder that is thrown away, so
that the repository keeps its index, its objects and its times.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from elsewhere.capture.budget import Budget
from elsewhere.capture.git import Git
from elsewhere.capture.remote import Remote
from elsewhere.capture.unseen import filters_of, off, reveal, take_contents
from elsewhere.core.errors import CaptureError
from elsewhere.core.frozen import dataclass

_EMPTY_TREE: Final = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
_DIFF: Final = (
    *("diff-tree", "-r", "-p", "--binary", "--full-index", "--no-renames", "--no-color"),
    *("--no-ext-diff", "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/"),
    *("--submodule=short", "--ignore-submodules=none"),
)
_FACTS: Final = (
    *("rev-parse", "--show-toplevel", "--git-path", "index", "--git-path", "objects"),
    *("--git-path", "shallow", "HEAD", "HEAD^{tree}", "--symbolic-full-name", "HEAD"),
)
#: prints the commits of HEAD that the remote has, too, and fetches nothing: git >= 2.32
_COMMON: Final = (
    *("fetch", "--quiet", "--no-tags", "--no-recurse-submodules"),
    *("--negotiate-only", "--negotiation-tip=HEAD", "--"),
)
#: seconds that a remote may take to answer
_ASKED_S: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What a working tree has beyond its remote: raw patch and bundle, maybe empty; `submodules`
    are (path from this root, working tree, its snapshot)."""

    patch: bytes
    bundle: bytes
    tree: str
    submodules: tuple[tuple[str, Worktree, Snapshot], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Worktree:
    """A repository's checkout: `commit`, empty before the first, its `tree`, and `branch`, empty on
    a detached HEAD. `index`, `objects` and `shallow` are paths of git's own files."""

    root: Path
    remote: Remote
    commit: str
    tree: str
    branch: str
    is_local_shared: bool
    index: Path
    objects: Path
    shallow: Path

    @classmethod
    def find(cls, folder: Path, *, is_local_shared: bool = False) -> Worktree | None:
        """Returns the working tree that the folder is in, if any. Starts two git processes."""
        git = Git(folder)
        try:
            found = git.try_run(*_FACTS)
        except FileNotFoundError:
            _check_outside(folder)
            return None
        lines = os.fsdecode(found.stdout).splitlines()
        if len(lines) < 5:
            if b"not a git repository" in found.stderr or b"in a work tree" in found.stderr:
                return None
            raise git.failed("rev-parse", found.stderr)
        top, index, objects, shallow = lines[:4]
        if found.returncode:  # no commit yet
            commit, tree = "", _EMPTY_TREE
            reference = os.fsdecode(git.run("symbolic-ref", "HEAD")).strip()
        else:
            commit, tree, reference = lines[4:7]
        if len(tree) != len(_EMPTY_TREE):
            raise CaptureError(
                f"The code in {top} cannot be captured, since the repository names its objects by"
                " SHA-256, and only repositories with SHA-1, git's default, can be rebuilt."
            )
        branch = "" if reference == "HEAD" else reference.removeprefix("refs/heads/")
        root = Path(top)
        remote = Remote()
        if commit:  # without one everything is in the patch
            remote = Remote.of(Git(root), branch, is_local_shared=is_local_shared)
        return cls(
            root=root,
            remote=remote,
            commit=commit,
            tree=tree,
            branch=branch,
            is_local_shared=is_local_shared,
            index=folder / index,
            objects=folder / objects,
            shallow=folder / shallow,
        )

    def around(self, folder: Path) -> Worktree | None:
        """The repository that has this one as a submodule, maybe of a submodule, and the `folder`;
        None where there is none."""
        root = self.root
        while not folder.is_relative_to(root):
            found = Git(root).run("rev-parse", "--show-superproject-working-tree")
            outer = os.fsdecode(found).rstrip("\n")
            if not outer:
                return None
            root = Path(outer)
        return Worktree.find(root, is_local_shared=self.is_local_shared)

    def snapshot(
        self,
        budget: Budget,
        *,
        entries: Sequence[str] = (),
        outermost: Path | None = None,
        added: Mapping[str, bytes] | None = None,
        left_out: Sequence[str] = (),
    ) -> Snapshot:
        """Reads everything that another machine lacks. `entries` are files that must be part of it;
        `outermost` is the root of the repository that this one is a submodule of; `added` are the
        contents of files that are only to be part of the snapshot; `left_out` are paths of data,
        which travel in another way."""
        git = Git(self.root)
        outermost = outermost or self.root
        bundle = self._bundle(git, budget)
        tracked, untracked, marked = _listed(git)
        excluded = []  # git takes no ignored path here
        for path in left_out:
            if any(map(_inside(path), tracked)):
                raise CaptureError(
                    f"The data {path!r} cannot travel by itself, since git tracks it in {self.root}"
                    " and it is part of the code: take it out of `data`, or out of git."
                )
            if found := set(filter(_inside(path), untracked)):
                untracked -= found
                excluded.append(f":(exclude,top,literal){path}")
        inner_worktrees = dict(self._submodules(tracked))
        inner_entries = {path: _below(path, entries) for path in inner_worktrees}
        for entry in entries:
            is_inside = any(entry.startswith(f"{path}/") for path in inner_worktrees)
            if is_inside or self._has(entry, tracked, untracked):
                continue
            raise CaptureError(
                f"{self.root / entry} cannot run elsewhere, since git ignores it and ignored files"
                " do not travel. Take it out of .gitignore, or start a file that git sees."
            )
        self._check_untracked(untracked, budget)
        submodules = tuple(
            (path, inner, inner.snapshot(budget, entries=inner_entries[path], outermost=outermost))
            for path, inner in inner_worktrees.items()
        )
        # TemporaryDirectory would be emptied at the exit, before the capture's end is waited for.
        folder = Path(tempfile.mkdtemp(prefix="elsewhere-"))
        try:
            filters = filters_of(git)
            staging = self._staging(folder, filters)
            reveal(staging, self.root, marked)
            take_contents(staging, self.root, [*tracked, *untracked], filters, budget)
            staging.run("add", "--all", "--", ".", *excluded)
            for path, content in (added or {}).items():
                name = staging.run("hash-object", "-w", "--stdin", given=content).decode().strip()
                line = os.fsencode(f"100644 {name}\t{path}\0")
                staging.run("update-index", "-z", "--index-info", given=line)
            if submodules:  # their commits, even if .gitmodules has `ignore = all`
                lines = (f"160000 {inner.commit}\t{path}\0" for path, inner, _ in submodules)
                given = os.fsencode("".join(lines))
                staging.run("update-index", "-z", "--index-info", given=given)
            tree = staging.run("write-tree").decode().strip()
            patch = self._patch(staging, tree, budget)
            if b"120000" in patch:
                self._check_links(staging, tree, outermost)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return Snapshot(patch=patch, bundle=bundle, tree=tree, submodules=submodules)

    def _has(self, entry: str, tracked: Mapping[str, str], untracked: set[str]) -> bool:
        """Whether git sees the file, or the link of a folder above it."""
        above = [entry, *map(str, Path(entry).parents)]
        links = [path for path in above[1:] if tracked.get(path) == "120000" or path in untracked]
        return entry in tracked or entry in untracked or bool(links)

    def lost(self, budget: Budget) -> bytes:
        """The bundle in place of that of the snapshot, where the remote has lost commits by a
        forced push that this repository believes it has; empty for none. The remote is asked;
        where that fails, or takes long, this repository's belief counts."""
        git = Git(self.root)
        if not self.commit or not self.remote.name:
            return b""
        asked = git.ask_remote(_ASKED_S, *_COMMON, self.remote.name)
        if not asked:  # it cannot be asked, or has nothing of this history
            return b""
        common = asked.decode().split()
        believed = git.run("rev-list", "HEAD", "--not", f"--remotes={self.remote.name}").split()
        if set(git.run("rev-list", "HEAD", "--not", *common).split()) <= set(believed):
            return b""
        return self._bundle(git, budget, common)

    def _bundle(self, git: Git, budget: Budget, common: Sequence[str] | None = None) -> bytes:
        """The commits that the remote lacks: by its tracking branches, or by what is in `common`
        with it."""
        if not self.commit:
            return b""
        unpushed = ["HEAD"]
        is_shallow = self.shallow.exists()
        if self.remote.name:
            known = common if common is not None else (f"--remotes={self.remote.name}",)
            unpushed += ["--not", *known]
            lines = git.run("rev-list", *(() if is_shallow else ("--max-count=1",)), *unpushed)
            if not lines:
                return b""
        else:
            lines = git.run("rev-list", "HEAD") if is_shallow else b""
        if is_shallow and not set(lines.split()).isdisjoint(self.shallow.read_bytes().split()):
            raise CaptureError(
                f"The commits of {self.root} that are in no remote cannot travel, since the clone"
                " is shallow and lacks the history below them. Call `git fetch --unshallow`, or"
                " push them."
            )
        bundle = git.read(budget.left_bytes, "bundle", "create", "-", *unpushed)
        if bundle is None:
            raise budget.exceeded(
                f"the commits of {self.root} that are in no remote",
                _sizes(git, unpushed),
                "Push them to a remote that other machines reach",
            )
        if f"{self.commit} HEAD".encode() not in bundle.partition(b"\n\n")[0].splitlines():
            raise CaptureError(
                f"The code in {self.root} cannot be captured, since another commit was checked out"
                " meanwhile. Start again."
            )
        budget.take(len(bundle))
        return bundle

    def _check_untracked(self, untracked: set[str], budget: Budget) -> None:
        """Raises for what cannot travel, before git reads it: it may be larger than the memory."""
        sizes = []
        for path in sorted(untracked):
            if path.endswith("/"):
                raise CaptureError(
                    f"The code cannot be captured, since {self.root / path} is a git repository"
                    f" inside the one of {self.root}, which neither tracks nor ignores it. Add it"
                    " as a submodule or name it in .gitignore."
                )
            try:
                sizes.append(((self.root / path).lstat().st_size, path))
            except OSError:  # it was removed meanwhile
                continue
        if sum(size for size, _ in sizes) > budget.left_bytes:
            raise budget.exceeded(
                f"the files in {self.root} that git does not track",
                sizes,
                "Name in .gitignore what the program does not need there",
            )

    def _submodules(self, tracked: dict[str, str]) -> Iterator[tuple[str, Worktree]]:
        for path in sorted(path for path, mode in tracked.items() if mode == "160000"):
            if not (self.root / path / ".git").exists():
                continue  # not checked out here, so the program does not need it there
            inner = Worktree.find(self.root / path, is_local_shared=self.is_local_shared)
            if inner is None or not inner.commit:
                raise CaptureError(
                    f"The submodule {self.root / path} cannot be captured, since it is not a git"
                    " repository with a commit. Call `git submodule update --init` or remove it."
                )
            yield path, inner

    def _staging(self, folder: Path, filters: Collection[str]) -> Git:
        """Returns git on the same files, with its own index and folder of objects in `folder`, and
        without the `filters`."""
        index, objects = folder / "index", folder / "objects"
        (objects / "info").mkdir(parents=True)
        (objects / "info" / "alternates").write_bytes(os.fsencode(f"{self.objects.resolve()}\n"))
        if self.index.exists():
            # With its times: files as young as the index are compared by content.
            shutil.copy2(self.index, index)
        own = {"GIT_INDEX_FILE": str(index), "GIT_OBJECT_DIRECTORY": str(objects)}
        return Git(self.root, **own, **off(filters))

    def _patch(self, staging: Git, tree: str, budget: Budget) -> bytes:
        if tree == self.tree:
            return b""
        patch = staging.read(budget.left_bytes, *_DIFF, self.tree, tree)
        if patch is None:
            changed = (self.root / path for _, path in _changed(staging, self.tree, tree))
            raise budget.exceeded(
                f"the changes in {self.root}",
                [(file.lstat().st_size, str(file)) for file in changed if os.path.lexists(file)],
                "Commit and push them, name in .gitignore what the program does not need there",
            )
        budget.take(len(patch))
        return patch

    def _check_links(self, staging: Git, tree: str, outermost: Path) -> None:
        """Raises CaptureError for a link out of the tree: a checkout elsewhere refuses it."""
        for mode, path in _changed(staging, self.tree, tree):
            link = self.root / path
            if mode != "120000" or not link.is_symlink():
                continue
            target = os.readlink(link)  # noqa: PTH115 - as it is written, to show it
            real = Path(os.path.realpath(link))
            if (
                not os.path.isabs(target)  # noqa: PTH117
                and real.is_relative_to(outermost)
                and ".git" not in real.relative_to(outermost).parts
            ):
                continue
            raise CaptureError(
                f"The link {link} cannot travel, since it leads to {target}, which is not part of"
                " the code. Name it in .gitignore, or make it a relative link to a captured file."
            )


def _inside(top: str) -> Callable[[str], bool]:
    """Whether a path is `top` or below it; that of a repository ends in `/`."""
    return lambda path: f"{path}/".startswith(f"{top}/")


def _below(path: str, entries: Sequence[str]) -> list[str]:
    return [entry[len(path) + 1 :] for entry in entries if entry.startswith(f"{path}/")]


def _check_outside(folder: Path) -> None:
    for parent in (folder, *folder.parents):
        if (parent / ".git").exists():
            raise CaptureError(
                f"The code in {parent} cannot be captured, since it is a git repository and there"
                " is no `git` on the PATH. Install git."
            )


def _listed(git: Git) -> tuple[dict[str, str], set[str], set[str]]:
    """Returns tracked paths with modes, untracked ones, of which a repository ends in `/`, and
    tracked ones that are marked as `skip-worktree` or `assume-unchanged`."""
    tracked: dict[str, str] = {}
    untracked: set[str] = set()
    marked: set[str] = set()
    listed = git.run("ls-files", "-z", "-v", "--stage", "--others", "--exclude-standard")
    for line in os.fsdecode(listed).split("\0")[:-1]:
        if line.startswith("? "):
            untracked.add(line[2:])
        else:
            entry, _, path = line.partition("\t")
            tracked[path] = entry.split()[1]
            if entry[0] == "S" or entry[0].islower():
                marked.add(path)
    return tracked, untracked, marked


def _changed(git: Git, old: str, new: str) -> Iterator[tuple[str, str]]:
    """Yields (new mode, path) of every file that differs."""
    raw = git.run("diff-tree", "-r", "-z", "--raw", "--no-renames", old, new)
    fields = iter(os.fsdecode(raw).split("\0")[:-1])
    for entry, path in zip(fields, fields, strict=True):
        yield entry.split()[1], path


def _sizes(git: Git, revisions: Sequence[str]) -> list[tuple[int, str]]:
    """Returns (bytes, path) of every version of a file in the commits."""
    objects = git.run("rev-list", "--objects", *revisions)
    shape = "--batch-check=%(objecttype) %(objectsize) %(rest)"
    lines = os.fsdecode(git.run("cat-file", shape, given=objects)).splitlines()
    blobs = (line.split(" ", 2) for line in lines if line.startswith("blob "))
    return [(int(size), path) for _, size, path in blobs]
