"""TLS on the way to Redis, with a server of deploy/: whom it is spoken with, and its errors."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from elsewhere.core.errors import ConfigurationError, StoreUnavailableError
from elsewhere.core.settings import load
from elsewhere.store import open_store, store_url
from elsewhere.store.redis.connection import connect
from tests.secure_server import SecureServer, openssl, secure_server
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def server() -> Iterator[SecureServer]:
    with secure_server() as server:
        yield server


def _refusal(url: str) -> str:
    with pytest.raises(StoreUnavailableError) as refused:
        connect(url)
    sentence = str(refused.value)
    assert "\n" not in sentence
    return sentence


def _is_refused(url: str, expected: str) -> bool:
    return expected in _refusal(url)


def _wrong(url: str) -> str:
    with pytest.raises(ConfigurationError) as refused:
        connect(url)
    sentence = str(refused.value)
    assert "\n" not in sentence
    return sentence


def test_files_are_found_beside_the_settings_that_name_them(
    server: SecureServer, tmp_path: Path
) -> None:
    """ELSEWHERE_CONFIG names the settings, wherever the home is."""
    config = server.home("laptop") / "config.toml"
    environ = {"ELSEWHERE_HOME": str(tmp_path), "ELSEWHERE_CONFIG": str(config)}
    settings = load(environ)
    assert store_url(settings).endswith(f"?ssl_ca_certs={server.home('laptop')}/ca.pem")
    with closing(open_store(settings)) as store:
        assert store.now() > 0


@pytest.mark.parametrize("path", ["~/ca of ours.pem", "{home}/ca of ours.pem"])
def test_files_are_found_by_full_paths_and_in_the_users_home(
    server: SecureServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    shutil.copy(server.credentials / "ca.pem", tmp_path / "ca of ours.pem")
    url = server.url.partition("?")[0]
    place = path.format(home=tmp_path).replace(" ", "%20")
    found = store_url(load({"ELSEWHERE_REDIS_URL": f"{url}?db=1&ssl_ca_certs={place}"}))
    assert found == f"{url}?db=1&ssl_ca_certs={tmp_path}/ca%20of%20ours.pem"
    with connect(found) as client:
        assert client.ping()


def test_an_unknown_authority_is_refused(server: SecureServer) -> None:
    url = server.url.partition("?")[0]
    sentence = _refusal(url)
    assert (
        "its certificate is not trusted (self-signed certificate in certificate chain)" in sentence
    )
    assert "Let ssl_ca_certs in redis_url, ?ssl_ca_certs=FILE, name the certificate" in sentence


def test_a_certificate_of_another_host_is_refused(server: SecureServer) -> None:
    sentence = _refusal(server.url.replace("127.0.0.1", "127.0.0.2"))
    assert "its certificate is not trusted (IP address mismatch, " in sentence
    assert sentence.endswith(" Set redis_url to a host that the certificate names.")


def _sign(server: SecureServer, key: Path, certificate: Path, *, days: int) -> None:
    """A certificate of the server's authority."""
    ours, request = server.credentials, certificate.with_suffix(".request")
    names = ("-addext", "subjectAltName=IP:127.0.0.1")
    openssl("req", "-new", "-subj", "/CN=Redis", *names, "-key", key, "-out", request)
    authority = ("-copy_extensions", "copy", "-CA", ours / "ca.pem", "-CAkey", ours / "ca-key.pem")
    openssl("x509", "-req", "-in", request, *authority, "-days", str(days), "-out", certificate)


def test_a_certificate_that_has_expired_is_refused(short_path: Path) -> None:
    server = SecureServer(short_path)
    files = server.credentials / "redis"
    url = server.url
    server.url += "&ssl_cert_reqs=none"
    _sign(server, files / "key.pem", files / "certificate.pem", days=-1)
    with server:
        sentence = _refusal(url)
        with connect(server.url) as client:
            assert client.ping()
    assert "its certificate is not trusted (certificate has expired). Renew it." in sentence


def test_a_server_that_asks_for_a_certificate_is_shown_one(short_path: Path) -> None:
    server = SecureServer(short_path, "--tls-auth-clients", "yes")
    key, certificate = (server.credentials / f"redis/{name}.pem" for name in ("key", "client"))
    _sign(server, key, certificate, days=1)
    bare, url = server.url, f"{server.url}&ssl_certfile={certificate}&ssl_keyfile={key}"
    server.url = url
    stranger = short_path / "stranger.pem"
    openssl("req", "-x509", "-new", "-subj", "/CN=Me", "-key", key, "-out", stranger)
    expected = "or add ssl_certfile=FILE and ssl_keyfile=FILE of an authority that it trusts, if it"
    with server:
        for wrong in (bare, url.replace(str(certificate), str(stranger))):
            # Where the server's end comes before its alert, it looks like any lost connection.
            wait_until(partial(_is_refused, wrong, expected))


def test_a_plain_connection_is_told_to_speak_tls(server: SecureServer) -> None:
    sentence = _refusal(server.url.partition("?")[0].replace("rediss:", "redis:"))
    assert "use rediss:// if the port speaks TLS" in sentence


def test_a_file_that_is_not_there_is_named(server: SecureServer, tmp_path: Path) -> None:
    url = server.url.replace(str(server.credentials / "ca.pem"), f"{tmp_path}/no.pem")
    sentence = _wrong(url)
    assert f"{tmp_path}/no.pem cannot be read: No such file or directory." in sentence


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"ssl_ca_certs": "key"}, "key.pem holds no certificate (PEM)"),
        ({"ssl_certfile": "certificate"}, "certificate.pem are not a certificate and its key"),
        ({"ssl_certfile": "certificate", "ssl_keyfile": "ca"}, "are not a certificate and its key"),
        ({"ssl_keyfile": "key"}, "there is no ssl_certfile beside it"),
    ],
)
def test_files_that_hold_something_else_are_named(
    server: SecureServer, files: dict[str, str], expected: str
) -> None:
    folder = server.credentials / "redis"
    options = "&".join(f"{name}={folder}/{file}.pem" for name, file in files.items())
    sentence = _wrong(f"{server.url.partition('?')[0]}?{options}")
    assert expected in sentence, sentence
    assert sentence.endswith("a relative path begins at the folder of config.toml.")
    assert ":tests@" not in sentence
