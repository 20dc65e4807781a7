"""The fault matrix: what may go wrong while tasks run. Tests name their rows: `pytest.mark.row`.

Each of them asserts that nothing is lost, nothing is taken twice and nothing hangs.
"""

from __future__ import annotations

from typing import Final

ROWS: Final = {
    1: "the agent is killed while a task runs",
    2: "the agent is ended while a task runs, as for an upgrade",
    3: "agents are ended again and again under load",
    4: "the agent is killed at any step of a task's way",
    5: "agents, runners and Redis are killed at random under load",
    6: "the runner is killed",
    7: "the program is killed, by somebody or for want of memory",
    8: "the program ends as its agent is killed",
    9: "the program leaves processes behind",
    10: "the machine is gone",
    11: "the machine is rebooted",
    12: "the agent is frozen, and nobody has begun its task again",
    13: "the agent is frozen, and its task was begun again",
    14: "a task lies in its queue many times",
    15: "a task's entry in its queue is lost",
    16: "the answer to a command is lost",
    17: "Redis is killed and comes back",
    18: "Redis is frozen",
    19: "a task ends while Redis is away",
    20: "the network swallows all",
    21: "Redis is slow, and connections break",
    22: "Redis comes back empty, or with older data",
    23: "Redis takes no more writes",
    24: "a stop, which the program obeys",
    25: "a stop, to which the program and its grandchildren are deaf",
    26: "a stop while the agent is away",
    27: "a stop while Redis is away for the agent",
    28: "a stop of a task that waits",
    29: "the time limit",
    30: "a full disk",
    31: "a flood of output",
    32: "a clock that jumps",
    33: "a second agent of one name",
    34: "a container is removed, or its engine restarted",
    35: "a task that takes its agent down each time",
    36: "all agents are restarted in turn under load",
    37: "hostile entries in Redis",
    38: "hostile code",
    39: "secrets in every place",
    40: "many starters of one embedded server",
}
