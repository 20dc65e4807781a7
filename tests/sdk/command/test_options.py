"""The commands of `elsewhere`: each has help, and imports no other."""

from __future__ import annotations

import subprocess
import sys

import pytest

from elsewhere.command.main import main
from elsewhere.command.options import COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_with_an_example(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert f"example:\n  elsewhere {command} " in capsys.readouterr().out


def test_help_imports_no_command() -> None:
    code = """
import sys
import elsewhere_start
sys.argv = ["elsewhere", "--help"]
try:
    elsewhere_start.elsewhere()
finally:
    print(*sorted(name for name in sys.modules if name.startswith(("elsewhere.", "redis"))))
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    loaded = ran.stdout.splitlines()[-1].split()
    assert "elsewhere.command.options" in loaded
    assert not {f"elsewhere.command.{one.module}" for one in COMMANDS.values()} & {*loaded}
    assert not {"redis", "elsewhere.store", "elsewhere.core.records"} & {*loaded}
