"""Artifacts that are kept and read again, also over the web, as from another machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from elsewhere.artifacts import bring
from elsewhere.artifacts.handle import ArtifactHandle
from elsewhere.artifacts.staging import stage
from elsewhere.core.events import ArtifactAdded
from elsewhere.core.records import Artifact, TaskRecord
from elsewhere.storage import file_url

RECORD = TaskRecord(id="0" * 32, name="train: it", project="a/b")


@dataclass(frozen=True)
class Served:
    """A folder that a web server gives out, and the paths that were asked for."""

    url: str
    requests: list[str]


@contextmanager
def serving(folder: Path) -> Iterator[Served]:
    requests: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            requests.append(self.path)

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield Served(f"http://127.0.0.1:{server.server_port}", requests)
        server.shutdown()
        thread.join()


def staged(name: str, obj: object, files: Path, **options: Any) -> tuple[Artifact, Path]:
    """What `stage` gives for all but links, which have no file."""
    artifact, file = stage(name, obj, files, **options)
    assert file is not None
    return artifact, file


def uploaded(artifact: Artifact, file: Path, place: str) -> Artifact:
    """As whoever delivers the task RECORD does it."""
    added = ArtifactAdded(artifact=artifact, file=str(file))
    upload = added.upload()
    assert upload is not None
    return added.placed(bring(replace(upload, place=place), RECORD)).artifact


def kept(
    obj: object, files: Path, place: str, cache: Path, name: str = "an artifact", **options: Any
) -> ArtifactHandle:
    artifact, file = staged(name, obj, files, **options)
    return ArtifactHandle(uploaded(artifact, file, place), cache)


def over_the_web(
    handle: ArtifactHandle, place: str, served: Served, cache: Path, **options: Any
) -> ArtifactHandle:
    artifact = replace(
        handle._artifact, url=handle.url.replace(file_url(Path(place)), served.url, 1)
    )
    return ArtifactHandle(artifact, cache, **options)
