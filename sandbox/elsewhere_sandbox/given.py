"""The secrets that a run is given: variables of its program, and files that only its user reads."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from elsewhere.core.secrets import GIVEN, worth_redacting

if TYPE_CHECKING:
    from elsewhere.core.folders import RunFolder
    from elsewhere_sandbox.setup import Setup
    from elsewhere_sandbox.spec import RunSpec


def give(spec: RunSpec, folder: RunFolder, setup: Setup) -> dict[str, str]:
    """Writes the files, and gives the variables of the program: values, paths, and what they all
    are, by name, so that the SDK in it hides them, too."""
    variables = dict(spec.secret_variables)
    for name, content in spec.secret_files.items():
        folder.secret_files.mkdir(mode=0o700, exist_ok=True)
        path = folder.secret_files / name
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(content)
        variables[name] = str(path)
    for name, value in (spec.secret_variables | spec.secret_files).items():
        if not worth_redacting([value]):
            setup.say(f"The secret {name} is too short to be hidden in the output.")
    if variables:
        files = (f"@{name}" for name in spec.secret_files)
        variables[GIVEN] = " ".join((*spec.secret_variables, *files))
    return variables


def take_back(folder: RunFolder) -> None:
    """Removes the files."""
    shutil.rmtree(folder.secret_files, ignore_errors=True)
