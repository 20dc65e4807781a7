"""Gradio: where the apps of a program are served."""

from __future__ import annotations

import re
import socket
from importlib.util import find_spec

import pytest

from elsewhere.store.redis.store import RedisStore
from tests.sdk.hooks.frameworks.programs import Programs

pytestmark = pytest.mark.skipif(
    find_spec("gradio") is None, reason="it is large: make test-frameworks"
)

GRADIO = """
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
import threading
import gradio
def app():
    with gradio.Blocks() as blocks:
        gradio.Textbox()
    return blocks
"""
SERVING = """
first = app()
first.launch(prevent_thread_lock=True, server_name="0.0.0.0", quiet=True)
first.close(verbose=False)
second = gradio.Interface(str, "text", "text")
def end():
    while "gradio 2" not in task.get_user_properties():
        time.sleep(0.01)
    second.close(verbose=False)
threading.Thread(target=end).start()
second.launch(quiet=True)
"""


def urls(store: RedisStore, programs: Programs) -> dict[str, object]:
    found = store.read(programs.task_id).properties
    return {name: one.value for name, one in found.items()}


def test_the_urls_of_apps_are_properties_while_they_are_served(
    programs: Programs, store: RedisStore
) -> None:
    # The second one is not over before it is recorded: `launch` waits for its end.
    programs.run(SERVING, before=GRADIO)
    found = urls(store, programs)
    assert list(found) == ["gradio", "gradio 2"]
    assert re.fullmatch(rf"http://{socket.gethostname()}:[0-9]+/", str(found["gradio"]))
    assert re.fullmatch(r"http://127\.0\.0\.1:[0-9]+/", str(found["gradio 2"]))
    assert programs.warnings == []


def test_its_name_switches_it_off(programs: Programs, store: RedisStore) -> None:
    programs.run(
        "app().launch(prevent_thread_lock=True, quiet=True)",
        before=GRADIO,
        frameworks={"gradio": False},
    )
    assert urls(store, programs) == {}
