"""The protocol of systemd for a daemon that reports its state: sd_notify(3)."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from elsewhere_agent.vitals import Vitals

logger = logging.getLogger(__name__)

#: seconds that a message may take
_SEND_S: Final = 1.0
_SOCKET: Final = "NOTIFY_SOCKET"
_WATCHDOG: Final = "WATCHDOG_USEC"


class Notifier:
    """Reports to systemd, or does nothing where it did not start this process."""

    def __init__(self, address: str, watchdog_s: float) -> None:
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        #: seconds within which systemd wants a sign of life; 0 if it does not
        self.watchdog_s = watchdog_s

    @classmethod
    def taken(cls) -> Notifier:
        """That of this process, out of its environment: no runner may report for it."""
        address = os.environ.pop(_SOCKET, "")
        usec, pid = os.environ.pop(_WATCHDOG, "0"), os.environ.pop("WATCHDOG_PID", "")
        is_ours = pid in ("", str(os.getpid())) and usec.isdigit()
        return cls(address, int(usec) / 1e6 if is_ours else 0.0)

    def ready(self, status: str = "") -> None:
        self._send(f"READY=1\nSTATUS={status}")

    def reloading(self) -> None:
        """Call `ready` afterwards."""
        usec = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send(f"RELOADING=1\nMONOTONIC_USEC={usec}")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def alive(self) -> None:
        self._send("WATCHDOG=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.settimeout(_SEND_S)  # systemd may be too busy to read
                sender.connect(self._address)
                sender.sendall(message.encode())
        except OSError as error:
            logger.debug("systemd is not notified: %s", error)


class Watchdog(threading.Thread):
    """Gives systemd its signs of life, as long as no thread of the daemon hangs."""

    def __init__(self, notifier: Notifier, vitals: Vitals) -> None:
        super().__init__(name="watchdog", daemon=True)
        self._notifier = notifier
        self._vitals = vitals
        self._is_ending = threading.Event()

    def end(self) -> None:
        self._is_ending.set()

    def run(self) -> None:
        while self._notifier.watchdog_s and not self._is_ending.wait(self._notifier.watchdog_s / 3):
            if hanging := self._vitals.hanging():
                logger.error("systemd gets no sign of life: %s", " ".join(hanging))
            else:
                self._notifier.alive()
