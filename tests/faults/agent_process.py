"""The command `agent` with a fault in it: python agent_process.py FAULT ARGUMENTS...

    before:CALL   it is killed when the call begins
    after:CALL    it is killed when the call is over
    unheard:CALL  the call is carried out, and its answer is lost with the connection
    slow:CALL     the call takes some seconds longer, as on a disk that is busy
    clock:SECONDS the clock of the agent jumps by so much, a few seconds after its start

Those of calls happen once, at the first call; 'after:CALL:3' at the third, and 'unheard:CALL:3' at
every third.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

import elsewhere_worker.host_launcher
from elsewhere.core.errors import StoreUnavailableError
from elsewhere.store.queues import Queues
from elsewhere.store.redis.store import RedisStore
from elsewhere_agent.command import main
from elsewhere_sandbox.spec import RunSpec
from elsewhere_worker.host_launcher import HostLauncher
from elsewhere_worker.owner import Owner
from elsewhere_worker.supervision import Supervision

if TYPE_CHECKING:
    from collections.abc import Callable


class _Marking:
    """What `os` is to the launcher: its only close is that of the marker."""

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def close(self, descriptor: int) -> None:
        os.close(descriptor)


#: what the fault names -> where it is looked up
_CALLS: Final[dict[str, tuple[Any, str]]] = {
    "take": (Queues, "take"),
    "claim": (RedisStore, "claim"),
    "settle": (Queues, "settle"),
    "write_owner": (Owner, "take"),
    "write_spec": (RunSpec, "write"),
    "launch": (HostLauncher, "launch"),
    "mark_launched": (_Marking, "close"),
    "apply": (RedisStore, "apply"),
    "append_output": (RedisStore, "append_output"),
    "finish": (RedisStore, "finish"),
    "lose": (RedisStore, "lose"),
    "acknowledge": (Supervision, "_acknowledge"),
}

#: more than the time between two renewals
_SLOW_S: Final = 2.0
_JUMP_AFTER_S: Final = 3.0


def inject(fault: str) -> None:
    when, name, *number = fault.split(":")
    if when == "clock":
        _jump(float(name))
        return
    owner, attribute = _CALLS[name]
    call: Callable[..., Any] = getattr(owner, attribute)
    period = int(number[0]) if number else 1
    left = period

    @wraps(call)
    def faulty(*args: Any, **kwargs: Any) -> Any:
        nonlocal left
        if when in ("before", "slow"):
            left -= 1
            if left == 0:
                _come(when)
            return call(*args, **kwargs)
        answer = call(*args, **kwargs)
        if name == "take" and answer is None:
            return answer
        left -= 1
        if left == 0:
            left = period if number else 0
            _come(when)
        return answer

    setattr(owner, attribute, faulty)
    if owner is _Marking:
        vars(elsewhere_worker.host_launcher)["os"] = _Marking()


def _jump(seconds: float) -> None:
    clock, jump_at = time.time, time.monotonic() + _JUMP_AFTER_S

    def jumping() -> float:
        return clock() + (seconds if time.monotonic() > jump_at else 0)

    time.time = jumping


def _come(when: str) -> None:
    print("The fault has come.", file=sys.stderr, flush=True)
    if when == "unheard":
        raise StoreUnavailableError("The answer was lost with the connection.")
    if when == "slow":
        time.sleep(_SLOW_S)
    else:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    inject(sys.argv[1])
    sys.exit(main(sys.argv[2:]))
