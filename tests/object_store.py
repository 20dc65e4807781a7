"""An object store for tests: moto's server, which speaks S3 over HTTP, and what it was asked."""

from __future__ import annotations

import os
import threading
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import fsspec
import pytest
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server


@dataclass
class ObjectStore:
    """`asked`: method, path and query of each request. `interfere` is called before each one, in
    its thread; it may wait, and what it gives is the status that is answered instead."""

    endpoint: str
    environment: dict[str, str]
    asked: list[str]
    interfere: Callable[[str], int | None] = lambda _asked: None

    @property
    def system(self) -> Any:
        return fsspec.filesystem("s3", use_listings_cache=False)

    def parts(self, bucket: str = "bucket") -> list[int]:
        """The parts of the pending uploads that are there."""
        uploads = self.system.call_s3("list_multipart_uploads", Bucket=bucket).get("Uploads", ())
        return [
            part["PartNumber"]
            for upload in uploads
            for part in self.system.call_s3(
                "list_parts", Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"]
            ).get("Parts", ())
        ]


@contextmanager
def serving_s3() -> Iterator[ObjectStore]:
    """With a `bucket` in it; the environment leads every driver here. A name rather than an
    address, so that it has to be looked up, as real ones have."""
    watched = _Watched(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, watched, True, request_handler=MotoRequestHandler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    endpoint = f"http://localhost:{server.server_port}"
    environment = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "an-access-key-id",
        "AWS_SECRET_ACCESS_KEY": "a-secret-access-key",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    store = watched.store = ObjectStore(endpoint, environment, [])
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        system = type(store.system)
        system.clear_instance_cache()  # that of another server
        store.system.mkdir("bucket")
        store.asked.clear()
        try:
            yield store
        finally:
            store.interfere = lambda _asked: None
            system.clear_instance_cache()
            # All of moto's servers in a process have the same content.
            reset = urllib.request.Request(f"{endpoint}/moto-api/reset", method="POST")
            with urllib.request.urlopen(reset):
                pass
            server.shutdown()
            thread.join()


class _Watched:
    store: ObjectStore

    def __init__(self, app: Any) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        asked = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
        if environ.get("QUERY_STRING"):
            asked += f"?{environ['QUERY_STRING']}"
        self.store.asked.append(asked)
        status = self.store.interfere(asked)
        if status is not None:
            start_response(f"{status} Interfered", [("Content-Length", "0")])
            return [b""]
        answer: Iterable[bytes] = self._app(environ, start_response)
        return answer
