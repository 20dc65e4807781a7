"""Credentials: in no error, no log and no record."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from elsewhere.artifacts.staging import stage
from elsewhere.core.errors import StorageError
from elsewhere.storage import check, download, refuse_credentials, storage_for, upload
from elsewhere.storage import trying as trying_module
from elsewhere.storage.object_stores import mapped
from tests.object_store import serving_s3

SIGNED = "X-Amz-Credential=an-id&X-Amz-Signature=0a1b2c"


@contextmanager
def answering(status: int, length: int = 0) -> Iterator[str]:
    """The address of a server that has one answer; it ends before `length` bytes."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            pass

        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(length))
            self.end_headers()

        do_HEAD = do_GET  # noqa: N815 - its name there

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    "query",
    [
        SIGNED,
        "X-Goog-Signature=0a1b2c",
        "sv=2024&sig=0a1b2c",
        "AWSAccessKeyId=an-id&Signature=0a1b2c",
        "a=1&access_token=0a1b2c",
        "api-key=0a1b2c",
        "password=0a1b2c",
    ],
)
def test_a_url_with_a_permission_in_it_is_read_but_not_recorded(query: str, tmp_path: Path) -> None:
    url = f"https://host/data.csv?{query}"
    storage_for(url)
    with pytest.raises(StorageError, match="holds a signature, token or key") as caught:
        stage("data", url, tmp_path)
    assert "0a1b2c" not in str(caught.value)
    with pytest.raises(StorageError, match="holds a signature, token or key"):
        check(url)


@pytest.mark.parametrize("query", ["", "?id=5&page=2", "?design=x&monkey=y", "?author=me"])
def test_a_url_with_parameters_alone_may_be_recorded(query: str) -> None:
    refuse_credentials(f"https://host/data.csv{query}", is_kept=True)


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_refused_download_names_no_signature(
    status: int, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trying_module, "_WAIT_S", 0.001)
    caplog.set_level(logging.DEBUG)
    with answering(status) as address:
        url = f"{address}/data.csv?{SIGNED}"
        for call in (
            lambda: download(url, tmp_path / "copy"),
            lambda: storage_for(url).look(url),
            lambda: storage_for(url).list(url),
            lambda: storage_for(url).upload(tmp_path, url),
            lambda: storage_for(url).delete(url),
        ):
            with pytest.raises(StorageError, match=r"csv\?X-Amz-Cred\w+=\*\*\*&") as caught:
                call()
            assert "0a1b2c" not in str(caught.value)
    assert "0a1b2c" not in caplog.text
    assert ("tried again" in caplog.text) == (status == 500)


def test_a_download_that_is_cut_names_no_signature(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trying_module, "_WAIT_S", 0.001)
    with answering(200, length=10) as address:
        url = f"{address}/data.csv?{SIGNED}"
        with pytest.raises(
            StorageError, match=r"Signature=\*\*\* came incomplete: 0 of 10"
        ) as caught:
            download(url, tmp_path / "copy")
    assert "0a1b2c" not in str(caught.value)


def test_what_leads_to_s3_is_in_no_error_and_no_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(trying_module, "_WAIT_S", 0.001)
    (tmp_path / "file").write_bytes(b"content")
    with serving_s3() as s3:
        for logger in ("elsewhere", "s3fs", "fsspec"):
            caplog.set_level(logging.DEBUG, logger)
        s3.interfere = lambda _asked: 503
        with pytest.raises(StorageError) as caught:
            upload(tmp_path / "file", "s3://bucket/file")
    said = f"{caught.value}\n{caplog.text}"
    assert "tried again" in said
    for secret in ("a-secret-access-key", "an-access-key-id"):
        assert secret not in said


def test_what_a_driver_says_is_repeated_without_its_secrets() -> None:
    for error in (OSError, FileNotFoundError, ValueError):
        why = f"no answer from http://user:0a1b2c@host/x, https://host/y?{SIGNED}"
        with pytest.raises(StorageError) as caught, mapped("read", "s3://bucket/key"):
            raise error(why)
        assert "http://user:***@host/x, https://host/y?X-Amz-Cred" in str(caught.value)
        assert "0a1b2c" not in str(caught.value)
