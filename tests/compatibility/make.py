"""Makes what the tests beside it read: a store and a home, with the code of the commit af39cd3.

It was run once, with OLD a checkout of af39cd3, from the root of a checkout of the commit that
added this file, whose tests' helpers still fit that code:

    export PYTHONPATH=$OLD/sdk:$OLD/sandbox:$OLD/worker:$OLD/agent
    unshare --uts sh -c \\
        "hostname laptop-of-ada; .venv/bin/python -m tests.compatibility.make"

Scripts run against a real server, and an agent that is killed; what they leave is written into the
folder `af39cd3`: `store.json` is the database, `home.json` the ELSEWHERE_HOME, and `expected.json`
what the same code then read of both, and made of them.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import redis

import elsewhere
from elsewhere import Model, Task
from tests.compatibility import programs, reading
from tests.compatibility.insides import agent, machine_id
from tests.compatibility.kept import DATA, Places, dump_folder, dump_store
from tests.redis_server import RedisServer
from tests.waiting import wait_until

#: what the machine is called while it is done
HOST: Final = "laptop-of-ada"
#: where the scripts lie
SCRIPTS: Final = Path("/tmp/scripts-of-ada")

_AGENT: Final = (
    *("setpriv", "--pdeathsig", "KILL"),
    *(sys.executable, "-c"),
    "import sys; from elsewhere_start import agent; sys.exit(agent())",
    *("daemon", "--name", "box", "--slots", "2"),
)
#: keys that live on: those of agents and workers, which are gone within a minute, are not kept
_KEYS: Final = ("ew:*", "rq:job:*", "rq:queue:*", "rq:queues")
#: takes an entry for the agent, which then dies before it has claimed the task
_TAKES: Final = """
import os
from elsewhere.queues import Queues
from elsewhere.store import connect_store

print(Queues(connect_store(os.environ["ELSEWHERE_REDIS_URL"])).take(["default"], "box"))
"""


class Making:
    """`folder` is removed afterwards."""

    def __init__(self, folder: Path, server: RedisServer) -> None:
        self.home = folder / "home"
        self.server = server
        shutil.rmtree(SCRIPTS, ignore_errors=True)
        SCRIPTS.mkdir()
        (SCRIPTS / "beside.py").write_text(programs.BESIDE)
        os.environ.update(
            ELSEWHERE_HOME=str(self.home),
            ELSEWHERE_REDIS_URL=server.url,
            HOME=str(folder),
            UV_OFFLINE="1",
            PIP_NO_INDEX="1",
        )
        self.places = Places(
            {
                "HOME": str(self.home),
                "URL": server.url,
                "HOST": HOST,
                "MACHINE": machine_id(),
                "BOOT": Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
                "PYTHON": platform.python_version(),
            }
        )
        #: what each task is called here
        self.ids: dict[str, str] = {}

    def make(self) -> None:
        self._local()
        self._on_an_agent()
        self._queued()
        self._offline()
        self._killed()
        with redis.Redis.from_url(self.server.url) as client:
            client.delete("ew:agent:box")
            store = dump_store(client, *_KEYS)
        home = dump_folder(self.home)
        home = {name: home[name] for name in ("offline", "runs", "sessions", "storage")}
        for run in home["runs"].values():
            for name in ("code", "venv", "runner.log"):
                run.pop(name, None)
        home["runs"] = {name: run for name, run in home["runs"].items() if "acked" not in run}
        expected: dict[str, Any] = {"ids": self.ids}
        expected["tasks"] = {task_id: reading.task(task_id) for task_id in reading.tasks()}
        models = Model.query_models(include_archived=True)
        expected["models"] = {one.id: reading.model(one.id) for one in models}
        expected["searches"] = reading.searches()
        expected["afterwards"] = self._afterwards()
        DATA.mkdir(exist_ok=True)
        self.places.write("store.json", store)
        self.places.write("home.json", home)
        self.places.write("expected.json", expected)

    # the parts

    def _local(self) -> None:
        self._run("says all", programs.SAYS_ALL, "--epochs", "4")
        self._run("has children", programs.HAS_CHILDREN)
        found = Task.get_tasks(task_filter={"parent": [self.ids["has children"]]})
        (self.ids["function"],) = (one.id for one in found)
        self._run("fails", programs.FAILS, code=1)
        self._run("stops", programs.STOPS)
        for name in ("is published", "is archived"):
            self._run(name, programs.ENDS, CALLED=name)
        self._task("is published").publish()
        self._task("is archived").archive()
        draft = Task.clone(self._task("says all"), name="a draft", parent=self.ids["has children"])
        draft.set_base_docker("python:3.12", docker_arguments="--ipc=host")
        draft.set_packages(["numpy==1.0", "torch"])
        self.ids["draft"] = draft.id

    def _on_an_agent(self) -> None:
        box = subprocess.Popen(_AGENT)
        self._run("ran on an agent", programs.WAITS, CALLED="ran on an agent")
        self._task("ran on an agent").wait_for_status(within_s=60)
        self._run("outlives", programs.OUTLIVES)
        self._run("reboots", programs.REBOOTS)
        self._task("reboots").update_task({"on_lost": "enqueue"})
        outlives = self.home / "runs" / f"{self.ids['outlives']}.2"
        reboots = self.home / "runs" / f"{self.ids['reboots']}.2"

        def is_delivered() -> bool:
            early = self._task("outlives").artifacts.keys()
            output = "".join(self._task("reboots").get_reported_console_output())
            said = self._task("reboots").get_reported_scalars()
            return "early" in early and "the first time" in output and "loss" in said

        wait_until(is_delivered, within_s=60)
        box.kill()
        box.wait()
        (outlives / "go").touch()
        wait_until((outlives / "exit.json").exists, within_s=30)
        (outlives / "go").unlink()
        self._lose_power(reboots)

    def _lose_power(self, run: Path) -> None:
        for name in ("runner.json", "child.json"):
            os.kill(json.loads((run / name).read_text())["pid"], signal.SIGKILL)

    def _queued(self) -> None:
        self._run("is taken", programs.WAITS, CALLED="is taken by an agent")
        taken = self._python("-c", _TAKES)
        assert self.ids["is taken"] in taken, taken
        self._run("waits", programs.WAITS, CALLED="waits in a queue")

    def _offline(self) -> None:
        for name, code in (("offline", 0), ("offline killed", -signal.SIGKILL)):
            environ = {"CALLED": f"is {name}", "ELSEWHERE_OFFLINE_MODE": "yes"}
            self._run(name, programs.OFFLINE, code=code, **environ)

    def _killed(self) -> None:
        """While it runs the server dies, so that nothing of what it says then is delivered."""
        self._write(programs.KILLED)
        process = subprocess.Popen(
            [sys.executable, "train.py"],
            cwd=SCRIPTS,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        while (line := process.stdout.readline()) != "delivered\n":
            assert line, "the script has ended"
        found = Task.get_task(project_name="kept/all", task_name="is killed")
        assert found is not None
        self.ids["killed"] = found.id
        self.server.kill()
        process.communicate("go on\n")
        assert process.returncode == -signal.SIGKILL, process.returncode
        self.server.start()

    def _afterwards(self) -> dict[str, Any]:
        """What the same code makes of what is kept."""
        offline = self.home / "offline"
        for name, folder in (("offline", f"{self.ids['offline']}.zip"), ("offline killed", None)):
            Task.import_offline_session(offline / (folder or self.ids[name]))
        self._write(programs.NEXT.format(folder=str(self.home / "sessions")))
        self._python("train.py")
        runner = self.home / "runs" / f"{self.ids['reboots']}.2" / "runner.json"
        boot = self.places.of["BOOT"]
        runner.write_text(runner.read_text().replace(boot, "a boot before this one"))
        environ = {**os.environ, "ELSEWHERE_AGENT_NAME": "box", "ELSEWHERE_AGENT_SLOTS": "2"}
        assert agent("daemon", "--detached", environ=environ).code == 0
        for name in ("outlives", "reboots", "is taken", "waits"):
            self._task(name).wait_for_status(within_s=60)
        assert agent("stop", "--now", environ=environ).code == 0
        found = {}
        for name in ("outlives", "offline", "offline killed", "killed"):
            found[name] = reading.lasting(reading.task(self.ids[name]))
        for name in ("reboots", "is taken", "waits"):
            found[name] = reading.lasting(reading.task(self.ids[name]), reading.RUN)
        models = {one.name: one.id for one in Model.query_models(include_archived=True)}
        for name in ("net of the killed", "net offline"):
            found[name] = reading.lasting(reading.model(models[name]))
        return found

    # helpers

    def _task(self, name: str) -> Task:
        found = Task.get_task(task_id=self.ids[name])
        assert found is not None
        return found

    def _write(self, code: str) -> None:
        (SCRIPTS / "train.py").write_text(code)

    def _run(self, name: str, program: str, *words: str, code: int = 0, **environ: str) -> None:
        self._write(program)
        before = {path.stem for path in (self.home / "offline").glob("*")}
        known = set(reading.tasks())
        self._python("train.py", *words, code=code, **environ)
        new = set(reading.tasks()) - known
        if not new:
            new = {path.stem for path in (self.home / "offline").glob("*")} - before
        named = [one for one in new if "ELSEWHERE_OFFLINE_MODE" in environ or self._is_own(one)]
        (self.ids[name],) = named

    @staticmethod
    def _is_own(task_id: str) -> bool:
        found = Task.get_task(task_id=task_id)
        return found is not None and not found.parent

    def _python(self, *words: str, code: int = 0, **environ: str) -> str:
        ended = subprocess.run(
            [sys.executable, *words],
            cwd=SCRIPTS,
            env={**os.environ, **environ},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert ended.returncode == code, ended
        return ended.stdout


if __name__ == "__main__":
    assert os.uname().nodename == HOST, __doc__
    print(f"The code is that of {elsewhere.__file__}.")
    with (
        TemporaryDirectory(prefix="ew-", dir="/tmp", ignore_cleanup_errors=True) as name,
        RedisServer(Path(name), append_only=True) as server,
    ):
        Making(Path(name), server).make()
