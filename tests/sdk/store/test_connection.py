"""Connections: errors as sentences, within the limit, and no command sent twice."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from elsewhere.core.errors import ConfigurationError, RecordError, StoreUnavailableError
from elsewhere.store.redis.connection import connect, redis_errors
from tests.redis_server import RedisServer


@contextmanager
def _listener(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """A far side that is no Redis: `talk` has each connection for itself. Gives HOST:PORT."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:  # the end of the test
                    return
                with connection:
                    try:
                        talk(connection)
                    except OSError:  # the other side has hung up
                        continue

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{server.getsockname()[1]}"
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(timeout=10)


def _commands(connection: socket.socket) -> Iterator[list[bytes]]:
    """The commands that a client sends, one after the other."""
    with connection.makefile("rb") as stream:
        while line := stream.readline():
            command = []
            for _ in range(int(line[1:])):
                size = int(stream.readline()[1:])
                command.append(stream.read(size + 2)[:-2])
            yield command


def _refusal(url: str, *, timeout_s: float = 5.0) -> str:
    begin = time.monotonic()
    with pytest.raises(StoreUnavailableError) as refused:
        connect(url, timeout_s=timeout_s)
    assert time.monotonic() - begin < 6
    sentence = str(refused.value)
    assert "\n" not in sentence
    return sentence


def test_a_server_that_answers_gives_a_client_for_bytes(redis_url: str) -> None:
    with connect(redis_url) as client:
        client.set("name", "value")
        assert client.get("name") == b"value"


def test_a_closed_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert _refusal(f"redis://ada:geheim@127.0.0.1:{port}") == (
        f"The Redis at redis://ada:***@127.0.0.1:{port} cannot be used: nothing listens there."
        " Start it, or correct redis_url."
    )


def test_a_missing_socket_is_named(tmp_path: Path) -> None:
    assert "there is no such socket" in _refusal(f"unix://{tmp_path}/none.sock")


def test_an_unknown_host_is_named() -> None:
    sentence = _refusal("redis://nowhere.invalid")
    assert "the name of its host is unknown" in sentence or "in time" in sentence


def test_a_wrong_password_is_refused_and_not_shown(short_path: Path) -> None:
    with RedisServer(short_path) as server:
        with connect(server.url) as client:
            client.execute_command("ACL", "SETUSER", "ada", "on", ">right", "+@all", "~*")
            client.config_set("requirepass", "secret")
        address = str(server.socket)
        for url in (f"unix://:wrong@{address}", f"unix://ada:wrong@{address}", server.url):
            sentence = _refusal(url)
            assert "it refuses the user or the password" in sentence
            assert "wrong" not in sentence
        with connect(f"unix://ada:right@{address}") as client:
            assert client.acl_whoami() == "ada"
        with connect(f"unix://:secret@{address}") as client:
            assert client.acl_whoami() == "default"


def test_a_user_without_the_right_to_ask_for_the_version_is_welcome(short_path: Path) -> None:
    with RedisServer(short_path) as server:
        with connect(server.url) as client:
            client.execute_command("ACL", "SETUSER", "ada", "on", ">right", "+@all", "-info", "~*")
        with connect(f"unix://ada:right@{server.socket}") as client:
            assert client.ping()
            with (
                pytest.raises(StoreUnavailableError, match="does not let its user"),
                redis_errors(),
            ):
                client.info()


def test_a_black_hole_ends_within_the_limit() -> None:
    def swallow(connection: socket.socket) -> None:
        for _ in _commands(connection):
            continue

    with _listener(swallow) as address:
        sentence = _refusal(f"redis://{address}", timeout_s=0.5)
    assert "it does not answer in time" in sentence


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [("redis", "what answers there is no Redis"), ("rediss", "no TLS can be agreed on with it")],
)
def test_a_web_server_is_no_redis(scheme: str, expected: str) -> None:
    def answer(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")

    with _listener(answer) as address:
        assert expected in _refusal(f"{scheme}://{address}")


def _redis_6_0(connection: socket.socket) -> None:
    facts = b"# Server\r\nredis_version:6.0.16\r\n"
    answers = {b"PING": b"+PONG\r\n", b"INFO": b"$%d\r\n%s\r\n" % (len(facts), facts)}
    for command in _commands(connection):
        connection.sendall(answers.get(command[0], b"+OK\r\n"))


def test_an_old_server_is_refused() -> None:
    with _listener(_redis_6_0) as address:
        assert "its version is 6.0.16. Use Redis 6.2" in _refusal(f"redis://{address}")


@pytest.mark.parametrize(
    "url", ["http://there", "there:6379", "redis://there:port", "redis://127.0.0.1?db=1&sized=3"]
)
def test_what_is_no_url_of_a_redis_is_a_wrong_setting(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"is no URL of a Redis: .* Write redis_url as"):
        connect(url)


def test_a_command_without_an_answer_is_not_sent_again() -> None:
    sent: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        for command in _commands(connection):
            if command[0] == b"RPUSH":
                sent.append(command[1])
                return
            connection.sendall(b"+PONG\r\n" if command[0] == b"PING" else b"-ERR no\r\n")

    with (
        _listener(talk) as address,
        connect(f"redis://{address}") as client,
        pytest.raises(StoreUnavailableError, match="the connection fails"),
        redis_errors(),
    ):
        client.rpush("line", "value")
    assert sent == [b"line"]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("return redis.call('SET', KEYS[1], '')", "its memory is full"),
        ("return redis.error_reply('READONLY You can not write')", "it is a replica"),
        ("return redis.error_reply('MISCONF Errors writing')", "it cannot write its data to disk"),
        ("return redis.error_reply('LOADING data')", "it is still loading its data"),
    ],
)
def test_what_makes_redis_unusable_has_its_own_words(
    short_path: Path, script: str, expected: str
) -> None:
    with RedisServer(short_path) as server, connect(server.url) as client:
        client.config_set("maxmemory", "1")
        with pytest.raises(StoreUnavailableError) as refused, redis_errors(server.url):
            client.eval(script, 1, "key")
    assert f"The Redis at {server.url} cannot be used: {expected}" in str(refused.value)


def test_a_full_memory_is_named_within_a_transaction(short_path: Path) -> None:
    with RedisServer(short_path) as server, connect(server.url) as client:
        client.config_set("maxmemory", "1")
        with pytest.raises(StoreUnavailableError, match="its memory is full"), redis_errors():
            client.pipeline().set("a", "b").execute()


def test_an_error_of_a_wrong_command_stays_as_it_is(redis_url: str) -> None:
    wrong = pytest.raises(redis.ResponseError, match="wrong number")
    with connect(redis_url) as client, wrong, redis_errors(redis_url):
        client.execute_command("LPUSH")


@pytest.mark.parametrize("script", ["", "return redis.call('LPUSH', KEYS[1], 'value')"])
def test_what_nobody_of_ours_has_written_is_a_record_error(redis_url: str, script: str) -> None:
    with connect(redis_url) as client:
        client.set("name", "value")
        with pytest.raises(RecordError, match="WRONGTYPE"), redis_errors(redis_url):
            client.eval(script, 1, "name") if script else client.lpush("name", "value")
