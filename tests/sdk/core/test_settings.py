"""Settings: what wins, where each value is from, and how wrong ones are refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from elsewhere.core.errors import ConfigurationError
from elsewhere.core.settings import load


def _write(home: Path, text: str) -> Path:
    config = home / "config.toml"
    config.write_text(text)
    return config


def _refusal(home: Path, **environ: str) -> str:
    with pytest.raises(ConfigurationError) as refused:
        load({"ELSEWHERE_HOME": str(home), **environ})
    return str(refused.value)


def test_nothing_configured_gives_the_defaults_in_the_users_home() -> None:
    settings = load({})
    assert settings.home.path == Path("~/.elsewhere").expanduser()
    assert settings.redis_url == ""
    assert settings.capture_limit_bytes == 64 * 1024 * 1024
    assert (settings.lease_s, settings.lost_after_s, settings.stop_grace_s) == (45.0, 900.0, 10.0)
    assert settings.local_remotes_are_shared is False
    assert set(settings.origins.values()) == {"default"}


def test_the_file_may_lie_in_another_place(tmp_path: Path) -> None:
    _write(tmp_path, "lease_s = 3\n")
    other = tmp_path / "other.toml"
    other.write_text("lost_after_s = 30\n")
    settings = load({"ELSEWHERE_HOME": str(tmp_path), "ELSEWHERE_CONFIG": str(other)})
    assert (settings.config, settings.home.path) == (other, tmp_path)
    assert (settings.lease_s, settings.lost_after_s) == (45.0, 30.0)
    assert settings.origins["lost_after_s"] == str(other)


def test_a_file_in_another_place_must_be_there(tmp_path: Path) -> None:
    refusal = _refusal(tmp_path, ELSEWHERE_CONFIG=f"{tmp_path}/none.toml")
    assert refusal == (
        f"The settings in {tmp_path}/none.toml cannot be read: No such file or directory. Set"
        " ELSEWHERE_CONFIG to the full path of a file, or unset it."
    )


def test_the_environment_wins_over_the_file_and_the_file_over_the_default(tmp_path: Path) -> None:
    config = _write(
        tmp_path, 'redis_url = "redis://file"\nlease_s = 3\nlocal_remotes_are_shared = true\n'
    )
    settings = load({"ELSEWHERE_HOME": str(tmp_path), "ELSEWHERE_REDIS_URL": "redis://variable"})
    assert settings.redis_url == "redis://variable"
    assert (settings.lease_s, type(settings.lease_s)) == (3.0, float)
    assert settings.local_remotes_are_shared is True
    assert settings.origins == {
        "home": "ELSEWHERE_HOME",
        "redis_url": "ELSEWHERE_REDIS_URL",
        "output_uri": "default",
        "capture_limit_bytes": "default",
        "packages": "default",
        "lease_s": str(config),
        "lost_after_s": "default",
        "stop_grace_s": "default",
        "reuse_within_h": "default",
        "local_remotes_are_shared": str(config),
        "log_environment": "default",
        "image_quality": "default",
        "offline_mode": "default",
    }


def test_each_kind_of_value_is_read_from_the_environment(tmp_path: Path) -> None:
    settings = load(
        {
            "ELSEWHERE_HOME": str(tmp_path),
            "ELSEWHERE_CAPTURE_LIMIT_BYTES": "1000",
            "ELSEWHERE_LEASE_S": "0.5",
            "ELSEWHERE_LOCAL_REMOTES_ARE_SHARED": "Yes",
            "ELSEWHERE_LOG_ENVIRONMENT": "AWS_*, HOME",
        }
    )
    assert (settings.capture_limit_bytes, settings.lease_s) == (1000, 0.5)
    assert settings.log_environment == "AWS_*, HOME"
    assert settings.local_remotes_are_shared is True


def test_an_empty_variable_counts_as_not_set(tmp_path: Path) -> None:
    config = _write(tmp_path, 'redis_url = "redis://file"')
    settings = load({"ELSEWHERE_HOME": str(tmp_path), "ELSEWHERE_REDIS_URL": ""})
    assert settings.redis_url == "redis://file"
    assert settings.origins["redis_url"] == str(config)


def test_a_relative_home_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load({"ELSEWHERE_HOME": "here"}).home.path == tmp_path / "here"


def test_the_agents_table_is_left_to_the_agent(tmp_path: Path) -> None:
    _write(tmp_path, "lease_s = 3\n[agent]\nanything = 1\n")
    assert load({"ELSEWHERE_HOME": str(tmp_path)}).lease_s == 3


def test_an_unknown_key_is_answered_with_the_closest_one(tmp_path: Path) -> None:
    config = _write(tmp_path, 'redis_ulr = "redis://there"')
    refusal = _refusal(tmp_path)
    assert str(config) in refusal
    assert "unknown key 'redis_ulr'. Did you mean 'redis_url'? Known: agent, capture" in refusal


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("redis_url = 6379", "redis_url in {} is 6379, but must be a text"),
        ("lease_s = 'long'", "lease_s in {} is 'long', but must be a number above 0"),
        ("lease_s = true", "lease_s in {} is True, but must be a number above 0"),
        ("lease_s = 0", "lease_s in {} is 0, but must be a number above 0"),
        ("lost_after_s = inf", "lost_after_s in {} is inf, but must be a number above 0"),
        ("stop_grace_s = nan", "stop_grace_s in {} is nan, but must be a number above 0"),
        ("capture_limit_bytes = 1.5", "in {} is 1.5, but must be a whole number above 0"),
        (
            "local_remotes_are_shared = 1",
            "local_remotes_are_shared in {} is 1, but must be true or false",
        ),
        ("local_remotes_are_shared =", "The settings in {} are not valid TOML"),
    ],
)
def test_a_wrong_line_of_the_file_is_refused(tmp_path: Path, line: str, expected: str) -> None:
    config = _write(tmp_path, line)
    assert expected.format(config) in _refusal(tmp_path)


@pytest.mark.parametrize(
    ("variable", "text", "expected"),
    [
        ("ELSEWHERE_LEASE_S", "soon", "is 'soon', but must be a number above 0"),
        ("ELSEWHERE_LEASE_S", "-1", "is '-1', but must be a number above 0"),
        ("ELSEWHERE_CAPTURE_LIMIT_BYTES", "64MB", "is '64MB', but must be a whole number above 0"),
        ("ELSEWHERE_LOCAL_REMOTES_ARE_SHARED", "maybe", "is 'maybe', but must be true or false"),
    ],
)
def test_a_wrong_variable_is_refused(
    tmp_path: Path, variable: str, text: str, expected: str
) -> None:
    assert f"{variable} {expected}" in _refusal(tmp_path, **{variable: text})


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_bytes(b'redis_url = "\xff"')
    assert "not valid TOML" in _refusal(tmp_path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.toml").mkdir()
    assert f"The settings in {tmp_path / 'config.toml'} cannot be read" in _refusal(tmp_path)


def test_loading_imports_no_toml_reader_without_a_file_and_never_redis(tmp_path: Path) -> None:
    program = (
        "import sys; from elsewhere.core.settings import load; load();"
        "print(sorted({'tomllib', 'tomli', 'redis', 'rq'} & sys.modules.keys()))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert printed.stdout == "[]\n"


def test_a_password_is_not_in_the_settings_repr(tmp_path: Path) -> None:
    settings = load(
        {"ELSEWHERE_HOME": str(tmp_path), "ELSEWHERE_REDIS_URL": "redis://:geheim@there"}
    )
    assert "geheim" not in repr(settings)
