"""A registry of a test's own, with an image that nobody else has."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import json
import os
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.engine import SHELL, Dockerd


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
    try:
        yield f"127.0.0.1:{server.server_port}/shell:1"
    finally:
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
