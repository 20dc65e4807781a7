"""What a web server gives out. Reading only: how to write differs from server to server."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NoReturn
from urllib.parse import quote

from elsewhere.errors import StorageError
from elsewhere.storage.files import beside

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.client import HTTPResponse
    from pathlib import Path

__all__ = ["WebStorage"]

#: seconds in which a server must answer, and send a next piece
_TIMEOUT_S: Final = 30.0
#: the reserved characters of RFC 3986 and the percent sign
_URL_CHARACTERS: Final = "%:/?#[]@!$&'()*+,;="


class WebStorage:
    """GET and HEAD. Redirections are followed."""

    def upload(self, local: Path, url: str) -> None:
        _refuse("written", url)

    def download(self, url: str, local: Path) -> None:
        with _opened("GET", url) as response:
            expected = response.headers.get("Content-Length")
            local.parent.mkdir(parents=True, exist_ok=True)
            with beside(local) as partial:
                with partial.open("wb") as file:
                    shutil.copyfileobj(response, file, 1 << 20)
                    found = file.tell()
                # A connection that ends early looks like the end of the file.
                if expected is not None and int(expected) != found:
                    raise StorageError(
                        f"{url} came incomplete: {found} of {expected} bytes. Try again."
                    )

    def exists(self, url: str) -> bool:
        try:
            with _opened("HEAD", url):
                return True
        except _NothingThereError:
            return False

    def delete(self, url: str) -> None:
        _refuse("deleted", url)

    def size(self, url: str) -> int:
        with _opened("HEAD", url) as response:
            length = response.headers.get("Content-Length")
            if length is None:
                raise StorageError(f"The server of {url} does not tell its size. Download it.")
            return int(length)


class _NothingThereError(StorageError):
    pass


@contextmanager
def _opened(method: str, url: str) -> Iterator[HTTPResponse]:
    from http.client import HTTPException  # noqa: PLC0415 - weight: 25 ms, with these:
    from urllib.error import HTTPError  # noqa: PLC0415
    from urllib.request import Request, urlopen  # noqa: PLC0415

    try:
        # Only what no URL may hold is quoted: what is quoted already stays as it is.
        request = Request(quote(url, safe=_URL_CHARACTERS), method=method)  # noqa: S310
        with urlopen(request, timeout=_TIMEOUT_S) as response:  # noqa: S310 - only http(s) gets here
            yield response
    except HTTPError as error:
        error.close()
        if error.code in (404, 410):
            raise _NothingThereError(f"There is nothing at {url} ({error.code}).") from error
        raise StorageError(
            f"{url} cannot be read: the server answers {error.code} {error.reason}. "
            "Check that this machine may read it."
        ) from error
    except (OSError, HTTPException, ValueError) as error:
        raise StorageError(
            f"{url} cannot be read: {error}. Check the address, and that this machine reaches it."
        ) from error


def _refuse(what: str, url: str) -> NoReturn:
    raise StorageError(
        f"{url} cannot be {what}: a web server only gives files out. "
        "Set output_uri to a folder, or to an s3, gs or az URL."
    )
