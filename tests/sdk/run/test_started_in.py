"""A program that goes elsewhere before its init is captured as it was started."""

from __future__ import annotations

from pathlib import Path

from tests.sdk.scripts import Scripts
from tests.stores import opened


def test_the_working_folder_is_the_one_at_the_import(tmp_path: Path, redis_url: str) -> None:
    ran = Scripts(tmp_path, redis_url).run(
        """
        Path("outputs").mkdir()
        os.chdir("outputs")
        print(Task.init("examples", "wandering").id)
        """
    )
    assert ran.status == 0, ran.errors
    with opened(redis_url) as store:
        source = store.read(ran.lines[0]).source
    assert (source.working_dir, source.entry_point) == (".", "train.py")


DATABASE = ("--db", "postgres://me:***@host/db")


def test_secrets_on_the_command_line_do_not_travel(tmp_path: Path, redis_url: str) -> None:
    ran = Scripts(tmp_path, redis_url).run(
        """
        sys.argv[1:] = ["--api-key", "S1", "--password=S2", "+db.password=S3", "--rate=1", "name=x",
            "--db", "postgres://me:S4@host/db"]
        print(Task.init("examples", "secretive").id)
        """
    )
    assert ran.status == 0, ran.errors
    with opened(redis_url) as store:
        argv = store.read(ran.lines[0]).source.argv
    assert argv == (
        "--api-key",
        "***",
        "--password=***",
        "+db.password=***",
        "--rate=1",
        "name=x",
        *DATABASE,
    )
