"""Waking up by an event instead of by a short poll: Redis pub/sub on one connection of its own."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from elsewhere.store.redis.connection import redis_errors

if TYPE_CHECKING:
    from collections.abc import Sequence


class RedisListener:
    """An `api.Listener`. After an error it subscribes anew at the next `wait`."""

    def __init__(self, redis: Any, channels: Sequence[str]) -> None:
        self._pubsub: Any = redis.pubsub(ignore_subscribe_messages=True)
        self._channels = channels
        with redis_errors():
            self._pubsub.subscribe(*channels)
            self._drain_confirmations()

    def wait(self, timeout_s: float) -> list[str]:
        messages: list[str] = []
        with redis_errors():
            until = time.monotonic() + timeout_s
            while (left := until - time.monotonic()) > 0 or messages:
                message = self._pubsub.get_message(timeout=0 if messages else left)
                if message:
                    words = (message[name] for name in ("channel", "data"))  # by anybody
                    messages.append(" ".join(word.decode(errors="replace") for word in words))
                elif messages or message is None:
                    break
        return messages

    def close(self) -> None:
        self._pubsub.close()

    def _drain_confirmations(self) -> None:
        """Waits until the server has confirmed, so that nothing published from now on is missed."""
        for _ in self._channels:
            self._pubsub.get_message(timeout=5)
