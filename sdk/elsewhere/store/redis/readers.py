"""Readers: users of Redis that may only read the store, one for each run that is lent no more.

A reader has the commands that this package reads with, on the keys of `keys.READABLE`, and the
messages about tasks. It sees all tasks, models, agents and code of the store, as everybody does
who uses it, but no names of other keys, and of the database 0 beside its own what is called so. It
can load no script of its own, which could keep the server busy for good; it calls `search`, as any
that others have loaded, with its own rights. From Redis 7 on it can also ask agents for files of
their machines (`store/relay.py`), and so take up memory of the server.

The server forgets readers when it is restarted, unless somebody saves them.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from elsewhere.core.errors import AccessError, ConfigurationError
from elsewhere.core.secrets import hide_passwords
from elsewhere.store.redis import keys
from elsewhere.store.redis.connection import connect, redis_errors
from elsewhere.store.redis.scripts import Scripts

if TYPE_CHECKING:
    from redis import Redis

#: the script that queries call
_SCRIPT: Final = "search"
_COMMANDS: Final = (
    *("get", "mget", "getrange", "strlen", "hget", "hmget", "hgetall", "hvals", "lrange"),
    *("smembers", "smismember", "scard", "sinter", "zcount", "zinter", "zmscore", "zrange"),
    *("zrangebyscore", "zrevrange", "zrevrangebyscore", "zrevrangebylex"),
    *("ping", "time", "info|server", "multi", "exec", "discard", "evalsha"),
    *("subscribe", "unsubscribe"),
)
#: what requests for files take; Redis 6.2 knows no rights that are for some keys alone
_OF_RELAY: Final = (
    f"(~{keys.asked('*')} +rpush +expire +lrem)",
    f"(~{keys.part('*', 0).removesuffix('0')}* +blpop +expire +del)",
)
_PREFIX: Final = "elsewhere"
#: in place of a run's name, while it is tried whether there can be readers
_TRIAL: Final = "trial"
_NEEDED: Final = "+acl|setuser +acl|deluser +acl|getuser +acl|users"


class Readers:
    """The readers of the runs of all agents in one store, at `url`, to which `redis` is connected.
    The methods raise StoreUnavailableError, and AccessError where the user of `redis` may not make
    users."""

    def __init__(self, redis: Redis, url: str, identity: str) -> None:
        # Any: redis-py types its replies for every option that a client can have.
        self._redis: Any = redis
        self._url = url
        self._store = identity

    def name(self, agent: str, run: str) -> str:
        """The name of the reader of a `run`, by the name of its folder, on an `agent`."""
        return f"{_PREFIX}:{self._store}:{agent}:{run}"

    def url(self, name: str, password: str) -> str:
        """The URL of the store for the reader `name`."""
        parts = urlsplit(self._url)
        options = [one for one in parse_qsl(parts.query) if one[0] not in ("username", "password")]
        host = parts.netloc.rpartition("@")[2]
        netloc = f"{quote(name, safe='')}:{quote(password, safe='')}@{host}"
        return parts._replace(netloc=netloc, query=urlencode(options)).geturl()

    def admit(self, name: str, password: str) -> None:
        """Makes the reader `name`, or makes it again; its rights and its `password` are these."""
        from redis import ResponseError  # noqa: PLC0415 - weight

        database = self._redis.connection_pool.connection_kwargs.get("db") or 0
        digest = hashlib.sha256(password.encode()).hexdigest()
        rules = [
            *("reset", "resetchannels", "on", f"#{digest}", f"+select|{database}"),
            f"&{keys.TaskKeys('*').changed}",
            *(f"~{pattern}" for pattern in keys.READABLE),
            *(f"+{command}" for command in _COMMANDS),
        ]
        with redis_errors():
            try:
                self._redis.execute_command("ACL", "SETUSER", name, *rules, *_OF_RELAY)
            except ResponseError as error:
                if "Syntax error" not in str(error):
                    raise
                self._redis.execute_command("ACL", "SETUSER", name, *rules)
        Scripts(self._redis).load(_SCRIPT)

    def dismiss(self, name: str) -> None:
        """Removes the reader `name` and ends its connections; nothing happens without it."""
        with redis_errors():
            self._redis.acl_deluser(name)

    def runs(self) -> dict[str, tuple[str, str]]:
        """The readers of this store, by their names: the agent and the run of each."""
        begin = self.name("", "").removesuffix(":")
        with redis_errors():
            names = [one for one in self._redis.acl_users() if one.startswith(begin)]
        words = {name: name.removeprefix(begin).partition(":") for name in names}
        return {name: (agent, run) for name, (agent, _, run) in words.items() if run != _TRIAL}

    def check(self, agent: str) -> None:
        """Makes sure that there can be readers, by making one for the `agent`. Raises
        ConfigurationError where there cannot, or where they would be for nothing, since the server
        takes everybody without a password."""
        from redis import ResponseError  # noqa: PLC0415 - weight

        name, password = self.name(agent, _TRIAL), os.urandom(16).hex()
        try:
            with redis_errors():
                flags = self._redis.acl_getuser("default")["flags"]
            if "on" in flags and "nopass" in flags:
                raise self._useless(
                    "it takes everybody without a password: set redis_url to one that has one"
                )
            self.runs()
            self.dismiss(name)  # what a killed process has left
            self.admit(name, password)
            try:
                with closing(connect(self.url(name, password))) as reader, redis_errors():
                    reader.get(keys.STORE)
            finally:
                self.dismiss(name)
        except (AccessError, ResponseError) as error:
            reason = error.__cause__ or error
            raise self._useless(
                f"it does not let its user make others ({reason}): give that {_NEEDED}"
            ) from error

    def _useless(self, why: str) -> ConfigurationError:
        return ConfigurationError(
            "The setting agent.store_access is 'read', for which the agent makes a user of Redis"
            f" for each run. The Redis at {hide_passwords(self._url)} cannot have them: {why}, or"
            " set agent.store_access to 'none' or 'full'."
        )
