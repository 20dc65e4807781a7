"""Object stores, through fsspec and its drivers, which bring their own ways to find credentials."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from elsewhere.errors import StorageError
from elsewhere.storage.files import beside

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["RemoteStorage"]


class RemoteStorage:
    """One fsspec protocol, whose driver is in `package`."""

    def __init__(self, protocol: str, *, package: str = "fsspec") -> None:
        self._protocol = protocol
        self._package = package

    def upload(self, local: Path, url: str) -> None:
        with _mapped("write", url):
            self._system().put_file(str(local), url)

    def download(self, url: str, local: Path) -> None:
        with _mapped("read", url):
            local.parent.mkdir(parents=True, exist_ok=True)
            with beside(local) as partial:
                self._system().get_file(url, str(partial))

    def exists(self, url: str) -> bool:
        with _mapped("find", url):
            try:
                # Not `isfile`, which answers False for lack of a permission, too.
                return bool(self._system().info(url)["type"] == "file")
            except FileNotFoundError:
                return False

    def delete(self, url: str) -> None:
        if self.exists(url):
            with _mapped("delete", url):
                self._system().rm_file(url)

    def size(self, url: str) -> int:
        with _mapped("measure", url):
            return int(self._system().size(url))

    def _system(self) -> Any:
        import fsspec  # noqa: PLC0415 - weight: 50 ms

        try:
            # fsspec keeps instances per process and thread, so asking each time costs nothing and
            # is right after a fork. Without its lists of folders, which may be out of date.
            return fsspec.filesystem(self._protocol, use_listings_cache=False)
        except ImportError as error:
            raise StorageError(
                f"{self._protocol}:// URLs cannot be reached: the package {self._package!r} is not "
                f"installed here. Call: pip install {self._package}"
            ) from error


@contextmanager
def _mapped(verb: str, url: str) -> Iterator[None]:
    try:
        yield
    except StorageError:
        raise
    except FileNotFoundError as error:
        raise StorageError(f"Cannot {verb} {url}: nothing is there ({error}).") from error
    except Exception as error:  # each driver has errors of its own
        raise StorageError(
            f"Cannot {verb} {url}: {type(error).__name__}: {error}. "
            "Check the name, the network, and that this machine has credentials for it."
        ) from error
