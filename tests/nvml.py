"""NVIDIA's library as the tests need it: a machine that is a file, behind the real nvidia-ml-py."""

from __future__ import annotations

import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("fake_nvml.c")
NAME = "libnvidia-ml.so.1"


def built(folder: Path) -> Path:
    """The library, compiled into `folder`."""
    library = folder / NAME
    options = ("-shared", "-fPIC", "-O1", f"-Wl,-soname,{NAME}")
    subprocess.run(["gcc", *options, "-o", str(library), str(SOURCE)], check=True)
    return library


class FakeMachine:
    """The GPUs of the file `path`, as `fake_nvml.c` describes it; they change while it is used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines: dict[str, object] = {}

    def put(self, **lines: object) -> None:
        """Sets lines: `put(count=2)`. None removes one."""
        self._write(lines)

    def put_gpu(self, number: object, **lines: object) -> None:
        """Sets lines of the device `number`, or of a part: `put_gpu("0.1", used=3)`."""
        self._write({f"{number}.{name}": value for name, value in lines.items()})

    def _write(self, lines: dict[str, object]) -> None:
        self._lines.update(lines)
        known = {name: value for name, value in self._lines.items() if value is not None}
        beside = self.path.with_suffix(".new")
        beside.write_text("".join(f"{name}={value}\n" for name, value in known.items()))
        beside.rename(self.path)


def two_gpus(path: Path) -> FakeMachine:
    """A machine with two devices that support all."""
    fake = FakeMachine(path)
    fake.put(count=2, driver="550.54.14", cuda=12040)
    for number, uuid in enumerate(("GPU-aaaa-1", "GPU-bbbb-2")):
        fake.put_gpu(
            number,
            uuid=uuid,
            name="NVIDIA A100-SXM4-80GB",
            total=81920,
            used=2048 * (number + 1),
            utilization=40 + number,
            temperature=50 + number,
            power=100_500 + number * 1000,
            processes="",
        )
    return fake
