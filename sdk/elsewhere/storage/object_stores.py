"""Object stores, through fsspec and its drivers, each with its own ways to find credentials."""

from __future__ import annotations

import errno
import os
import secrets
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from socket import gethostname
from typing import TYPE_CHECKING, Any, Final

from elsewhere.core.errors import StorageError
from elsewhere.core.secrets import hide_passwords
from elsewhere.storage.api import Found, PassingError
from elsewhere.storage.files import beside
from elsewhere.storage.progress import DISPLAY
from elsewhere.storage.trying import CHECK_S, within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from elsewhere.storage.progress import Moving

#: errors that a second try does not change; all others of a driver may be the network's
_LASTING: Final = (
    *(FileExistsError, ImportError, IsADirectoryError, NotADirectoryError),
    *(PermissionError, TypeError, ValueError),
)
_LASTING_CODES: Final = (errno.EINVAL, errno.ENAMETOOLONG, errno.ENOSPC, errno.ENOSYS, errno.EPERM)


class RemoteStorage:
    """The storage of one `protocol` of fsspec, whose driver is in `package`."""

    def __init__(self, protocol: str, *, package: str = "fsspec") -> None:
        self._protocol = protocol
        self._package = package

    def upload(self, local: Path, url: str) -> None:
        with (
            mapped("write", url),
            DISPLAY.moving(f"Uploading {local.name}", local.stat().st_size) as row,
        ):
            self._system().put_file(str(local), url, callback=_callback(row))

    def download(self, url: str, local: Path) -> None:
        with mapped("read", url):
            local.parent.mkdir(parents=True, exist_ok=True)
            with (
                DISPLAY.moving(f"Downloading {url.rpartition('/')[2]}") as row,
                beside(local) as partial,
            ):
                self._system().get_file(url, str(partial), callback=_callback(row))

    def exists(self, url: str) -> bool:
        with mapped("find", url):
            try:
                # Not `isfile`, which returns False for a missing permission, too.
                return bool(self._system().info(url)["type"] == "file")
            except FileNotFoundError:
                return False

    def delete(self, url: str) -> None:
        if self.exists(url):
            with mapped("delete", url):
                self._system().rm_file(url)

    def size(self, url: str) -> int:
        with mapped("measure", url):
            return int(self._system().size(url))

    def look(self, url: str) -> Found:
        with mapped("find", url):
            info = self._system().info(url)
        if info["type"] != "file":
            raise StorageError(f"There is no file {url}: it is a folder. Name a file in it.")
        return _found(url, info)

    def list(self, url: str) -> list[Found]:
        with mapped("list", url):
            try:
                files = self._system().find(url, detail=True)
            except FileNotFoundError:
                return []
        found = [
            _found(f"{self._protocol}://{name.lstrip('/')}", info) for name, info in files.items()
        ]
        return sorted(found, key=lambda one: one.url)

    def check(self, url: str) -> None:
        probe = f"{url.rstrip('/')}/.elsewhere-{secrets.token_hex(8)}"
        system = self._system()  # not in `write`: the import of a driver may exceed the limit

        def write() -> None:
            with mapped("write", url):
                self.probe(system, probe)

        within(CHECK_S, write, f"The storage of {url}")

    def check_driver(self) -> None:
        """Raises StorageError if the driver is not installed here; does not import it."""
        if find_spec(self._package) is None:
            raise self._missing()

    def probe(self, system: Any, url: str) -> None:
        """Writes an empty file at `url` and deletes it; raises the errors of the driver."""
        system.pipe_file(url, b"")
        system.rm_file(url)

    def _system(self) -> Any:
        import fsspec  # noqa: PLC0415 - weight: 50 ms

        try:
            # fsspec keeps one instance a process, so this is cheap, and right after a fork. Its
            # lists of folders may be out of date.
            system = fsspec.filesystem(self._protocol, use_listings_cache=False)
        except ImportError as error:
            raise self._missing() from error
        if system.async_impl:
            system.loop.set_default_executor(_executor(os.getpid()))
        return system

    def _missing(self) -> StorageError:
        return StorageError(
            f"{self._protocol}:// URLs cannot be reached: the package {self._package!r} is not "
            f"installed on {gethostname()!r}. Call there: pip install 'elsewhere[{self._protocol}]'"
        )


@contextmanager
def mapped(verb: str, url: str) -> Iterator[None]:
    """Turns the errors of a driver into StorageErrors: "Cannot <verb> <url>: ..."."""
    try:
        yield
    except StorageError:
        raise
    except FileNotFoundError as error:
        raise StorageError(
            hide_passwords(f"Cannot {verb} {url}: nothing is there ({error}). Check the name.")
        ) from error
    except Exception as error:  # each driver has errors of its own
        raise (StorageError if _is_lasting(error) else PassingError)(
            hide_passwords(
                f"Cannot {verb} {url}: {type(error).__name__}: {error}. "
                "Check the name, the network, and that this machine has credentials for it."
            )
        ) from error


class _LastingExecutor(ThreadPoolExecutor):
    """An executor that also works at a program's end, on the calling thread, where Python gives its
    threads no more work: artifacts are uploaded then, and drivers look up addresses by it."""

    def submit(self, call: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        try:
            return super().submit(call, *args, **options)
        except RuntimeError:
            future: Future[Any] = Future()
            try:
                future.set_result(call(*args, **options))
            except Exception as error:  # noqa: BLE001 - for whoever awaits the future
                future.set_exception(error)
            return future


@cache
def _executor(_pid: int) -> _LastingExecutor:
    """The executor of the process `_pid`: after a fork the parent's threads do not exist."""
    return _LastingExecutor(4, "elsewhere-storage")


def _is_lasting(error: Exception) -> bool:
    return (
        isinstance(error, _LASTING)
        or getattr(error, "errno", None) in _LASTING_CODES
        or "Credential" in type(error).__name__
    )


def _callback(row: Moving) -> Any:
    from fsspec.callbacks import Callback  # noqa: PLC0415 - weight

    return Callback(hooks={"row": lambda size, moved, **_: row.reach(moved, size)})


def _found(url: str, info: dict[str, Any]) -> Found:
    """The file, from an `info` in which each driver uses other names."""
    known = {name.lower(): value for name, value in info.items() if value}
    size = info.get("size")
    names = ("lastmodified", "last_modified", "updated", "mtime", "created")
    modified = next((known[name] for name in names if name in known), None)
    version = known.get("etag") or known.get("generation") or known.get("md5hash") or modified
    return Found(
        url=url,
        size_bytes=int(size) if size is not None else None,
        modified_at=_unix_seconds(modified),
        version=f"{version} {size}" if version else "",
    )


def _unix_seconds(moment: object) -> float | None:
    """The time of a datetime or a text in ISO 8601; None for another value."""
    from datetime import datetime  # noqa: PLC0415 - weight

    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment.replace("Z", "+00:00"))
        except ValueError:
            return None
    return moment.timestamp() if isinstance(moment, datetime) else None
