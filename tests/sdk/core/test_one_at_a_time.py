"""One thread at a time, and what a fork makes of that."""

from __future__ import annotations

import os
import threading

from elsewhere.core.one_at_a_time import one_at_a_time


def test_a_call_may_call_itself_and_a_fork_waits_for_nobody() -> None:
    inside, may_end = threading.Event(), threading.Event()

    @one_at_a_time
    def call(depth: int) -> int:
        if depth < 0:
            inside.set()
            may_end.wait(20)
        return 1 if depth <= 0 else call(depth - 1)

    holder = threading.Thread(target=call, args=(-1,))
    holder.start()
    assert inside.wait(20)
    if (child := os.fork()) == 0:
        os._exit(call(3))
    ended = os.waitpid(child, 0)[1]
    may_end.set()
    holder.join()
    assert os.waitstatus_to_exitcode(ended) == 1
