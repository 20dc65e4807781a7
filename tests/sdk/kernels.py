"""Notebooks as people run them: an ipykernel in a process of its own, a cell at a time."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.connect import write_connection_file
from nbformat.v4 import new_code_cell, new_notebook

from tests.waiting import wait_until

#: seconds that a cell may take
_CELL_S = 60.0


@dataclass
class Cell:
    """What a cell has shown: `text` are its streams, `shown` its displays and its value, `error`
    the lines of its traceback."""

    text: str = ""
    shown: list[str] = field(default_factory=list)
    error: list[str] = field(default_factory=list)
    name_of_error: str = ""

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()


class Kernel:
    """A kernel started in `folder`. With `notebook` it knows the file, as a Jupyter server says."""

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        *,
        notebook: Path | None = None,
        python: str = sys.executable,
    ) -> None:
        self._own = TemporaryDirectory(prefix="ew-", dir="/tmp")
        connection = str(Path(self._own.name, "kernel.json"))
        # Sockets that are files: a port that is free now may be another test's in a moment.
        write_connection_file(connection, ip=str(Path(self._own.name, "ipc")), transport="ipc")
        own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
        session = {"JPY_SESSION_NAME": str(notebook)} if notebook is not None else {}
        self.process = subprocess.Popen(
            [python, "-m", "ipykernel_launcher", "-f", connection],
            cwd=folder,
            env={**own, "IPYTHONDIR": self._own.name, **session, **environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.client = BlockingKernelClient(connection_file=connection)
        self.client.load_connection_file()
        self.client.start_channels()

    def run(self, code: str, cell_id: str | None = None) -> Cell:
        """Runs a cell to its end."""
        return self.collect(self.begin(code, cell_id))

    def begin(self, code: str, cell_id: str | None = None) -> str:
        """Sends a cell; returns the id of the request."""
        content = {
            "code": textwrap.dedent(code).strip("\n"),
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": False,
        }
        metadata = {"cellId": cell_id} if cell_id else {}
        message = self.client.session.msg("execute_request", content, metadata=metadata)
        self.client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def collect(self, request: str) -> Cell:
        """What the cell of this request shows, to its end."""
        cell = Cell()
        for kind, content in self._messages(request):
            if kind == "stream":
                cell.text += content["text"]
            elif kind in ("display_data", "execute_result"):
                cell.shown.append(content["data"].get("text/plain", ""))
            elif kind == "error":
                cell.error, cell.name_of_error = content["traceback"], content["ename"]
        return cell

    def value(self, expression: str) -> Any:
        """The JSON value of an expression in the kernel, asked for beside the cells."""
        asked = {"value": f"__import__('json').dumps({expression})"}
        reply = self.client.execute_interactive(
            "",
            silent=True,
            user_expressions=asked,
            timeout=_CELL_S,
            output_hook=lambda _: None,
        )
        found = reply["content"]["user_expressions"]["value"]
        assert found["status"] == "ok", found
        return json.loads(ast.literal_eval(found["data"]["text/plain"]))

    def wait_for_text(self, request: str, text: str) -> None:
        """Waits until the running cell has printed `text`."""
        seen = ""
        for kind, content in self._messages(request):
            seen += content["text"] if kind == "stream" else ""
            if text in seen:
                return
        raise AssertionError(f"The cell has ended without {text!r}: {seen}")

    def interrupt(self) -> None:
        os.kill(self.process.pid, signal.SIGINT)

    def shut_down(self) -> None:
        """Shuts the kernel down, as a Jupyter server does."""
        self.client.shutdown()
        wait_until(lambda: self.process.poll() is not None, within_s=20, what="the kernel ends")

    def close(self) -> None:
        self.client.stop_channels()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._own.cleanup()

    def _messages(self, request: str) -> Iterator[tuple[str, dict[str, Any]]]:
        while True:
            message = self.client.get_iopub_msg(timeout=_CELL_S)
            if message["parent_header"].get("msg_id") != request:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                return
            yield kind, content


@contextmanager
def kernel(
    folder: Path,
    environment: Mapping[str, str],
    *,
    notebook: Path | None = None,
    python: str = sys.executable,
) -> Iterator[Kernel]:
    """A kernel that is shut down at the end."""
    started = Kernel(folder, environment, notebook=notebook, python=python)
    try:
        await_kernel(started.client)
        yield started
        if started.process.poll() is None:
            started.shut_down()
    finally:
        started.close()


def await_kernel(client: BlockingKernelClient) -> None:
    """Waits until the kernel answers. On a busy machine the client takes it for dead at times."""

    def answers() -> bool:
        try:
            client.wait_for_ready(timeout=5)
        except RuntimeError:
            return False
        return True

    wait_until(answers, within_s=60, what="the kernel answers")


def write_notebook(path: Path, cells: Mapping[str, str]) -> Path:
    """Saves a notebook of code `cells` by their ids."""
    document: Any = new_notebook()  # type: ignore[no-untyped-call]
    for name, source in cells.items():
        text = textwrap.dedent(source).strip("\n")
        cell: Any = new_code_cell(text, id=name)  # type: ignore[no-untyped-call]
        document["cells"].append(cell)
    path.write_text(nbformat.writes(document))  # type: ignore[no-untyped-call]
    return path
