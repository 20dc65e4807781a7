"""The connection to Redis, and its errors as sentences."""

from __future__ import annotations

import errno
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from elsewhere.core.errors import (
    AccessError,
    ConfigurationError,
    RecordError,
    StoreUnavailableError,
)
from elsewhere.core.imported import for_itself
from elsewhere.core.secrets import hide_passwords
from elsewhere.store.redis import tls

if TYPE_CHECKING:
    import redis


def connect(url: str, *, timeout_s: float = 5.0) -> redis.Redis:
    """Connects to the server at `url` and checks it. Replies are bytes, in RESP2's shapes.

    A command is sent once, whatever happens: after a lost connection nobody knows whether it was
    carried out, and only its caller knows whether a second time does harm.

    Raises StoreUnavailableError within `timeout_s`, which also holds for each later reply, and
    ConfigurationError for what is not a URL of a Redis, and for files of TLS that cannot be used.
    """
    with for_itself():
        import redis.backoff  # noqa: PLC0415 - weight
        import redis.retry  # noqa: PLC0415

    try:
        client = redis.Redis.from_url(
            url,
            protocol=2,  # redis-py's own default differs from version to version
            decode_responses=False,
            encoding_errors="backslashreplace",  # inside JSON that is JSON's own escape
            retry=redis.retry.Retry(redis.backoff.NoBackoff(), 0),
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            health_check_interval=30,
            **tls.options_of(url),
        )
    except ValueError as error:
        raise _unusable(url, error) from error

    try:
        _check(client, url, timeout_s)
    except BaseException:
        client.close()
        raise
    return client


@contextmanager
def redis_errors(url: str = "") -> Iterator[None]:
    """Raises an error that makes Redis unusable as StoreUnavailableError, with `url` where it is
    given, what its user may not do as AccessError, and an error about what lies in it as
    RecordError. Other errors for a wrong command stay."""
    import redis  # noqa: PLC0415 - weight

    try:
        yield
    except redis.RedisError as error:
        if _is_forbidden(error):
            raise AccessError(_FORBIDDEN.format(_place(url), str(error).rstrip("."))) from error
        explanation = _explain(error)
        if explanation is None and any(words in str(error) for words in _DAMAGES):
            raise RecordError(f"What is stored in Redis cannot be used: {error}.") from error
        if explanation is None:
            raise
        unavailable = _unavailable(url, *explanation)
        unavailable.may_come = _may_come(error)
        raise unavailable from error


_OLDEST: Final = (6, 2)

_TIMED_OUT: Final = (
    "it does not answer in time",
    "Check the host, the port (rediss:// needs one with TLS), the network and firewalls on the way",
)

#: class of redis.exceptions -> why it cannot be used, what to do; the first that fits counts
_BY_CLASS: Final = {
    "TimeoutError": _TIMED_OUT,
    "AuthenticationError": (
        "it refuses the user or the password",
        "Correct them in redis_url",
    ),
    "BusyLoadingError": ("it is still loading its data", "Try again in a moment"),
    "ReadOnlyError": ("it is a replica, which cannot be written", "Set redis_url to its primary"),
    "OutOfMemoryError": (
        "its memory is full",
        "Raise its maxmemory, or delete tasks that are not needed",
    ),
    "InvalidResponse": ("what answers there is no Redis", "Correct redis_url"),
}

#: words in a script's or a transaction's error that mean the same
_BY_WORDS: Final = {
    "OOM command not allowed": _BY_CLASS["OutOfMemoryError"],
    "READONLY ": _BY_CLASS["ReadOnlyError"],
    "BUSY ": ("a script keeps it busy", "Try again in a moment"),
    "DB index is out of range": ("it has no database of that number", "Correct redis_url"),
    "MISCONF ": (
        "it cannot write its data to disk",
        "Make room on its disk and look into its log",
    ),
}

#: of a place, and the server's reason
_FORBIDDEN: Final = (
    "{} does not let its user do this: {}. A task may only read the store where its agent's setting"
    " store_access is 'read': set it to 'full' there to let it change other tasks and enqueue them."
    " Elsewhere give the user of redis_url the rights in deploy/users.acl.example."
)
#: words in the error of a script that did what its user may not
_FORBIDDEN_IN_SCRIPTS: Final = ("ACL failure in script", "The user executing the script can't")

#: words in the error of a command or a script that met what nobody of ours has written
_DAMAGES: Final = ("WRONGTYPE ", "user_script")

#: class of what made a connection fail -> the same
_BY_CAUSE: Final = {
    "gaierror": ("the name of its host is unknown", "Correct redis_url, or the name service"),
    "ConnectionRefusedError": ("nothing listens there", "Start it, or correct redis_url"),
    "FileNotFoundError": ("there is no such socket", "Start it, or correct redis_url"),
    "PermissionError": ("this user may not open its socket", "Run as a user who may"),
}


#: numbers of errors of a host, a port or a socket where nobody is; of names that may be known soon
_ABSENCES: Final = (
    *(errno.ECONNREFUSED, errno.ENOENT, errno.ETIMEDOUT, socket.EAI_AGAIN),
    *(errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ENETUNREACH),
)


def _check(client: redis.Redis, url: str, timeout_s: float) -> None:
    """Checks the server on a thread of its own, since a host name's look-up has no time-out."""
    versions: list[str] = []
    failures: list[BaseException] = []

    def probe() -> None:
        try:
            with redis_errors(url):
                versions.append(_version(client))
        except BaseException as error:  # noqa: BLE001 - raised by the thread that waits
            failures.append(error)

    prober = threading.Thread(target=probe, name="elsewhere-connect", daemon=True)
    prober.start()
    prober.join(timeout_s)
    for failure in failures:
        if isinstance(failure, TypeError) and "?" in url:  # an option that no connection takes
            raise _unusable(url, failure) from failure
        raise failure
    if not versions:
        unavailable = _unavailable(url, *_TIMED_OUT)
        unavailable.may_come = True
        raise unavailable
    numbers = re.match(r"(\d+)\.(\d+)", versions[0])
    if numbers and (int(numbers[1]), int(numbers[2])) < _OLDEST:
        raise _unavailable(
            url, f"its version is {versions[0]}", "Use Redis 6.2 or newer, or Valkey"
        )


def _version(client: redis.Redis) -> str:
    """The server's version; empty where this user may not read it: an old one fails later."""
    import redis  # noqa: PLC0415 - weight

    client.ping()
    try:
        facts: Any = client.info("server")
    except redis.ResponseError:
        return ""
    return str(facts.get("redis_version", ""))


def _explain(error: redis.RedisError) -> tuple[str, str] | None:
    """Explains an error by its class's name: the oldest redis-py supported lacks some classes."""
    names = {kind.__name__ for kind in type(error).__mro__}
    for name, explanation in _BY_CLASS.items():
        if name in names:
            return explanation
    if "ResponseError" in names:
        return next((found for words, found in _BY_WORDS.items() if words in str(error)), None)
    if "ConnectionError" not in names:
        return None
    cause = error.__cause__ or error.__context__
    if about_tls := tls.explain(cause):
        return about_tls
    for kind in type(cause).__mro__:
        if kind.__name__ in _BY_CAUSE:
            return _BY_CAUSE[kind.__name__]
    return (
        f"the connection fails ({str(error).rstrip('.')})",
        "Look whether it runs, and use rediss:// if the port speaks TLS",
    )


def _is_forbidden(error: redis.RedisError) -> bool:
    names = {kind.__name__ for kind in type(error).__mro__}
    return "NoPermissionError" in names or (
        "ResponseError" in names and any(words in str(error) for words in _FORBIDDEN_IN_SCRIPTS)
    )


def _may_come(error: redis.RedisError) -> bool:
    """True for the error of a server, or of a network, that has not been started yet."""
    names = {kind.__name__ for kind in type(error).__mro__}
    cause = error.__cause__ or error.__context__
    number = cause.errno if isinstance(cause, OSError) else None
    return bool(names & {"TimeoutError", "BusyLoadingError"}) or (
        "AuthenticationError" not in names and number in _ABSENCES
    )


def _unavailable(url: str, why: str, what_to_do: str) -> StoreUnavailableError:
    return StoreUnavailableError(f"{_place(url)} cannot be used: {why}. {what_to_do}.")


def _place(url: str) -> str:
    return f"The Redis at {hide_passwords(url)}" if url else "Redis"


def _unusable(url: str, error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"{hide_passwords(url)!r} is no URL of a Redis: {str(error).rstrip('.')}. Write redis_url"
        " as redis://USER:PASSWORD@HOST:PORT/DATABASE, the same with rediss:// for TLS, or"
        " unix:///PATH."
    )
