"""The source of a task: which code runs, and the bytes of it that only this machine has.

`locate` is quick and finds what runs; `complete` reads the files and may go on beside the script.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from elsewhere.capture.budget import Budget
from elsewhere.capture.loose import LooseFile, as_patch, read_loose_files, tree_of
from elsewhere.capture.script import Script
from elsewhere.capture.worktree import Snapshot, Worktree
from elsewhere.core.errors import CaptureError
from elsewhere.core.frozen import dataclass
from elsewhere.core.records import Source, Submodule


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """What runs, before its files are read: `source` lacks patch, bundle, tree and submodules.
    `root` is the root of the repository, or the script's folder outside git."""

    source: Source
    root: Path
    script: Script
    worktree: Worktree | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturedSource:
    """The whole source; `blobs` has the raw bytes of its digests. `warnings` are sentences on what
    does not travel."""

    source: Source
    blobs: dict[str, bytes]
    warnings: tuple[str, ...] = ()


def locate(
    script: Script, *, local_remotes_are_shared: bool = False, in_repository: bool = True
) -> Located:
    """Finds repository, commit, branch, entry point and working folder.

    Without `in_repository` a repository is ignored. A remote on this machine's disk counts only
    with `local_remotes_are_shared`: then the machine that runs the task has the same disk. Raises
    CaptureError if git is needed and missing, or fails.
    """
    worktree = None
    if in_repository:
        worktree = Worktree.find(script.base, is_local_shared=local_remotes_are_shared)
        if worktree is not None and not script.folder.is_relative_to(worktree.root):
            # A script in a submodule, started where its relative paths begin.
            worktree = worktree.around(script.folder) or worktree
    if worktree is None:
        if script.is_installed:
            raise CaptureError(
                f"The code cannot be captured: {script.path} is installed, and the working folder"
                f" {script.folder} is not in a git repository. Start it in the repository of your"
                " code, or start a script of your own."
            )
        source, root = Source(argv=script.argv), script.base
    else:
        root = worktree.root
        source = Source(
            repository=worktree.remote.url,
            commit=worktree.commit,
            branch=worktree.branch,
            argv=script.argv,
        )
    inside = [folder for folder in script.python_path if folder.is_relative_to(root)]
    source = replace(
        source,
        module="" if script.shell else script.module,
        working_dir=_working_dir(script, root),
        python_path=tuple(_relative(folder, root) for folder in inside if folder.is_dir()),
    )
    if script.launcher is not None:
        working = root / source.working_dir
        words = script.launcher.words_from(working, root)
        source = replace(source, launcher=words)
    if not source.module:
        entry = _relative(script.entry_below(root), root / source.working_dir)
        # Not an option, nor a command to look for on PATH: `torchrun --no-python ./train.sh`.
        needs_folder = entry.startswith("-") or (source.launcher and entry.endswith(".sh"))
        source = replace(source, entry_point=f"./{entry}" if needs_folder else entry)
    return Located(source=source, root=root, script=script, worktree=worktree)


def check_started(located: Located) -> None:
    """Raises CaptureError for a program that was started in another repository than its own: its
    relative paths would lead nowhere."""
    folder, root = located.script.folder, located.root
    other = None if folder.is_relative_to(root) else Worktree.find(folder)
    if other is not None and not root.is_relative_to(other.root):
        raise CaptureError(
            f"The program was started in {folder}, which is in the repository {other.root}, and its"
            f" code is in {root}: only one of them travels, and its relative paths would lead to"
            f" nothing elsewhere. Start it below {root}, or put its code into {other.root}, as a"
            " submodule for example."
        )


def left_behind(located: Located) -> tuple[str, ...]:
    """Sentences that name what does not travel: the folder of the start, folders of PYTHONPATH,
    settings of a launcher."""
    root, launcher, notebook = located.root, located.script.launcher, located.script.notebook
    sentences = launcher.left_behind(located.script.folder, root) if launcher is not None else ()
    if notebook is not None:
        sentences = (*sentences, *notebook.sentences)
    if not (folder := located.script.folder).is_relative_to(root):
        start = f"elsewhere it starts in {located.source.working_dir!r} of the code"
        sentence = f"The program was started in {folder}, outside of the code in {root}: {start}"
        sentences = (*sentences, f"{sentence}, and relative paths lead to other files there.")
    outside = [f"{one}" for one in located.script.python_path if not one.is_relative_to(root)]
    if outside:
        names = ", ".join(outside)
        left = f"PYTHONPATH names {names}, outside of the code in {root}: what the program imports"
        advice = "from there does not travel. Move it into the code, or make it a package."
        return (*sentences, f"{left} {advice}")
    return sentences


def complete(located: Located, limit_bytes: int, left_out: Sequence[str] = ()) -> CapturedSource:
    """Reads what the repository's remote does not have, and changes nothing in the repository. The
    paths `left_out` are of data, which travel in another way.

    Raises TooLargeError above the limit, for raw patches and bundles together, and CaptureError
    for what cannot travel: an ignored script, a repository that is not a submodule, a link out of
    the code, a file that cannot be read.
    """
    if located.script.launcher is not None:
        located.script.launcher.check()
    budget = Budget(limit_bytes)
    blobs: dict[str, bytes] = {}
    script = located.script
    if located.worktree is None:
        files = read_loose_files(script, budget)
        source = replace(located.source, patch=_kept(as_patch(files), blobs), tree=tree_of(files))
        return CapturedSource(source=source, blobs=blobs, warnings=_unsent(script, files))
    started, added = {script.path, script.entry_below(located.root)}, {}
    if script.module or script.notebook is not None:
        started = set()
    if script.notebook is not None:
        added = {_relative(script.path, located.root): script.notebook.content}
    entries = [_relative(file, located.root) for file in sorted(started)]
    snapshot = located.worktree.snapshot(budget, entries=entries, added=added, left_out=left_out)
    source = replace(
        located.source,
        patch=_kept(snapshot.patch, blobs),
        bundle=_kept(snapshot.bundle, blobs),
        tree=snapshot.tree,
        submodules=tuple(_submodules("", snapshot, blobs)),
    )
    return CapturedSource(source=source, blobs=blobs)


def with_lost(located: Located, source: Source, limit_bytes: int) -> CapturedSource | None:
    """The captured `source` with the commits that its remotes have lost by forced pushes; None
    where they have lost none. Asks each remote. Raises as `complete` does."""
    worktree, blobs, budget = located.worktree, dict[str, bytes](), Budget(limit_bytes)
    if worktree is None:
        return None
    if bundle := worktree.lost(budget):
        source = replace(source, bundle=_kept(bundle, blobs))
    inner = list(source.submodules)
    for number, record in enumerate(inner):
        found = Worktree.find(worktree.root / record.path, is_local_shared=worktree.is_local_shared)
        if found is not None and (bundle := found.lost(budget)):
            inner[number] = replace(record, bundle=_kept(bundle, blobs))
    if not blobs:
        return None
    return CapturedSource(source=replace(source, submodules=tuple(inner)), blobs=blobs)


def _unsent(script: Script, files: list[LooseFile]) -> tuple[str, ...]:
    """Names the files that a notebook outside git names, and that do not travel with it."""
    if script.notebook is None:
        return ()
    sent = {script.base / file.path for file in files}
    names = [name for name in script.notebook.named_files() if script.base / name not in sent]
    if not names:
        return ()
    why = "since the notebook is in no git repository: only its cells and what they import do"
    return (f"These files do not travel, {why}: {', '.join(names)}.",)


def _working_dir(script: Script, root: Path) -> str:
    """Returns the folder where the program was started or, if that is not in the code, could be."""
    if script.folder.is_relative_to(root):
        return _relative(script.folder, root)
    return _relative(script.base, root) if script.module else "."


def _relative(path: Path, start: Path) -> str:
    return Path(os.path.relpath(path, start)).as_posix()


def _submodules(outer: str, snapshot: Snapshot, blobs: dict[str, bytes]) -> Iterator[Submodule]:
    """Yields the submodules of `snapshot` and their own ones, the outer before the inner."""
    for path, worktree, inner in snapshot.submodules:
        yield Submodule(
            path=outer + path,
            repository=worktree.remote.url,
            commit=worktree.commit,
            patch=_kept(inner.patch, blobs),
            bundle=_kept(inner.bundle, blobs),
            tree=inner.tree,
        )
        yield from _submodules(f"{outer}{path}/", inner, blobs)


def _kept(content: bytes, blobs: dict[str, bytes]) -> str:
    """Adds the content to `blobs` and returns its digest; "" for no content."""
    if not content:
        return ""
    digest = hashlib.sha256(content).hexdigest()
    blobs[digest] = content
    return digest
