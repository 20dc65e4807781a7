"""What models refuse: each wrong argument is one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from elsewhere import OutputModel, Task
from elsewhere.core.errors import StorageError, UsageError
from elsewhere.models import weights
from elsewhere.store.api import TaskStore
from tests.stores import begin, opened

WEIGHTS = b"weights"


@pytest.fixture
def store(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[TaskStore]:
    monkeypatch.setenv("ELSEWHERE_REDIS_URL", redis_url)
    with opened(redis_url) as store:
        yield store


WRONG: dict[str, tuple[str, str]] = {
    "nothing": ("m.update_weights()", "give one of them"),
    "both": ("m.update_weights('net.bin', register_uri='s3://b/m')", "give one of them"),
    "no file": ("m.update_weights('none.bin')", "no such file or folder"),
    "no path": ("m.update_weights(5)", "must be the path of a file or a folder"),
    "no package": ("m.update_weights('net.bin', is_package=True)", "is not a package"),
    "target": ("m.update_weights('net.bin', 'x', '../m')", "must be the name of a file"),
    "iteration": ("m.update_weights('net.bin', 'x', iteration='5')", "must be a whole number"),
    "scheme": ("m.update_weights('net.bin', 'ftp://x')", "There is no storage for the scheme"),
    "web": ("m.update_weights('net.bin', 'https://x/y')", "web servers are read only"),
    "secret": ("m.update_weights('net.bin', 's3://me:pw@x')", "user name or password is refused"),
    "link": ("m.update_weights(register_uri='s3://me:pw@x')", "user name or password is refused"),
    "no uri": ("m.update_weights('net.bin', 5)", "upload_uri must be a text"),
    "pair": ("m.update_weights_package()", "give one of them"),
    "text": ("m.update_weights_package('net.bin')", "must be a list of paths"),
    "empty": ("m.update_weights_package([])", "must be a list of paths"),
    "missing": ("m.update_weights_package(['none'])", "there is no such file"),
    "folder": ("m.update_weights_package(weights_path='net.bin')", "must be a folder"),
    "design": ("m.update_design()", "give one of them"),
    "designs": ("m.update_design('a', {})", "give one of them"),
    "config": ("m.update_design(config_dict={1: object()})", "cannot be kept as JSON"),
    "labels": ("m.update_labels({'a': 'b'})", "texts with whole numbers"),
    "tags": ("m.tags = [1]", "must be a list of texts"),
    "name": ("m.name = ''", "cannot be empty"),
    "key": ("m.set_metadata('', 1)", "cannot be empty"),
    "value": ("m.set_metadata('a', object())", "cannot be a parameter"),
    "all": ("m.set_all_metadata([1])", "must be a dict"),
    "task": ("OutputModel('x')", "takes a task, as Task.init or Task.get_task give it"),
    "no task": ("OutputModel()", "needs a task: call Task.init before"),
    "base": ("OutputModel(task, base_model_id='x')", "must be the id of a model"),
    "update": ("task.update_output_model('none')", "no such file or folder"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_argument_is_one_sentence_and_changes_nothing(
    store: TaskStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.bin").write_bytes(WEIGHTS)
    call, sentence = WRONG[case]
    task = Task.get_task(task_id=begin(store))
    names: dict[str, Any] = {"OutputModel": OutputModel, "task": task}
    names["m"] = OutputModel(task, name="net")
    assert task is not None
    before = store.model(names["m"].id), store.task_models(task.id)
    with pytest.raises((UsageError, StorageError), match=sentence) as raised:
        exec(call, names)
    assert "\n" not in str(raised.value)
    assert (store.model(names["m"].id), store.task_models(task.id)) == before
    assert Path("net.bin").exists()


def test_weights_that_cannot_be_kept_leave_nothing(tmp_path: Path) -> None:
    (tmp_path / "net.bin").write_bytes(WEIGHTS)
    originals = weights.one("weights_filename", tmp_path / "net.bin")
    (tmp_path / "net.bin").unlink()
    with pytest.raises(StorageError, match=r"The weights .*net\.bin cannot be kept in .*files"):
        originals.stage(tmp_path / "files", "", may_move=False)
    assert list((tmp_path / "files").iterdir()) == []
