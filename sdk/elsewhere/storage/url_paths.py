"""Paths in URLs: the name of a file, and its place relative to another URL."""

from __future__ import annotations

from pathlib import PurePosixPath
from urllib.parse import unquote

from elsewhere.storage.copies.cache import OURS
from elsewhere.storage.files import file_url, is_file_url, local_path


def file_name(url: str) -> str:
    """The last part of the URL's path; `file` if it cannot name a file in the cache."""
    if is_file_url(url):
        name = local_path(url).name
    else:
        name = unquote(url.partition("?")[0].rpartition("/")[2])
    return name if is_file_name(name) else "file"


def is_file_name(name: object) -> bool:
    """Whether `name` can name a file in the cache."""
    is_text = isinstance(name, str) and name.strip(".") != ""
    return is_text and not {"/", "\0"} & set(str(name)) and name not in OURS


def path_of(url: str) -> PurePosixPath:
    """The path behind the name of the machine or bucket, relative."""
    if is_file_url(url):
        return PurePosixPath(*local_path(url).parts[1:])
    is_web = url.lower().startswith("http")
    behind = url.partition("://")[2].partition("/")[2]
    return PurePosixPath(unquote(behind.partition("?")[0]) if is_web else behind)


def inside(url: str, root: str) -> PurePosixPath:
    """The path of `url` below `root`; the file's name if both are the same."""
    path, above = path_of(url), path_of(root)
    return PurePosixPath(path.name) if path == above else path.relative_to(above)


def below(root: str, path: PurePosixPath) -> str:
    """The URL of `path` below the URL or path `root`."""
    return file_url(local_path(root) / path) if is_file_url(root) else f"{root.rstrip('/')}/{path}"
