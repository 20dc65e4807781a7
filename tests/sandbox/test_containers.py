"""Programs in containers of a real engine: as on the host, and with nothing that was not given."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from elsewhere.core.choices import Reason
from elsewhere.core.events import Machine, Resources
from elsewhere.core.folders import Home
from elsewhere_sandbox.runtimes.docker import sweep
from elsewhere_sandbox.slot import Slot
from tests.engine import BARE, SHELL, Dockerd
from tests.sandbox.attempts import Attempts
from tests.sandbox.contained import Contained
from tests.waiting import wait_until

SLEEPS = "import time\nprint('ready', flush=True)\ntime.sleep(600)"


@pytest.fixture
def contained(attempts: Attempts, engine: Dockerd) -> Contained:
    return Contained(attempts, engine)


def test_a_program_runs_in_its_image_and_nothing_of_it_is_left(contained: Contained) -> None:
    program = """
        import getpass, os, sys, threading
        print(os.path.exists("/etc/debian_version"), os.environ["FLAVOUR"], sys.argv[1:])
        print("error", file=sys.stderr, flush=True)
        open(os.path.expanduser("~/written"), "w").close()
        print(getpass.getuser() != "", os.getuid(), os.getcwd(), sys.stdin.read() == "")
        """
    attempt = contained.make(program, argv=["one", "--two=3 4"], variables={"FLAVOUR": "task"})
    assert attempt.run().reason is Reason.COMPLETED, attempt.log
    lines = attempt.printed.decode().splitlines()
    assert lines[0] == "True task ['one', '--two=3 4']"
    assert "error" in lines
    assert lines[-1] == f"True {Path.home().stat().st_uid} {attempt.folder.code} True"
    assert contained.left() == []
    assert not list(attempt.folder.path.glob(".output.*"))


def test_every_byte_comes_in_its_order_also_those_that_are_no_text(contained: Contained) -> None:
    program = r"""
        import os
        for i in range(3000):
            os.write(1 + i % 2, b"%d \xff\x00\r" % i)
        os.write(1, b"x" * 3_000_000 + b"end")
        """
    attempt = contained.run(program)
    expected = b"".join(b"%d \xff\x00\r" % i for i in range(3000)) + b"x" * 3_000_000 + b"end"
    assert expected in attempt.output


@pytest.mark.parametrize(
    ("program", "reason", "code", "number"),
    [
        ("raise SystemExit(3)", Reason.PROGRAM_FAILED, 3, None),
        ("import os; os.kill(os.getpid(), 11)", Reason.KILLED, None, 11),
        ("b = b'x' * (200 << 20)", Reason.OUT_OF_MEMORY, None, 9),
        ("import os; os.kill(os.getpid(), 9)", Reason.KILLED, None, 9),
    ],
)
def test_exit_codes_signals_and_a_lack_of_memory_are_told_apart(
    contained: Contained, program: str, reason: Reason, code: int | None, number: int | None
) -> None:
    attempt = contained.run(program, arguments=("--memory", "64m", "--memory-swap", "64m"))
    outcome = attempt.outcome
    assert (outcome.reason, outcome.exit_code, outcome.signal) == (reason, code, number)


def test_a_slot_limits_the_container_and_is_named(contained: Contained) -> None:
    slot = Slot(memory_bytes=64 << 20, cores=(0,))
    program = "import os; print(os.sched_getaffinity(0), flush=True); b = b'x' * (200 << 20)"
    attempt = contained.run(program, slot=slot)
    assert attempt.printed.startswith(b"{0}\n")
    assert attempt.outcome.reason is Reason.OUT_OF_MEMORY
    assert attempt.outcome.message == "Its container had no memory left of its 64.0 MiB."


def test_hooks_run_on_the_machine_and_its_data_is_in_the_code(
    contained: Contained, tmp_path: Path
) -> None:
    hook, corpus = tmp_path / "hook", tmp_path / "corpus"
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran; echo hooked\n")
    hook.chmod(0o755)
    corpus.mkdir()
    (corpus / "part").write_text("of the machine")
    program = """
        print(open("data/corpus/part").read())
        try:
            open("data/corpus/new", "x")
        except OSError as error:
            print(error.strerror)
        """
    attempt = contained.make(program, hooks={"before_run": str(hook)}, data={"c": str(corpus)})
    attempt.spec.record.environment.mounts["data/corpus"] = "c"
    assert attempt.run().reason is Reason.COMPLETED, attempt.log
    assert attempt.printed.endswith(b"hooked\nof the machine\nRead-only file system\n")
    assert (tmp_path / "ran").exists()


def test_the_files_that_the_stores_url_names_are_where_it_names_them(
    contained: Contained, tmp_path: Path
) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_text("of the machine")
    attempt = contained.make(
        f"print(open({str(authority)!r}).read()); open({str(authority)!r}, 'a')"
    )
    gone = str(tmp_path / "gone.pem")
    attempt.spec = replace(attempt.spec, store_files=(str(authority), gone))
    attempt.run()
    assert b"of the machine\n" in attempt.printed
    assert b"Read-only file system" in attempt.printed


def test_a_stop_gives_its_grace_and_ends_all(contained: Contained) -> None:
    program = """
        import signal, subprocess, sys, time
        def end(*_):
            time.sleep(0.2)
            print("saved", flush=True)
            sys.exit(0)
        signal.signal(signal.SIGTERM, end)
        subprocess.Popen(["sh", "-c", "trap '' TERM; sleep 600"], start_new_session=True)
        print("ready", flush=True)
        time.sleep(600)
        """
    attempt = contained.make(program)
    attempt.start()
    attempt.wait_for(b"ready")
    attempt.stop(grace_s=60.0)
    assert attempt.wait().reason is Reason.STOPPED
    assert attempt.printed.endswith(b"saved\n")
    assert contained.left() == []


def test_a_stop_ends_a_program_that_does_not_listen(contained: Contained) -> None:
    attempt = contained.make(f"import signal; signal.signal(15, signal.SIG_IGN)\n{SLEEPS}")
    attempt.start()
    attempt.wait_for(b"ready")
    attempt.stop(grace_s=0.2)
    outcome = attempt.wait()
    assert (outcome.reason, outcome.signal) == (Reason.STOPPED, signal.SIGKILL)


def test_a_container_has_no_privilege_and_limits(contained: Contained) -> None:
    program = """
        import os, re
        status = open("/proc/self/status").read()
        print(re.search(r"CapBnd:\\s*0+$", status, re.M) is not None)
        print(re.search(r"NoNewPrivs:\\s*1$", status, re.M) is not None)
        print(os.path.exists("/var/run/docker.sock"), os.listdir("/sys/class/net"))
        print([name for name in os.listdir("/proc") if name.isdigit() and int(name) > 200])
        for path in ("config.toml", "storage", "environments/x", "mirrors/x"):
            try:
                open(os.path.join(os.environ["AGENT"], path), "x")
            except OSError as error:
                print(type(error).__name__)
        """
    attempt = contained.make(program, docker={"network": "off"})
    (Path(attempt.spec.home) / "config.toml").write_text("secret")
    attempt.spec.record.environment.variables["AGENT"] = attempt.spec.home
    attempt.run()
    lines = attempt.printed.decode().splitlines()
    assert lines[:4] == ["True", "True", "False ['lo']", "[]"]
    assert lines[-2:] == ["OSError", "OSError"]
    assert (Path(attempt.spec.home) / "config.toml").read_text() == "secret"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--privileged",), "--privileged"),
        (("--network=host",), "--network"),
        (("-v", "/:/host"), "'/'"),
        (("-v", "/var/run/docker.sock:/var/run/docker.sock"), "docker.sock"),
        (("--mount", "type=bind,source=/etc,target=/etc"), "'/etc'"),
        (("--cap-add", "SYS_ADMIN"), "--cap-add"),
        (("--device", "/dev/kvm"), "--device"),
        (("--security-opt", "seccomp=unconfined"), "--security-opt"),
        (("--ipc=host",), "--ipc"),
        (("--pid", "host"), "--pid"),
        (("--gpus", "all"), "--gpus"),
        (("-e", "NAME"), "give NAME a value"),
        (("--volumes-from", "other"), "--volumes-from"),
        (("--shm-size", "much"), "'much' is no size"),
    ],
)
def test_an_argument_that_is_not_allowed_is_refused_by_its_name_before_anything_is_pulled(
    contained: Contained, words: tuple[str, ...], named: str
) -> None:
    attempt = contained.run("", image="no.such.host.invalid/image:1", arguments=words)
    outcome = attempt.outcome
    assert (outcome.reason, outcome.phase) == (Reason.SETUP_FAILED, "image")
    assert named in outcome.message
    assert b"pulled" not in attempt.output


def test_arguments_and_mounts_that_are_allowed_arrive(contained: Contained, tmp_path: Path) -> None:
    data, closed = tmp_path / "data", tmp_path / "closed"
    data.mkdir()
    closed.mkdir()
    (data / "in").write_text("given")
    program = """
        import os, resource
        print(open("/data/in").read(), os.environ["MINE"], os.statvfs("/dev/shm").f_blocks)
        print(resource.getrlimit(resource.RLIMIT_NOFILE))
        try:
            open("/data/in", "a")
        except OSError as error:
            print(error.strerror)
        """
    words = (
        *("-v", f"{data}:/data:ro", "-e", "MINE=a=b", "--shm-size=1m"),
        "--ulimit=nofile=99:100",
    )
    attempt = contained.run(program, arguments=words, docker={"allowed_mounts": (f"{data}:ro",)})
    assert attempt.printed == b"given a=b 256\n(99, 100)\nRead-only file system\n"
    (data / "link").symlink_to(closed)
    for source in (data / "link", data / ".." / "closed"):
        refused = contained.run(
            program, arguments=("-v", f"{source}:/data:ro"), docker={"allowed_mounts": (str(data),)}
        )
        assert "is refused" in refused.outcome.message


def test_a_task_may_lower_a_limit_of_the_operator_and_not_raise_it(contained: Contained) -> None:
    program = "print(open('/sys/fs/cgroup/pids/pids.max').read().strip(), end='')"
    for asked, given in (("50", b"50"), ("500", b"90"), ("-1", b"90")):
        attempt = contained.run(
            program,
            arguments=(f"--pids-limit={asked}",),
            docker={"arguments": ("--pids-limit", "90")},
        )
        assert attempt.printed.strip() == given


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives a run to another user")
def test_a_program_runs_as_the_user_that_the_operator_names(contained: Contained) -> None:
    program = """
        import os, sys
        from pathlib import Path
        from elsewhere import Task
        Task.current_task().get_logger().report_scalar("loss", "train", 0.5, 1)
        Path("written").touch()
        Path("~/written").expanduser().touch()
        Path(os.environ["ELSEWHERE_CHECKPOINTS"], "written").touch()
        print(os.getuid(), os.getgid(), os.access(sys.path[-1], os.W_OK))
        """
    attempt = contained.run(program, needs_init=True, docker={"user": "1234:4321"})
    assert attempt.outcome.reason is Reason.COMPLETED, attempt.log
    assert b"1234 4321 False\n" in attempt.printed
    assert "loss" in str(attempt.events)
    assert (attempt.folder.code / "written").stat().st_uid == 1234


def test_resources_are_those_of_the_container(contained: Contained) -> None:
    program = """
        import time
        from elsewhere import Task
        held = bytearray(96 << 20)
        task = Task.current_task()
        task.get_logger().report_scalar("loss", "train", 0.5, 1)
        task.upload_artifact("numbers", {"a": 1})
        time.sleep(3)
        """
    attempt = contained.run(program, needs_init=True, arguments=("--memory", "512m"))
    assert attempt.outcome.reason is Reason.COMPLETED, attempt.log
    used = [one.values for one in attempt.events if isinstance(one, Resources)]
    (machine, *_) = [one for one in attempt.events if isinstance(one, Machine)]
    assert machine.memory_limit_gb == 0.5
    assert 96 / 1024 < max(one.get("memory_used_gb", 0) for one in used) < 0.3
    assert "loss" in str(attempt.events)


def test_an_image_without_python_runs_a_script_of_its_shell(contained: Contained) -> None:
    script = 'printf "%s " "$1" "$FLAVOUR"; exit 4'
    attempt = contained.run(
        script, image=SHELL, argv=["word"], source={"binary": "/bin/sh"}, packages=("numpy",)
    )
    assert (attempt.outcome.reason, attempt.outcome.exit_code) == (Reason.PROGRAM_FAILED, 4)
    assert b"word plain " in attempt.printed
    assert b"The image has no Python, so no packages are installed." in attempt.output


def test_an_image_without_a_shell_runs_its_own_program(contained: Contained) -> None:
    attempt = contained.run("", image=BARE, argv=["and a word\n"], source={"binary": "/bin/printf"})
    assert attempt.outcome.reason is Reason.COMPLETED, attempt.log
    assert attempt.printed == b"main.py\n"


def test_a_python_program_in_an_image_without_python_is_refused(contained: Contained) -> None:
    outcome = contained.run("", image=SHELL).outcome
    assert (outcome.reason, outcome.phase) == (Reason.SETUP_FAILED, "python")
    assert "has no Python" in outcome.message


def test_a_set_up_script_runs_in_the_image(contained: Contained) -> None:
    attempt = contained.run(
        "print('ran')", setup=["cat /etc/debian_version > ~/seen", "cat ~/seen"]
    )
    assert attempt.printed.startswith(b"12")
    failed = contained.run("print('ran')", setup=["exit 3"])
    assert (failed.outcome.reason, failed.outcome.phase) == (Reason.SETUP_FAILED, "setup")


def test_what_a_killed_runner_left_goes_with_the_next_sweep(contained: Contained) -> None:
    attempt, other = contained.make(SLEEPS), contained.make(SLEEPS)
    attempt.start()
    other.start()
    attempt.wait_for(b"ready")
    other.wait_for(b"ready")
    attempt.signal(signal.SIGKILL)
    attempt.wait_exit()
    assert len(contained.left()) == 2
    sweep(contained.engine.url, Home(Path(attempt.spec.home)))
    wait_until(lambda: len(contained.left()) == 1, what="only the other one is left")
    other.stop(grace_s=0.0)
    assert other.wait().reason is Reason.STOPPED
    assert contained.left() == []
