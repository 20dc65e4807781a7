"""Samples: images and other media that a task reports, each with the iteration that it is of."""

from __future__ import annotations

import io
import logging
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from elsewhere.core.checks import checked_flag, checked_text, checked_whole
from elsewhere.core.errors import UsageError
from elsewhere.report.logger_aspect import LoggerAspect
from elsewhere.report.reported import checked_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

logger = logging.getLogger(__name__)

#: samples of a series that stay, unless the caller says how many
_HISTORY: Final = 100
#: characters or bytes of a stream that are copied at once
_PIECE: Final = 1 << 20


class SamplesAspect(LoggerAspect):
    """Reports samples. Their bytes are taken when this is called, and uploaded by whoever delivers
    the reports.

    Of the samples with one title and series the newest stay, as many as the history; one of an
    iteration that was reported before replaces that.
    """

    _history: int = _HISTORY
    _destination: str = ""

    def report_image(
        self,
        title: str,
        series: str,
        iteration: int | None = None,
        local_path: str | Path | None = None,
        image: Any = None,
        matrix: Any = None,
        max_image_history: int | None = None,
        delete_after_upload: bool = False,
        url: str | None = None,
    ) -> None:
        """Reports an image, at `iteration` or 0, in the series `series` of `title`.

        It is one of four: `local_path`, a file that is copied as it is; `image`, or `matrix` by an
        older name; or `url`, a link. An image is one of Pillow, or an array or tensor of H x W,
        H x W x C or C x H x W with 1, 3 or 4 channels: whole numbers from 0 to 255, of 16 bits to
        65,535 where one is above 255; flags; or floats from 0 to 1, or to 255 where one is above
        1.1. It becomes a PNG if it has alpha or at most 64 colours, else a JPEG.

        `max_image_history` samples of the series stay: 0 or less for all, 10,000 at most.
        `delete_after_upload` deletes the file at `local_path` as soon as its bytes are kept.

        Raises UsageError for an empty name, a wrong iteration or history, none of the four or
        several, a file that cannot be read, and what is not an image. A full disk is a warning.
        """
        images = {"image": image, "matrix": matrix}
        given = _the_one("An image", {"local_path": local_path, "url": url, **images})
        report = self._report(title, series, iteration, max_image_history, "max_image_history")
        if given in images:
            from elsewhere.report.images import encode_image  # noqa: PLC0415 - weight

            encoded = encode_image(images[given], self._image_quality)
            if encoded.note:
                self._warn_once(f"An image is not reported exactly as it is: {encoded.note}.")
            self._keep(report, encoded.extension, lambda path: path.write_bytes(encoded.data))
        else:
            self._keep_given(report, local_path, url, is_deleted=delete_after_upload)

    def report_image_and_upload(
        self,
        title: str,
        series: str,
        iteration: int | None = None,
        path: str | Path | None = None,
        matrix: Any = None,
        max_image_history: int | None = None,
        delete_after_upload: bool = False,
    ) -> None:
        """Reports an image: `report_image` by an older name, with the same title, series,
        iteration, matrix, max_image_history and delete_after_upload; `path` is its local_path.
        Raises UsageError."""
        self.report_image(
            *(title, series, iteration, path, None, matrix, max_image_history),
            delete_after_upload=delete_after_upload,
        )

    def report_media(
        self,
        title: str,
        series: str,
        iteration: int | None = None,
        local_path: str | Path | None = None,
        stream: Any = None,
        file_extension: str | None = None,
        max_history: int | None = None,
        delete_after_upload: bool = False,
        url: str | None = None,
    ) -> None:
        """Reports media of any kind, such as audio, video or HTML, at `iteration` or 0, in the
        series `series` of `title`.

        They are one of three: `local_path`, a file that is copied as it is; `stream`, bytes, a text
        or what has `read`, with the `file_extension` that its file gets, such as ".html"; or `url`,
        a link. A stream is read from its beginning, if it has one.

        `max_history` samples of the series stay: 0 or less for all, 10,000 at most.
        `delete_after_upload` deletes the file at `local_path` as soon as its bytes are kept.

        Raises UsageError for an empty name, a wrong iteration or history, none of the three or
        several, a stream without an extension, and what cannot be read. A full disk is a warning.
        """
        given = _the_one("Media", {"local_path": local_path, "stream": stream, "url": url})
        report = self._report(title, series, iteration, max_history, "max_history")
        if given == "stream":
            extension = _checked_extension(file_extension)
            self._keep(report, extension, _writer(stream))
        else:
            self._keep_given(report, local_path, url, is_deleted=delete_after_upload)

    def set_default_debug_sample_history(self, max_history: int) -> None:
        """Sets how many samples of a series stay, 100 without it: `max_history`, 0 or less for all,
        10,000 at most. Raises UsageError."""
        self._history = _checked_history("max_history", max_history)

    def get_default_debug_sample_history(self) -> int:
        """Returns how many samples of a series stay by default; 0 for all."""
        return self._history

    def set_default_upload_destination(self, uri: str | None) -> None:
        """Sets where the samples of this process go: below `uri`, a folder or a URL; None for the
        task's output_uri. Raises UsageError for anything else, and StorageError for a URL that has
        a password or whose storage this machine does not know."""
        from elsewhere.storage import check_driver, refuse_credentials  # noqa: PLC0415 - weight

        if uri is not None:
            checked_text("The upload destination", uri, is_needed=True, note=", a folder or a URL")
            refuse_credentials(uri, is_kept=True)
            check_driver(uri)
        self._destination = uri or ""

    def get_default_upload_destination(self) -> str:
        """Returns what `set_default_upload_destination` has set; empty for the task's
        output_uri."""
        return self._destination

    def _report(
        self, title: object, series: object, iteration: object, history: object, argument: str
    ) -> dict[str, Any]:
        """The fields of a Sample, without its bytes. Raises UsageError."""
        return {
            "title": checked_name("title", title),
            "series": checked_name("series", series),
            "iteration": 0 if iteration is None else self._counted(iteration),
            "at": self._reported_at(),
            "machine": socket.gethostname(),
            "history": self._history if history is None else _checked_history(argument, history),
        }

    def _keep_given(
        self,
        report: dict[str, Any],
        local_path: object,
        url: object,
        *,
        is_deleted: object,
    ) -> None:
        from elsewhere.core.folders import named_path  # noqa: PLC0415 - weight

        is_deleted = checked_flag("delete_after_upload", is_deleted)
        if local_path is None:
            self._link(report, checked_text("The url", url, is_needed=True))
            return
        if not isinstance(local_path, (str, Path)):
            raise UsageError(f"local_path must be the path of a file, not {local_path!r:.80}.")
        path = named_path(local_path)
        with _opened(path) as original:
            is_kept = self._keep(report, path.suffix, _writer(original))
        if is_deleted and is_kept:
            self._flush(False)  # a copy that no journal names would be lost
            try:
                path.unlink()
            except OSError as error:
                logger.warning("%s is reported, but cannot be deleted: %s.", path, error)

    def _link(self, report: dict[str, Any], url: str) -> None:
        from elsewhere.core.events import Sample  # noqa: PLC0415 - weight
        from elsewhere.core.secrets import hide_passwords  # noqa: PLC0415 - weight

        shown = hide_passwords(url.encode("utf-8", "backslashreplace").decode())
        if shown != url:
            self._warn_once(f"The URL of a sample holds a secret, and is recorded as {shown}.")
        self._record(Sample(**report, url=shown, content_type=_guessed(shown)))

    def _keep(
        self, report: dict[str, Any], extension: str, write: Callable[[Path], object]
    ) -> bool:
        """Records a sample with what `write` writes. False where the disk does not take it."""
        from elsewhere.core.events import Sample  # noqa: PLC0415 - weight
        from elsewhere.report.staged import stage  # noqa: PLC0415 - weight

        assert self._files is not None, "Samples are of a run."
        try:
            staged = stage(self._files, extension, write)
        except OSError as error:
            self._warn_once(
                f"Samples are lost: they cannot be kept in {self._files}: {error.strerror}."
            )
            return False
        content_type = _guessed(staged.file)
        place = self._destination
        self._record(Sample(**report, **staged._asdict(), content_type=content_type, place=place))
        return True


def _the_one(what: str, given: dict[str, object]) -> str:
    """The name of the one argument that is given. Raises UsageError."""
    names = [name for name, value in given.items() if value is not None]
    if len(names) == 1:
        return names[0]
    found = " and ".join(names) or "none of them"
    raise UsageError(f"{what} is reported from exactly one of {', '.join(given)}, not {found}.")


def _opened(path: Path) -> BinaryIO:
    try:
        if path.is_file():  # a pipe would be waited for
            return path.open("rb")
        why = "there is no such file"
    except (OSError, ValueError) as error:
        why = str(error)
    raise UsageError(
        f"{path} cannot be reported: {why}. Give the path of a file that this user may read as"
        " local_path."
    )


def _checked_history(argument: str, history: object) -> int:
    return max(0, checked_whole(argument, history))


def _checked_extension(given: object) -> str:
    from elsewhere.report.staged import is_extension  # noqa: PLC0415 - weight

    extension = checked_text("The file_extension of a stream", given, note=" such as .html")
    dotted = f".{extension.lstrip('.')}"
    if not is_extension(dotted):
        raise UsageError(f"The file_extension of a stream is a text such as .html, not {given!r}.")
    return dotted


def _guessed(name: str) -> str:
    import mimetypes  # noqa: PLC0415 - weight

    return mimetypes.guess_type(name.partition("?")[0])[0] or ""


def _writer(stream: Any) -> Callable[[Path], None]:
    """What writes all of `stream` to a file. Raises UsageError for what cannot be read."""
    if isinstance(stream, (bytes, bytearray, memoryview)):
        stream = io.BytesIO(stream)
    elif isinstance(stream, str):
        stream = io.StringIO(stream)
    if not callable(getattr(stream, "read", None)):
        raise UsageError(f"A stream is bytes, a text or a file that is open, not {stream!r:.80}.")

    def write(path: Path) -> None:
        with path.open("wb") as file:
            for piece in _pieces(stream):
                file.write(piece)

    return write


def _pieces(stream: Any) -> Iterator[bytes]:
    """Yields all of `stream`, which is left where it was. Raises UsageError."""
    try:
        at = stream.tell() if getattr(stream, "seekable", lambda: False)() else None
        if at is not None:
            stream.seek(0)
        while piece := stream.read(_PIECE):
            yield piece.encode("utf-8", "backslashreplace") if isinstance(piece, str) else piece
        if at is not None:
            stream.seek(at)
    except Exception as error:
        raise UsageError(f"{stream!r:.80} cannot be reported: {error}.") from error
