"""A container engine of the tests' own, and the images that it has: no registry is needed.

`python -m tests.engine FOLDER` is its keeper: it starts dockerd, imports the images, and ends all
when nobody holds FOLDER/users any more, however its users ended.
"""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, Self

import docker

from tests.waiting import wait_until

ROOT: Final = Path(__file__).parents[1]
#: the images: with Python, with a shell alone, with nothing but one program
PYTHON: Final = "elsewhere-tests/python:1"
SHELL: Final = "elsewhere-tests/shell:1"
BARE: Final = "elsewhere-tests/bare:1"
_RELEASE: Final = "bookworm"
#: what makes another file of the base image
_VERSION: Final = 2
#: Python, what deploy/Dockerfile installs, and a server that speaks TLS
_PACKAGES: Final = (
    *("python3", "python3-venv", "ca-certificates", "git", "git-lfs", "openssh-client"),
    *("openssl", "redis-server", "tini"),
)
_NEEDLESS: Final = (
    "usr/share/doc",
    "usr/share/locale",
    "usr/share/man",
    "var/cache",
    "var/lib/apt",
)


class Dockerd:
    """An engine whose data lies in `folder`, without network; `options` are further ones, and
    `wrapper` is a command that starts it. As a context manager it runs inside the block. Its
    process is no child of this one."""

    def __init__(self, folder: Path, *options: str, wrapper: Sequence[str] = ()) -> None:
        self.folder = folder
        self.url = f"unix://{folder}/docker.sock"
        self._options = options
        self._wrapper = wrapper

    def start(self) -> None:
        """Returns when it answers."""
        folder = self.folder
        (folder / "pid").unlink(missing_ok=True)
        (folder / "dockerd.log").touch()
        script = 'exec setsid "$@" >> "$0" 2>&1 < /dev/null &'
        command: list[str | Path] = [
            *self._wrapper,
            *("dockerd", "--data-root", folder / "data", "--exec-root", folder / "exec"),
            *("--host", self.url, "--pidfile", folder / "pid"),
            *("--iptables=false", "--ip6tables=false", "--bridge=none", *self._options),
        ]
        subprocess.run(["sh", "-c", script, folder / "dockerd.log", *command], check=True)
        wait_until(self._answers, within_s=60, what=f"the engine in {folder} answers")

    def kill(self, number: int = 15) -> None:
        """Ends it by a signal."""
        pid = int((self.folder / "pid").read_text())
        os.kill(pid, number)
        wait_until(lambda: not Path(f"/proc/{pid}").exists(), within_s=60, what="dockerd is gone")

    def client(self) -> docker.DockerClient:
        return docker.DockerClient(base_url=self.url)

    def load(self, *names: str) -> None:
        """Imports the images of these `names`, by default all, unless they are there."""
        client = self.client()
        known = {tag for image in client.images.list() for tag in image.tags}
        for name in (PYTHON, SHELL, BARE):
            if name in known or name not in (names or (name,)):
                continue
            repository, _, tag = name.partition(":")
            with tempfile.TemporaryDirectory() as scratch:
                if name == PYTHON:
                    content = base_image()
                else:
                    content = _small_image(Path(scratch), has_shell=name == SHELL)
                changes = ["ENV PATH=/usr/local/bin:/usr/bin:/bin", "ENV FLAVOUR=plain"]
                client.api.import_image_from_file(
                    str(content), repository=repository, tag=tag, changes=changes
                )
        client.close()

    def end(self) -> None:
        """Ends its containers and itself, and removes its data."""
        with closing(self.client()) as client:
            for container in client.containers.list(all=True):
                container.remove(force=True)
        self.kill()
        # dockerd has mounted it on itself, and does not always take that back.
        subprocess.run(["umount", "--quiet", self.folder / "data"], check=False)
        shutil.rmtree(self.folder / "data")
        shutil.rmtree(self.folder / "exec")

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:  # the SDK would leave its own socket open
            try:
                probe.connect(self.url.removeprefix("unix://"))
            except OSError:
                log = (self.folder / "dockerd.log").read_text(errors="replace")
                assert "failed to start daemon" not in log, log[-3000:]
                return False
        self.client().close()
        return True


def base_image() -> Path:
    """A tar with Debian and its Python, made once for each user of this machine."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "elsewhere-tests"
    cache.mkdir(parents=True, exist_ok=True)
    made = cache / f"{_RELEASE}-{platform.machine()}-{_VERSION}.tar"
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            with tempfile.TemporaryDirectory(dir=cache) as scratch:
                root, beside = Path(scratch) / "root", Path(scratch) / "image.tar"
                packages = f"--include={','.join(_PACKAGES)}"
                subprocess.run(
                    ["debootstrap", "--variant=minbase", packages, _RELEASE, str(root)],
                    check=True,
                    stdout=subprocess.DEVNULL,
                )
                for name in _NEEDLESS:
                    shutil.rmtree(root / name)
                subprocess.run(["tar", "-C", root, "-cf", beside, "."], check=True)
                beside.rename(made)
    return made


@contextmanager
def shared_engine(folder: Path) -> Iterator[Dockerd]:
    """The engine that all test processes of a session share."""
    folder.mkdir(exist_ok=True)
    engine, ready = Dockerd(folder), folder / "ready"
    with (folder / "users").open("w") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        with (folder / "start").open("w") as start:
            fcntl.flock(start, fcntl.LOCK_EX)
            if not ready.exists():
                script = 'exec setsid "$@" > "$0" 2>&1 < /dev/null &'
                keeper = [sys.executable, "-m", "tests.engine", str(folder)]
                log = folder / "keeper.log"
                log.touch()
                # With none of a test's own variables: it is no leftover of that test.
                environ = {k: v for k, v in os.environ.items() if not k.startswith("ELSEWHERE_")}
                argv = ["sh", "-c", script, str(log), *keeper]
                subprocess.run(argv, check=True, cwd=ROOT, env=environ)

                def is_ready() -> bool:
                    assert "Traceback" not in log.read_text()
                    return ready.exists()

                wait_until(is_ready, within_s=300, what=f"the images are there, see {log}")
        yield engine
        fcntl.flock(users, fcntl.LOCK_UN)
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # others use it
        fcntl.flock(users, fcntl.LOCK_UN)
    wait_until(lambda: not (folder / "pid").exists(), within_s=60, what="the engine has ended")


def _small_image(folder: Path, *, has_shell: bool) -> Path:
    """A tar with busybox, which is static; without a shell only as its `printf`."""
    root = folder / "root"
    (root / "bin").mkdir(parents=True)
    names = ("sh", "cat", "printf", "sleep", "ls") if has_shell else ("printf", "sleep")
    busybox = shutil.which("busybox")
    assert busybox is not None, "install busybox-static"
    for name in names:
        shutil.copy(busybox, root / "bin" / name)
    subprocess.run(["tar", "-C", root, "-cf", folder / "image.tar", "."], check=True)
    return folder / "image.tar"


def _keep(folder: Path) -> None:
    with (folder / "users").open("w") as users, Dockerd(folder) as engine:
        engine.load()
        (folder / "ready").touch()
        while True:
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.1)
        (folder / "ready").unlink()


if __name__ == "__main__":
    _keep(Path(sys.argv[1]))
