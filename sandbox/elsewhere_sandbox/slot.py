"""A slot: what of its machine an attempt may use."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """What one attempt has while it runs, written into its run folder before the launch.

    `devices` are ids of GPUs. One that it shares is the only one: its `share`, and the memory of
    that, `device_bytes`. `hides_devices`: it must not use any. Its program runs on the `cores`, on
    all if there are none. 0 bytes are no limit.
    """

    devices: tuple[str, ...] = ()
    share: float = 1.0
    device_bytes: int = 0
    hides_devices: bool = False
    cores: tuple[int, ...] = ()
    memory_bytes: int = 0
    disk_bytes: int = 0
    user: str = ""

    @property
    def weight(self) -> float:
        """How much of a machine it is, where users are compared: its GPUs, or else one core."""
        return len(self.devices) * self.share or 1 / 8
