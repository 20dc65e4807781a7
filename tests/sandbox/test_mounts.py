"""No place of a mount leads out of the code of its run."""

from __future__ import annotations

from pathlib import Path

import pytest

from elsewhere_sandbox.errors import SetupError
from elsewhere_sandbox.mounts import mount


@pytest.mark.parametrize(
    "path", ["out/canary", "out/canary/deep", "../canary", "code/../../canary"]
)
def test_no_link_of_a_repository_and_no_path_leads_out(tmp_path: Path, path: str) -> None:
    code, outside = tmp_path / "run" / "code", tmp_path / "outside"
    code.mkdir(parents=True)
    outside.mkdir()
    (code / "out").symlink_to(outside)
    with pytest.raises(SetupError, match="leads out of its code"):
        mount({path: "corpus"}, {"corpus": str(tmp_path)}, code)
    assert not list(tmp_path.rglob("canary"))


def test_nothing_is_written_through_a_link_that_leads_nowhere(tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "out").symlink_to(tmp_path / "away")
    with pytest.raises(SetupError, match="leads out of its code"):
        mount({"out/deep/canary": "corpus"}, {"corpus": str(tmp_path)}, code)
    assert not (tmp_path / "away").exists()
