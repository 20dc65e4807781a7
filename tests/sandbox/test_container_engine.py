"""What an engine may do to a run: lack the image, pull it, be away, be restarted."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import json
import os
import signal
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from elsewhere.core.choices import Reason
from tests.engine import SHELL, Dockerd
from tests.sandbox.attempts import Attempts
from tests.sandbox.contained import Contained

#: counts, so that a lost or a doubled byte shows; it goes on when the file `go` is there
COUNTS = """
    import os, time
    for i in range(2000):
        print(i, flush=True)
        if i == 1000:
            while not os.path.exists(os.path.expanduser("~/go")):
                time.sleep(0.01)
    """
COUNTED = "".join(f"{i}\n" for i in range(2000)).encode()


@pytest.fixture
def contained(attempts: Attempts, engine: Dockerd) -> Contained:
    return Contained(attempts, engine)


@contextmanager
def own_engine(folder: Path, *options: str) -> Iterator[Dockerd]:
    """An engine for one test, which ends it."""
    with Dockerd(folder, *options) as engine:
        engine.load()
        yield engine


def test_an_image_that_nobody_has_is_named(contained: Contained) -> None:
    for name, docker in (("127.0.0.1:9/no/such:1", {}), ("no-such:1", {"pull": "never"})):
        outcome = contained.run("", image=name, docker=docker).outcome
        assert (outcome.reason, outcome.phase) == (Reason.SETUP_FAILED, "image")
        assert f"The image {name} cannot be" in outcome.message


def test_a_task_without_any_image_is_told_so(contained: Contained) -> None:
    outcome = contained.run("", image="").outcome
    assert (outcome.reason, outcome.phase) == (Reason.SETUP_FAILED, "image")
    assert "agent.docker.image" in outcome.message


def test_an_engine_that_does_not_run_is_named(attempts: Attempts, tmp_path: Path) -> None:
    contained = Contained(attempts, Dockerd(tmp_path))
    outcome = contained.run("").outcome
    assert (outcome.reason, outcome.phase) == (Reason.SETUP_FAILED, "image")
    assert f"cannot be reached at unix://{tmp_path}/docker.sock" in outcome.message


def test_the_image_is_pulled_with_its_progress_in_the_output(contained: Contained) -> None:
    client = contained.engine.client()
    with registry(contained.engine) as name:
        attempt = contained.make("", image=name, source={"binary": "/bin/sh"})
        attempt.start()
        attempt.wait()
        client.images.remove(name)
    client.close()
    assert attempt.outcome.reason is Reason.COMPLETED, attempt.log
    assert f"The image {name} is pulled.".encode() in attempt.output
    assert b"layers are here" in attempt.output


@pytest.mark.row(34)
def test_a_restart_of_the_engine_neither_loses_nor_doubles_a_byte(
    attempts: Attempts, short_path: Path
) -> None:
    with own_engine(short_path, "--live-restore") as engine:
        contained = Contained(attempts, engine)
        attempt = contained.make(COUNTS)
        attempt.start()
        attempt.wait_for(b"\n1000\n")
        engine.kill(signal.SIGKILL)
        (attempt.folder.path / "home" / "go").touch()
        attempt.wait_for(b"\n1999\n")
        engine.start()
        assert attempt.wait().reason is Reason.COMPLETED, attempt.log
        assert attempt.printed == COUNTED
        assert contained.left() == []


@pytest.mark.row(34)
def test_an_engine_that_takes_its_containers_with_it_is_named(
    attempts: Attempts, short_path: Path
) -> None:
    with own_engine(short_path) as engine:
        contained = Contained(attempts, engine)
        attempt = contained.make(COUNTS)
        attempt.start()
        attempt.wait_for(b"\n1000\n")
        engine.kill()
        engine.start()
        outcome = attempt.wait()
        assert outcome.reason is Reason.KILLED, attempt.log
        assert "engine was stopped" in outcome.message
        assert "live-restore" in outcome.message
        assert contained.left() == []


@contextmanager
def registry(engine: Dockerd) -> Iterator[str]:
    """The name of an image that only a registry of ours has: slowly, so that progress shows."""
    client = engine.client()
    saved = io.BytesIO(b"".join(client.images.get(SHELL).save()))
    client.close()
    with tarfile.open(fileobj=saved) as tar:
        (entry,) = json.load(tar.extractfile("manifest.json"))  # type: ignore[arg-type]
        described = json.load(tar.extractfile(entry["Config"]))  # type: ignore[arg-type]
        base = tar.extractfile(entry["Layers"][0]).read()  # type: ignore[union-attr]
    content = _layer()
    described["rootfs"]["diff_ids"].append(_digest(content))
    layer, config = gzip.compress(content), json.dumps(described).encode()
    layers = (gzip.compress(base), layer)
    blobs = {_digest(blob): blob for blob in (config, *layers)}
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": kind,
            "config": {
                "mediaType": "application/vnd.docker.container.image.v1+json",
                "size": len(config),
                "digest": _digest(config),
            },
            "layers": [
                {
                    "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
                    "size": len(one),
                    "digest": _digest(one),
                }
                for one in layers
            ],
        }
    ).encode()
    is_over = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = manifest if "/manifests/" in self.path else b"{}"
            content = blobs.get(self.path.rpartition("/")[2], content)
            self.send_response(200)
            self.send_header("Content-Type", kind if content is manifest else "text/plain")
            self.send_header("Docker-Content-Digest", _digest(content))
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command == "HEAD":
                return
            size = max(1, len(content) // 30 if content is layer else len(content))
            for begin in range(0, len(content), size):
                self.wfile.write(content[begin : begin + size])
                if content is layer:
                    is_over.wait(0.1)

        do_HEAD = do_GET  # noqa: N815 - the server's name

        def log_message(self, *_: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, name="registry")
    thread.start()
    yield f"127.0.0.1:{server.server_port}/shell:1"
    is_over.set()
    server.shutdown()
    server.server_close()
    thread.join()


def _layer() -> bytes:
    """A tar that no engine has yet."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        large = tarfile.TarInfo("large")
        large.size = 1 << 20
        tar.addfile(large, io.BytesIO(os.urandom(large.size)))
    return written.getvalue()


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"
