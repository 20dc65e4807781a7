"""The spec of a run: what the agent writes is what the runner reads, also across an update."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from elsewhere.core.errors import RecordError
from elsewhere.core.folders import Home, RunFolder, read_json
from elsewhere.core.notes import SessionSpec
from elsewhere.core.records import Environment, Source
from elsewhere_sandbox.spec import RunPolicy, RunSpec
from tests.stores import make_record

SPEC = RunSpec(
    record=make_record(
        id="0123456789abcdef" * 2,
        source=Source(entry_point="main.py"),
        environment=Environment(packages=()),
    ),
    home="/home/ada/.elsewhere",
    policy=RunPolicy(
        stop_grace_s=4.0,
        pass_environment=("WANDB_MODE",),
        allow_local_remotes=True,
        output_uri="s3://bucket/here",
        git_credentials={"git.example.org": ("ada", "t0ken-of-ada")},
    ),
    secrets=("pass-of-redis",),
)
#: as version 0.1.0 wrote them, before the policy was a record
OLD_SPEC = (
    '{"record":{"id":"0123456789abcdef0123456789abcdef","name":"train","project":"examples",'
    '"type":"training","tags":[],"comment":"","parent":"","source":{"repository":"","commit":"",'
    '"branch":"","patch":"","bundle":"","tree":"","submodules":[],"entry_point":"main.py",'
    '"module":"","working_dir":".","argv":[],"binary":"","needs_init":false,"missing":""},'
    '"environment":{"python":"","packages":[],"image":"","image_arguments":[],"setup":[],'
    '"variables":{},"gpus":1,"memory_bytes":0},"call":null,"seed":1337,"parameters":{},'
    '"configurations":{},"properties":{},"labels":{},"continues_at":null,"output_uri":"",'
    '"on_lost":"end","time_limit_s":0.0,"created_at":0.0},"attempt":3,"worker":"box",'
    '"home":"/home/ada/.elsewhere","stop_grace_s":4.0,"pass_environment":["WANDB_MODE"],'
    '"devices":"","allow_local_remotes":true,"output_uri":"s3://bucket/here"}'
)
OLD_SECRETS = (
    '{"git_credentials":{"git.example.org":["ada","t0ken-of-ada"]},"secrets":["pass-of-redis"]}'
)


@pytest.fixture
def folder(elsewhere_home: Path) -> RunFolder:
    return Home(elsewhere_home).run(SPEC.record.id, 3).create()


def test_a_spec_is_read_as_it_was_written(folder: RunFolder) -> None:
    SPEC.write(folder)
    assert RunSpec.take(folder) == SPEC


def test_a_spec_of_the_version_before_is_read(folder: RunFolder) -> None:
    folder.spec.write_text(OLD_SPEC)
    folder.secrets.write_text(OLD_SECRETS)
    assert RunSpec.take(folder) == SPEC


def test_what_another_version_reads_of_a_spec_stands_where_it_stood(folder: RunFolder) -> None:
    """The SDK that a task has pinned reads its record, and where the agent brings artifacts."""
    SPEC.write(folder)
    assert read_json(folder.spec)["output_uri"] == "s3://bucket/here"
    wanted = SessionSpec(record=SPEC.record, output_uri="s3://bucket/here")
    assert SessionSpec.read(folder) == wanted
    assert not {field.name for field in fields(RunPolicy)} & {f.name for f in fields(RunSpec)}


def test_secrets_are_in_a_file_of_their_own_that_is_read_once(folder: RunFolder) -> None:
    SPEC.write(folder)
    assert "t0ken-of-ada" not in folder.spec.read_text() + repr(SPEC.policy)
    assert "pass-of-redis" not in folder.spec.read_text()
    assert folder.secrets.stat().st_mode & 0o077 == 0
    RunSpec.take(folder)
    assert not folder.secrets.exists()


@pytest.mark.parametrize("text", ["{", "{}", '{"record": {}, "home": 3}'])
def test_a_spec_that_cannot_be_read_is_an_error_of_its_own(folder: RunFolder, text: str) -> None:
    folder.spec.write_text(text)
    with pytest.raises(RecordError):
        RunSpec.take(folder)
