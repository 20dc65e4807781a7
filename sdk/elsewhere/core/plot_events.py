"""What a running task reports of its plots: figures as plotly draws them, in JSON.

    bytes of the JSON       where it travels and stays
    up to 4 KiB             in the event, as it is
    up to 256 KiB packed    in the event, packed: gzip, in base64
    up to 50 MB             in a file, packed: staged in the run folder, then in storage
    more                    nowhere: `pack` refuses it

`core/events.py` passes it on.
"""

from __future__ import annotations

import zlib
from base64 import b64decode, b64encode
from dataclasses import replace
from pathlib import Path
from typing import Final

from elsewhere.core import kept
from elsewhere.core.errors import RecordError
from elsewhere.core.frozen import dataclass
from elsewhere.core.kept import HistoryEvent, declare
from elsewhere.core.uploads import FileEvent, Placed, Upload

#: bytes of the JSON of a figure at most: a browser draws no more
MOST_BYTES: Final = 50_000_000
#: bytes of packed JSON that a record holds at most
MOST_KEPT_BYTES: Final = 256 * 1024
#: bytes of JSON that stay as they are
_READABLE_BYTES: Final = 4096
#: zlib's word for the format of gzip
_GZIP: Final = zlib.MAX_WBITS | 16


@declare("plot", kept.History("plots"), free=("title", "series"))
@dataclass(frozen=True, slots=True, kw_only=True)
class Plot(HistoryEvent, FileEvent):
    """A plot of the series `series` in `title`; `history` of its series stay, 0 for all.

    `figure` is its JSON, perhaps packed; or the packed JSON is `file` in the run folder, and then
    at `url`. `problem`: why it is not there.
    """

    title: str
    series: str
    iteration: int
    at: float
    history: int = 0
    figure: str = ""
    file: str = ""
    digest: str = ""
    url: str = ""
    machine: str = ""
    problem: str = ""

    @property
    def bytes_at(self) -> tuple[str, str]:
        return (self.url, self.machine) if self.digest else ("", "")

    def upload(self) -> Upload | None:
        if not self.file:
            return None
        return Upload(file=Path(self.file), kind=self.word, name=self.name)

    def placed(self, placed: Placed | None) -> Plot:
        if placed is None:
            # Its own is what it holds: a URL that the program wrote would be read, and deleted.
            return replace(self, url="", machine="", digest="")
        url, machine, problem = placed.url, placed.machine, placed.problem
        return replace(self, file="", url=url, machine=machine, problem=problem)


def pack(text: bytes) -> bytes:
    """The JSON of a figure, packed; the same for the same text."""
    packer = zlib.compressobj(1, wbits=_GZIP)  # a fifth of the time of 6, for a tenth more bytes
    return packer.compress(text) + packer.flush()


def unpack(packed: bytes) -> str:
    """What `pack` has packed. Raises RecordError for anything else, and above MOST_BYTES."""
    unpacker = zlib.decompressobj(_GZIP)
    try:
        text = unpacker.decompress(packed, MOST_BYTES)
        if unpacker.eof:
            return text.decode()
    except (zlib.error, UnicodeDecodeError) as error:
        raise RecordError(f"A plot cannot be read: it was not packed here ({error}).") from error
    raise RecordError(f"A plot cannot be read: it is cut off, or more than {MOST_BYTES} bytes.")


def to_figure(text: bytes, packed: bytes) -> str:
    """What `Plot.figure` is for the JSON `text`; empty if that has to lie in a file."""
    if len(text) <= _READABLE_BYTES:
        return text.decode()
    return b64encode(packed).decode() if len(packed) <= MOST_KEPT_BYTES else ""


def from_figure(figure: str) -> str:
    """The JSON of a `Plot.figure`. Raises RecordError."""
    if figure.startswith("{"):
        return figure
    try:
        return unpack(b64decode(figure, validate=True))
    except ValueError as error:
        raise RecordError(f"A plot cannot be read: {error}.") from error
