"""Plots on their way: as they are, packed, or in a file."""

from __future__ import annotations

import os
import zlib
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elsewhere.core.errors import RecordError
from elsewhere.core.plot_events import (
    MOST_BYTES,
    MOST_KEPT_BYTES,
    Plot,
    from_figure,
    pack,
    to_figure,
    unpack,
)
from elsewhere.core.uploads import Placed
from tests.properties import PROPERTY

PLOT = Plot(title="t", series="a/b", iteration=3, at=1.0)


def test_a_small_figure_stays_readable() -> None:
    assert to_figure(b'{"data":[]}', b"") == '{"data":[]}'


@PROPERTY
@given(st.text().map(lambda text: f'{{"a":"{text}"}}' * 300))
def test_every_figure_comes_back_to_the_byte(text: str) -> None:
    try:
        encoded = text.encode()
    except UnicodeEncodeError:  # half characters, which no figure has
        return
    assert from_figure(to_figure(encoded, pack(encoded))) == text
    assert pack(encoded) == pack(encoded)


def test_a_figure_whose_packed_bytes_are_many_is_not_kept_in_the_event() -> None:
    text = os.urandom(MOST_KEPT_BYTES).hex().encode()
    assert to_figure(text, pack(text)) == ""
    assert unpack(pack(text)) == text.decode()


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"{}",
        pack(b"{}")[:-1],
        zlib.compress(b"{}"),
        pack(b"\xff" * 10),
        pack(bytes(MOST_BYTES + 1)),
    ],
    ids=["nothing", "text", "cut off", "another format", "not UTF-8", "a bomb"],
)
def test_bytes_that_are_no_figure_are_refused(packed: bytes) -> None:
    with pytest.raises(RecordError, match="A plot cannot be read"):
        unpack(packed)
    with pytest.raises(RecordError, match="A plot cannot be read"):
        from_figure(b64encode(packed).decode())


@pytest.mark.parametrize("figure", ["", "[1]", "nothing", "\udcff", "é" * 5])
def test_a_text_that_is_no_figure_is_refused(figure: str) -> None:
    with pytest.raises(RecordError, match="A plot cannot be read"):
        from_figure(figure)


def test_a_plot_in_a_file_is_an_upload() -> None:
    plot = Plot(title="t", series="a/b", iteration=3, at=1.0, file="files/x/d.json.gz", digest="d")
    upload = plot.upload()
    assert upload is not None
    assert (str(upload.file), upload.kind, upload.name) == ("files/x/d.json.gz", "plot", "t/a/b")
    placed = plot.placed(Placed(url="s3://b/d.json.gz", machine="box"))
    assert (placed.url, placed.machine, placed.file) == ("s3://b/d.json.gz", "box", "")
    assert placed.bytes_at == ("s3://b/d.json.gz", "box")
    assert plot.placed(Placed(problem="no room")).problem == "no room"


def test_a_url_that_the_program_wrote_is_neither_read_nor_deleted() -> None:
    forged = Plot(title="t", series="s", iteration=0, at=1.0, url="file:///etc/passwd", digest="d")
    assert forged.upload() is None
    assert forged.placed(None).url == ""
    assert forged.placed(None).bytes_at == ("", "")
    assert PLOT.bytes_at == ("", "")
