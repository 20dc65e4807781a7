"""A program uses secrets that its agent keeps, and nothing that is left of the run shows them."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

import pytest

from elsewhere import Task
from tests.e2e.world import Box, Laptop, World, agent
from tests.redis_server import RedisServer

TOKEN: Final = "hf_q/W3+rT5yU7iO9pA1sD3"
KEY: Final = (
    "-----BEGIN PRIVATE KEY-----\nMIIEvAIBADANBgkqhkiG9w0B\nAQEFAASCBKYwggSiAgEAAoIB\n-----END"
)
PRINTED: Final = "pr1nted-by-a-command"
FORBIDDEN: Final = "n0t-for-everyone-here"
SHOWN: Final = (
    *(TOKEN, *KEY.splitlines()[1:3], PRINTED, FORBIDDEN, quote(TOKEN, safe="")),
    *(base64.b64encode(text.encode()).decode()[:-4] for text in (TOKEN, PRINTED, FORBIDDEN)),
    base64.b64encode(f"ada:{TOKEN}".encode()).decode()[7:-4],
)

_PROGRAM: Final = """
import base64, json, os, sys, time, traceback, urllib.parse
from elsewhere import Task
task = Task.init("secrets", "use", secrets=["HF_TOKEN", "KEYFILE", "PRINTED"])
task.execute_remotely("default")
token, printed = os.environ["HF_TOKEN"], os.environ["PRINTED"]
key = open(os.environ["KEYFILE"]).read()
print("lengths", len(token), len(printed), len(key), oct(os.stat(os.environ["KEYFILE"]).st_mode))
print("unasked", os.environ.get("FORBIDDEN"), os.environ["ALWAYS_THERE"])
print("agent's own", os.environ.get("BOX_TOKEN"), os.environ.get("BOX_PLAIN"))
print(token, key, json.dumps({"k": key, "p": printed}), repr(key))
print(base64.b64encode(token.encode()).decode(), base64.b64encode(f"ada:{token}".encode()).decode())
print(urllib.parse.quote(token, safe=""), f"https://ada:{token}@host/x?key={printed}")
for character in token + "\\n":
    os.write(1, character.encode())
    time.sleep(0.002)
os.system('echo "from a shell $HF_TOKEN"; printf %s "$PRINTED" | base64')
task.connect({"header": "Bearer " + token, "p": printed})
task.set_comment("with " + base64.b64encode(token.encode()).decode())
logger = task.get_logger()
logger.report_text("text " + printed, print_console=False)
logger.report_table("table " + printed, token, table_plot=[["a"], [token]])
logger.report_scalar("title " + token, "series " + printed, 1, 1)
task.upload_artifact("dict", {"a": 1}, metadata={"from": token})
try:
    raise ValueError(f"the hub refuses {token}")
except ValueError:
    traceback.print_exc()
task.mark_failed(status_message="refused: " + token)
"""


@pytest.fixture(scope="module")
def keeper(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A box whose agent keeps secrets, with a Redis that writes down every command."""
    folder = world.wheels.parent / "k"
    (folder / "redis").mkdir(parents=True)
    with RedisServer(folder / "redis", append_only=True) as server:
        box = Box(folder / "box", server.url, world.wheels)
        box.home.mkdir()
        (folder / "key.pem").write_text(KEY)
        (folder / "print.py").write_text(f"print({PRINTED!r})")
        box.environ |= {
            "BOX_TOKEN": TOKEN,
            "BOX_PLAIN": "nothing special",
            "BOX_FORBIDDEN": FORBIDDEN,
        }
        (box.home / "config.toml").write_text(
            f"""
[secrets]
HF_TOKEN = {{ env = "BOX_TOKEN", projects = ["sec*"] }}
KEYFILE = {{ file = "{folder}/key.pem", as = "file" }}
PRINTED = {{ command = ["{sys.executable}", "{folder}/print.py"] }}
ALWAYS_THERE = {{ env = "BOX_PLAIN", always = true }}
FORBIDDEN = {{ env = "BOX_FORBIDDEN", projects = ["others"], always = true }}
"""
        )
        box.start()
        yield box
        box.stop()


@pytest.fixture
def sender(keeper: Box, world: World, tmp_path: Path) -> Laptop:
    return Laptop(world.python, tmp_path, keeper.store, keeper.environ["ELSEWHERE_REDIS_URL"])


def send(sender: Laptop, program: str, **variables: str) -> Task:
    project = sender.repository("project", {"train.py": program})
    return sender.send(project.folder, "train.py", **variables)


@pytest.mark.row(39)
def test_a_program_uses_its_secrets_and_nothing_shows_them(keeper: Box, sender: Laptop) -> None:
    ended = keeper.end(send(sender, _PROGRAM, HF_TOKEN=TOKEN, PRINTED=PRINTED))
    assert ended.status == "failed", ended
    assert f"lengths {len(TOKEN)} {len(PRINTED)} {len(KEY)} 0o100600" in ended.output
    assert "unasked None ***" in ended.output, "whatever is given by name is hidden"
    assert "agent's own None None" in ended.output, "its environment is an allow-list"
    assert "\n***\n" in ended.output, "written a character at a time"
    assert "from a shell ***" in ended.output
    assert "the hub refuses ***" in ended.output
    assert ended.state.message == "refused: ***"
    left = [keeper.environ["ELSEWHERE_REDIS_URL"].removeprefix("unix://")]
    folders = (Path(left[0]).parent, keeper.home, sender.folder / ".elsewhere")
    read = 0
    for path in (path for folder in folders for path in folder.rglob("*")):
        if not path.is_file() or path.is_symlink() or "environments" in path.parts:
            continue
        data, read = path.read_bytes(), read + 1
        found = [data.find(text.encode()) for text in SHOWN]
        assert not [data[max(0, at - 120) : at + 40] for at in found if at >= 0], path
    assert read > 10
    assert any("appendonly" in str(path) for path in folders[0].rglob("*"))


def test_the_configuration_shows_where_they_are_and_no_value(keeper: Box) -> None:
    shown = agent("config", "--json", environ=keeper.environ)
    assert shown.code == 0, shown
    found = {name: one["value"] for name, one in json.loads(shown.output).items()}
    assert found["secrets.HF_TOKEN"] == {"env": "BOX_TOKEN", "projects": ["sec*"]}
    assert found["secrets.KEYFILE"]["as"] == "file"
    assert not [text for text in SHOWN if text.encode() in shown.output]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("UNKNOWN", "this agent has none of that name: add [secrets.UNKNOWN] to its config.toml"),
        ("FORBIDDEN", "may not have it: its name, queue or project is not among those in"),
    ],
)
def test_a_task_without_its_secret_does_not_run(
    keeper: Box, sender: Laptop, name: str, problem: str
) -> None:
    program = f"""
from elsewhere import Task
Task.init("secrets", "lacks", secrets="{name}").execute_remotely("default")
print("it runs")
"""
    ended = keeper.end(send(sender, program))
    assert ended.outcome.sentence == "setup_failed: claim", ended
    assert problem in ended.outcome.message
    assert "it runs" not in ended.output


def test_a_hidden_word_of_the_command_line_gets_its_value(keeper: Box, sender: Laptop) -> None:
    program = """
import argparse, os
from elsewhere import Task
task = Task.init("secrets", "words", secrets=["HF_TOKEN"])
parser = argparse.ArgumentParser()
parser.add_argument("--hf-token")
given = parser.parse_args()
task.execute_remotely("default")
print("same", given.hf_token == os.environ["HF_TOKEN"])
"""
    project = sender.repository("words", {"train.py": program})
    ended = keeper.end(sender.send(project.folder, "train.py", "--hf-token", TOKEN))
    assert "same True" in ended.output, ended
