"""The service: a unit of systemd for the agents of one user of this machine.

As root it is one of the system, which starts at boot; for anybody else one of the user's own. Each
file of the folder systemd/ is such a unit, for the user `elsewhere`.
"""

from __future__ import annotations

import os
import pwd
import sys
from pathlib import Path
from typing import Final

from elsewhere.core.errors import UsageError
from elsewhere_agent.errors import AgentError

_SYSTEM: Final = Path("/etc/systemd/system")
_UNIT: Final = """\
# {what}, for the user {user}, by 'agent install-service'. Settings:
# {home}/config.toml, or variables in {env}.
#
# Begin, look, read the settings again, end (tasks go on), and end after the tasks:
#   {systemctl} enable --now {instance}
#   {systemctl} status {instance}
#   {systemctl} reload {instance}
#   {systemctl} stop {instance}
#   agent drain{name} --wait
# To stop the tasks, too: {systemctl} kill --kill-whom=main --signal=SIGQUIT {instance}

[Unit]
Description=Elsewhere agent: runs tasks from {queues}
Documentation=man:systemd.service(5)
{after}# While the store is away it is tried again, for ever.
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
{as_user}Environment=ELSEWHERE_HOME={home}
EnvironmentFile=-{env}
ExecStart={agent} daemon --foreground{options}
ExecReload=/bin/kill -HUP $MAINPID
# One that was drained, or stopped by 'agent stop', stays down.
Restart=on-failure
RestartSec=5
# Wrong settings do not get better by themselves.
RestartPreventExitStatus=2
WatchdogSec=300

# The tasks are processes of this unit that outlive the agent: only the agent itself is ended, and
# a task that runs out of memory is no reason to end the others.
KillMode=process
KillSignal=SIGTERM
TimeoutStopSec=30
OOMPolicy=continue
TasksMax=infinity
{hardening}
[Install]
WantedBy={target}
"""
_AFTER: Final = """\
Wants=network-online.target
After=network-online.target redis-server.service docker.service
"""
_HARDENING: Final = """
# What tasks inherit must not break them. So there is no PrivateTmp (it is emptied at a restart), no
# PrivateDevices (GPUs), no ProtectHome (data), no RestrictNamespaces (containers) and no
# MemoryDenyWriteExecute (just-in-time compilers).
NoNewPrivileges=yes
ProtectSystem=full
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectKernelLogs=yes
ProtectClock=yes
ProtectHostname=yes
RestrictSUIDSGID=yes
RestrictRealtime=yes
"""


def install_service(
    *, user: str | None, folder: str | None, per_queue: bool, home: str | None
) -> str:
    """Writes the unit for `user`, by default the caller, over an older one; returns what to call
    next. `home` is ELSEWHERE_HOME where it is set.

    Raises UsageError for a user that cannot be had, and OSError.
    """
    is_system = os.geteuid() == 0
    account = _account(user, is_system=is_system)
    default = _SYSTEM if is_system else Path(account.pw_dir) / ".config/systemd/user"
    target = Path(folder) if folder else default
    text = unit(
        user=account.pw_name,
        home=Path(home) if home else Path(account.pw_dir) / ".elsewhere",
        agent=_program(),
        per_queue=per_queue,
        is_system=is_system,
    )
    target.mkdir(parents=True, exist_ok=True)
    path = target / ("elsewhere-agent@.service" if per_queue else "elsewhere-agent.service")
    path.write_text(text, encoding="utf-8")
    systemctl = "systemctl" if is_system else "systemctl --user"
    name = "elsewhere-agent@QUEUE" if per_queue else "elsewhere-agent"
    lines = [f"{path} is written. Now call:", f"  {systemctl} daemon-reload"]
    lines.append(f"  {systemctl} enable --now {name}")
    if not is_system:
        lines.append(f"  loginctl enable-linger {account.pw_name}    # it lives without a log-in")
    return "\n".join(lines)


def unit(*, user: str, home: Path, agent: Path, per_queue: bool, is_system: bool) -> str:
    """The text of a unit, with `per_queue` of one whose instances serve the queue of their name."""
    for path in (home, agent):
        if any(one.isspace() or one in "%\"'\\" for one in str(path)):
            raise UsageError(f"A unit cannot have the path {str(path)!r}: use one without spaces.")
    return _UNIT.format(
        what="One agent for each queue" if per_queue else "One agent of this machine",
        user=user,
        home=home,
        env="/etc/elsewhere/agent.env" if is_system else home / "agent.env",
        agent=agent,
        systemctl="systemctl" if is_system else "systemctl --user",
        instance="elsewhere-agent@QUEUE" if per_queue else "elsewhere-agent",
        queues="the queue %i" if per_queue else "queues",
        options=" --queue %i --name %H-%i" if per_queue else "",
        name=" --name HOST-QUEUE" if per_queue else "",
        after=_AFTER if is_system else "",
        as_user=f"User={user}\n" if is_system else "",
        hardening=_HARDENING if is_system else "",
        target="multi-user.target" if is_system else "default.target",
    )


def _account(user: str | None, *, is_system: bool) -> pwd.struct_passwd:
    own = pwd.getpwuid(os.geteuid()).pw_name
    name = user or own
    if not is_system and name != own:
        raise UsageError(f"Only root can install a service of the user {name!r}: call it by sudo.")
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise UsageError(
            f"There is no user {name!r}. Make one: adduser --system --group {name}"
        ) from None


def _program() -> Path:
    found = Path(sys.executable).with_name("agent")
    if not found.exists():
        raise AgentError(f"There is no {found}: install elsewhere[agent] in that environment.")
    return found
