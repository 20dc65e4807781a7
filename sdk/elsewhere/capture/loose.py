"""A script outside git: its files as a patch and a tree hash, made without git.

The patch is one that `git apply` takes, the hash is the one that `git write-tree` would give.
"""

from __future__ import annotations

import base64
import hashlib
import os
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from elsewhere.capture.budget import Budget
from elsewhere.capture.imported_names import scan_imports
from elsewhere.capture.script import Script
from elsewhere.core.errors import CaptureError
from elsewhere.core.frozen import dataclass

_NO_CONTENT: Final = b"literal 0\nHcmV?d00001\n\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class LooseFile:
    """A file of a script outside git; `path` is POSIX, from the script's base."""

    path: str
    mode: str
    content: bytes

    @property
    def id(self) -> str:
        """Returns the name that git gives the content: 40 hex digits."""
        return _object_id("blob", self.content).hex()


def read_loose_files(script: Script, budget: Budget) -> list[LooseFile]:
    """Reads the script and the modules beside it that it imports, packages with all their files.

    Raises TooLargeError before anything is read.
    """
    base, found = script.base, set[Path]()
    notebook = script.notebook
    content = None if notebook is None else notebook.content
    imports = scan_imports(script.path, [base, *script.python_path], content=content)
    own = () if notebook is not None else (script.path,)
    for file in (*own, *imports.files):
        if base in file.parents:
            top = base / file.relative_to(base).parts[0]
            found |= set(_package(top)) if (top / "__init__.py").is_file() else {file}
    sizes = [(file.stat().st_size, str(file)) for file in found]
    if (size := sum(size for size, _ in sizes)) > budget.left_bytes:
        raise budget.exceeded(
            f"{script.path} and what it imports from {base}",
            sizes,
            "Keep data outside of packages",
        )
    budget.take(size)
    if notebook is not None:
        program = LooseFile(path=script.path.name, mode="100644", content=notebook.content)
        return [*(_read(base, file) for file in sorted(found - {script.path})), program]
    entry = script.entry_below(base)
    links = {entry} - {script.path}
    plain = [_read(base, file) for file in sorted(found - links)]
    return plain + [_link(base, link) for link in links]


def as_patch(files: list[LooseFile]) -> bytes:
    """Returns the patch that creates the files in an empty folder."""
    return b"".join(_creation(file) for file in files)


def tree_of(files: list[LooseFile]) -> str:
    """Returns the hash of the git tree that holds just these files."""
    return _tree({tuple(file.path.split("/")): file for file in files}).hex()


def _link(base: Path, link: Path) -> LooseFile:
    target = os.path.relpath(os.path.realpath(link), os.path.realpath(link.parent))
    path = link.relative_to(base).as_posix()
    return LooseFile(path=path, mode="120000", content=os.fsencode(target))


def _read(base: Path, file: Path) -> LooseFile:
    try:
        content, mode = file.read_bytes(), file.stat().st_mode
    except OSError as error:
        raise CaptureError(
            f"{file} cannot be captured, since it cannot be read ({error.strerror}), and the"
            " program imports the package that it lies in. Make it readable or move it elsewhere."
        ) from error
    return LooseFile(
        path=file.relative_to(base).as_posix(),
        mode="100755" if mode & 0o100 else "100644",
        content=content,
    )


def _package(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != "__pycache__" and name[0] != "."]
        files = (Path(parent, name) for name in names if not name.endswith(".pyc"))
        yield from (file for file in files if file.is_file())


def _creation(file: LooseFile) -> bytes:
    old, new = _quoted(f"a/{file.path}"), _quoted(f"b/{file.path}")
    head = b"diff --git %s %s\nnew file mode %s\nindex %s..%s\n" % (
        *(old, new, file.mode.encode()),
        *(b"0" * len(file.id), file.id.encode()),
    )
    if not file.content:
        return head
    if b"\0" in file.content:
        return head + b"GIT binary patch\n" + _literal(file.content) + _NO_CONTENT
    lines = file.content.split(b"\n")
    end = b"\n"
    if last := lines.pop():
        lines.append(last)
        end = b"\n\\ No newline at end of file\n"
    hunk = b"--- /dev/null\n+++ %s\n@@ -0,0 +1,%d @@\n" % (new, len(lines))
    return head + hunk + b"\n".join(b"+" + line for line in lines) + end


def _literal(content: bytes) -> bytes:
    """Returns git's binary hunk: deflated, in lines of at most 52 bytes, each led by its length."""
    packed = zlib.compress(content)
    lines = []
    for start in range(0, len(packed), 52):
        chunk = packed[start : start + 52]
        length = len(chunk) + (64 if len(chunk) <= 26 else 70)  # A to Z, then a to z
        lines.append(bytes([length]) + base64.b85encode(chunk, pad=True) + b"\n")
    return b"literal %d\n%s\n" % (len(content), b"".join(lines))


def _quoted(path: str) -> bytes:
    """Returns the path as git quotes it in a patch: only if it must."""
    raw = os.fsencode(path)
    if not any(byte < 32 or byte in b'"\\\x7f' for byte in raw):
        return raw
    return b'"%s"' % b"".join(
        b"\\%03o" % byte if byte < 32 or byte in b'"\\\x7f' else bytes([byte]) for byte in raw
    )


def _tree(files: Mapping[tuple[str, ...], LooseFile]) -> bytes:
    inner: dict[str, dict[tuple[str, ...], LooseFile]] = {}
    entries: list[tuple[bytes, bytes]] = []
    for (name, *rest), file in files.items():
        if rest:
            inner.setdefault(name, {})[tuple(rest)] = file
        else:
            entry = b"%s %s\0" % (file.mode.encode(), os.fsencode(name))
            entries.append((os.fsencode(name), entry + bytes.fromhex(file.id)))
    for name, below in inner.items():  # git sorts a folder as if its name ended in a slash
        entry = b"40000 %s\0" % os.fsencode(name)
        entries.append((os.fsencode(f"{name}/"), entry + _tree(below)))
    return _object_id("tree", b"".join(entry for _, entry in sorted(entries)))


def _object_id(kind: str, content: bytes) -> bytes:
    head = b"%s %d\0" % (kind.encode(), len(content))
    return hashlib.sha1(head + content, usedforsecurity=False).digest()
