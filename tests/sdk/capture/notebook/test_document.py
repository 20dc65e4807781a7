"""The file of a notebook is found by what its kernel knows, or by its server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient

from tests.sdk.kernels import await_kernel, kernel, write_notebook
from tests.waiting import wait_until

FOUND = """
import os
{0}
from elsewhere.capture.notebook.document import Document
print(Document.find(get_ipython()))
"""
_MODULE = "__import__('elsewhere.capture.notebook.document', fromlist=['_'])"


def test_vs_code_names_the_file(tmp_path: Path) -> None:
    notebook = write_notebook(tmp_path / "study.ipynb", {"a": "x = 1"})
    with kernel(tmp_path, {}) as cells:
        cells.run(f"__vsc_ipynb_file__ = {str(notebook)!r}")
        assert cells.value(f"{_MODULE}.Document.find(get_ipython()).cells") == [["a", "x = 1"]]


def test_a_file_that_is_no_notebook_is_none(tmp_path: Path) -> None:
    notebook = tmp_path / "study.ipynb"
    notebook.write_text('{"cells": [{')
    with kernel(tmp_path, {}, notebook=notebook) as cells:
        assert cells.value(f"{_MODULE}.Document.find(get_ipython())") is None


def test_a_server_knows_the_file_that_the_kernel_does_not(tmp_path: Path) -> None:
    (tmp_path / "root" / "inner").mkdir(parents=True)
    notebook = write_notebook(tmp_path / "root" / "inner" / "study.ipynb", {"a": "x = 1"})
    with _server(tmp_path) as client:
        told = _printed(client, FOUND.format("print(os.environ.pop('JPY_SESSION_NAME'))"))
        assert told[0] == str(notebook)
        assert f"path=PosixPath('{notebook}')" in told[1]


@contextmanager
def _server(folder: Path) -> Iterator[BlockingKernelClient]:
    """The kernel of `inner/study.ipynb` on a Jupyter server of its own."""
    runtime, root = folder / "runtime", folder / "root"
    own = {"JUPYTER_RUNTIME_DIR": runtime, "JUPYTER_CONFIG_DIR": folder, "IPYTHONDIR": folder}
    words = ["--allow-root", "--no-browser", "--ServerApp.port_retries=99", "--port=18881"]
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyter_server", *words, f"--ServerApp.root_dir={root}"],
        env={**os.environ, **{name: str(path) for name, path in own.items()}},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    client = BlockingKernelClient()
    try:
        notes = wait_until(lambda: list(runtime.glob("jpserver-*.json")), within_s=60)
        wait_until(lambda: notes[0].read_text().rstrip().endswith("}"), within_s=60)
        session = _begin(json.loads(notes[0].read_text()))
        client.load_connection_file(str(runtime / f"kernel-{session['kernel']['id']}.json"))
        client.start_channels()
        await_kernel(client)
        yield client
    finally:
        client.stop_channels()
        server.terminate()
        server.wait()


def _begin(server: dict[str, Any]) -> dict[str, Any]:
    wanted = {"path": "inner/study.ipynb", "name": "study.ipynb", "type": "notebook"}
    request = urllib.request.Request(
        f"{server['url']}api/sessions",
        data=json.dumps({**wanted, "kernel": {"name": "python3"}}).encode(),
        headers={"Authorization": f"token {server['token']}"},
    )

    def ask() -> Any:
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except OSError:  # it does not listen yet
            return None

    session: dict[str, Any] = wait_until(ask, within_s=60, what="it answers")
    return session


def _printed(client: BlockingKernelClient, code: str) -> list[str]:
    texts: list[str] = []

    def take(message: dict[str, Any]) -> None:
        texts.append(message["content"].get("text", ""))

    client.execute_interactive(code, timeout=60, output_hook=take)
    return "".join(texts).splitlines()
