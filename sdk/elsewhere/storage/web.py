"""Files of web servers, read only: how to write differs from server to server."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, NoReturn
from urllib.parse import quote, unquote

from elsewhere.core.errors import StorageError
from elsewhere.core.secrets import hide_passwords
from elsewhere.storage.api import Found, PassingError
from elsewhere.storage.files import beside
from elsewhere.storage.progress import DISPLAY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.client import HTTPResponse
    from pathlib import Path

#: seconds in which a server must answer, and send a next piece
_TIMEOUT_S: Final = 30.0
#: the reserved characters of RFC 3986 and the percent sign
_URL_CHARACTERS: Final = "%:/?#[]@!$&'()*+,;="
#: answers to HEAD after which GET may succeed: a presigned URL allows one method only
_NO_HEAD: Final = (403, 405, 501)
#: answers that may change soon
_PASSING: Final = (408, 425, 429, 500, 502, 503, 504)


class WebStorage:
    """Reads by GET and HEAD; follows redirections."""

    def upload(self, local: Path, url: str) -> None:
        _refuse("written", url)

    def download(self, url: str, local: Path) -> None:
        with _opened("GET", url) as response:
            expected = _length(response)
            name = unquote(url.partition("?")[0].rpartition("/")[2])
            local.parent.mkdir(parents=True, exist_ok=True)
            with (
                DISPLAY.moving(f"Downloading {name}", expected) as row,
                beside(local) as partial,
            ):
                with partial.open("wb") as file:
                    while block := response.read(1 << 18):
                        file.write(block)
                        row.advance(len(block))
                # A connection that ends early looks like the end of the file.
                if expected is not None and expected != row.moved_bytes:
                    raise PassingError(
                        f"{hide_passwords(url)} came incomplete: {row.moved_bytes} of {expected}"
                        " bytes. Try again."
                    )

    def exists(self, url: str) -> bool:
        try:
            self.look(url)
            return True
        except _NothingThereError:
            return False

    def delete(self, url: str) -> None:
        _refuse("deleted", url)

    def size(self, url: str) -> int:
        size_bytes = self.look(url).size_bytes
        if size_bytes is None:
            raise StorageError(f"The server of {hide_passwords(url)} gives no size. Download it.")
        return size_bytes

    def look(self, url: str) -> Found:
        try:
            with _opened("HEAD", url) as response:
                return _found(url, response)
        except _RefusedError:
            with _opened("GET", url) as response:
                return _found(url, response)

    def list(self, url: str) -> list[Found]:
        raise StorageError(
            f"The files below {hide_passwords(url)} cannot be listed: a web server has no lists. "
            "Name the file."
        )

    def check(self, url: str) -> None:
        _refuse("written", url)


class _NothingThereError(StorageError):
    pass


class _RefusedError(StorageError):
    pass


@contextmanager
def _opened(method: str, url: str) -> Iterator[HTTPResponse]:
    from http.client import HTTPException  # noqa: PLC0415 - weight: 25 ms, with these:
    from urllib.error import HTTPError  # noqa: PLC0415
    from urllib.request import Request, urlopen  # noqa: PLC0415

    try:
        # Quotes only what a URL cannot hold: what is quoted already stays as it is.
        request = Request(quote(url, safe=_URL_CHARACTERS), method=method)  # noqa: S310
        with urlopen(request, timeout=_TIMEOUT_S) as response:  # noqa: S310 - only http(s) gets here
            yield response
    except HTTPError as error:
        error.close()
        if error.code in (404, 410):
            raise _NothingThereError(
                f"There is nothing at {hide_passwords(url)} ({error.code})."
            ) from error
        is_refused = method == "HEAD" and error.code in _NO_HEAD
        kind = PassingError if error.code in _PASSING else StorageError
        raise (_RefusedError if is_refused else kind)(
            hide_passwords(
                f"{url} cannot be read: the server answers {error.code} {error.reason}. "
                "Check that this machine may read it."
            )
        ) from error
    except (OSError, HTTPException, ValueError) as error:
        kind = StorageError if isinstance(error, ValueError) else PassingError
        raise kind(
            hide_passwords(
                f"{url} cannot be read: {error}. Check the address, and that this machine reaches "
                "it."
            )
        ) from error


def _length(response: HTTPResponse) -> int | None:
    text = response.headers.get("Content-Length")
    return int(text) if text is not None and text.isdecimal() else None


def _found(url: str, response: HTTPResponse) -> Found:
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - weight

    headers = response.headers
    modified_at = None
    with suppress(ValueError):  # not a date
        if modified := headers.get("Last-Modified"):
            modified_at = parsedate_to_datetime(modified).timestamp()
    version = headers.get("ETag") or headers.get("Last-Modified") or ""
    size_bytes = _length(response)
    return Found(
        url=url,
        size_bytes=size_bytes,
        modified_at=modified_at,
        version=f"{version} {size_bytes}" if version else "",
    )


def _refuse(what: str, url: str) -> NoReturn:
    raise StorageError(
        f"{hide_passwords(url)} cannot be {what}: web servers are read only. "
        "Set output_uri to a folder, or to an s3, gs or az URL."
    )
