"""The script that makes certificates and passwords."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.secure_server import DEPLOY, make_credentials, openssl


def _files(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def _names(folder: Path) -> str:
    certificate = folder / "redis/certificate.pem"
    return openssl("x509", "-noout", "-ext", "subjectAltName", "-in", certificate)


def test_nobody_else_can_read_what_it_makes_and_no_password_is_among_the_servers_files(
    tmp_path: Path,
) -> None:
    make_credentials(tmp_path / "made", "redis", "10.0.0.5", "fd00::5")
    assert "DNS:redis, IP Address:10.0.0.5, IP Address:FD00:" in _names(tmp_path / "made")
    files = _files(tmp_path / "made")
    assert all((tmp_path / "made" / name).stat().st_mode & 0o077 == 0 for name in files)
    for user, host in (("agent", "redis"), ("laptop", "[fd00::5]"), ("reader", "[fd00::5]")):
        config = files[f"{user}/config.toml"].decode()
        assert config.startswith(f'redis_url = "rediss://{user}:'), config
        assert f"@{host}:6379/0?ssl_ca_certs=ca.pem" in config
        password = config.split(":")[2].partition("@")[0].encode()
        assert len(password) == 64
        assert [name for name, text in files.items() if password in text] == [f"{user}/config.toml"]


def test_what_is_there_is_kept(tmp_path: Path) -> None:
    make_credentials(tmp_path, "redis")
    before = _files(tmp_path)
    make_credentials(tmp_path, "redis", "other.example.org")
    assert _files(tmp_path) == before


def test_what_was_removed_is_made_anew_and_settings_of_an_agent_stay(tmp_path: Path) -> None:
    make_credentials(tmp_path, "redis")
    before = _files(tmp_path)
    (tmp_path / "redis/certificate.pem").unlink()
    (tmp_path / "redis/users.acl").unlink()
    config = tmp_path / "agent/config.toml"
    config.write_text(config.read_text() + "lease_s = 30\n")
    make_credentials(tmp_path, "redis", "other.example.org")
    after = _files(tmp_path)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {
        *("redis/certificate.pem", "redis/key.pem", "redis/users.acl"),
        *("agent/config.toml", "laptop/config.toml", "reader/config.toml"),
    }
    assert "DNS:other.example.org" in _names(tmp_path)
    assert after["agent/config.toml"].decode().endswith("\nlease_s = 30\n")
    assert after["agent/config.toml"].count(b"redis_url") == 1


def test_a_new_certificate_brings_its_hosts_into_the_settings_and_no_new_passwords(
    tmp_path: Path,
) -> None:
    make_credentials(tmp_path, "redis")
    before = _files(tmp_path)
    (tmp_path / "redis/certificate.pem").unlink()
    make_credentials(tmp_path, "inner", "::1")
    after = _files(tmp_path)
    for user, host in (("agent", b"@inner:6379/"), ("laptop", b"@[::1]:6379/")):
        name = f"{user}/config.toml"
        assert after[name] == before[name].replace(b"@redis:6379/", host)
    assert after["redis/users.acl"] == before["redis/users.acl"]


@pytest.mark.parametrize("words", [(), ("folder",)])
def test_without_a_host_it_says_how_it_is_called(words: tuple[str, ...], tmp_path: Path) -> None:
    called = subprocess.run(
        ["sh", DEPLOY / "credentials.sh", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert (called.returncode, called.stdout) == (2, "")
    assert called.stderr.startswith("Usage: sh ")
    assert not list(tmp_path.iterdir())
