"""Settings of the agent: what wins, where each value is from, and how wrong ones are refused."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest
import tomllib

from elsewhere.core.errors import ConfigurationError, UsageError
from elsewhere.core.settings import Settings, load
from elsewhere_agent.configuration import AgentSettings, load_agent, shown, worker_settings
from elsewhere_agent.data_table import load_data
from elsewhere_agent.init import TEMPLATE
from elsewhere_sandbox.caches import KINDS
from elsewhere_sandbox.hooks import HOOKS

ROOT = Path(__file__).parents[2]


def _settings(home: Path, text: str = "", **environ: str) -> Settings:
    if text:
        (home / "config.toml").write_text(text)
    return load({"ELSEWHERE_HOME": str(home), **environ})


def _agent(
    home: Path, text: str = "", options: dict[str, object] | None = None, **environ: str
) -> AgentSettings:
    return load_agent(_settings(home, text), options=options, environ=environ)


def test_nothing_configured_gives_the_defaults(tmp_path: Path) -> None:
    agent = _agent(tmp_path)
    assert agent.name == socket.gethostname()
    assert (agent.queues, agent.slots, agent.keep_runs_s) == (("default",), 1, 86400.0)
    assert (agent.pass_environment, agent.git_credentials) == ((), {})
    assert (agent.allow_local_remotes, agent.store_access) == (False, "full")
    assert set(agent.origins.values()) == {"default"}
    assert set(agent.origins) == set(AgentSettings.model_fields) - {"origins"}


def test_an_option_wins_over_a_variable_over_the_file_over_the_default(tmp_path: Path) -> None:
    agent = _agent(
        tmp_path,
        '[agent]\nname = "file"\nqueues = ["file"]\nslots = 2\nkeep_runs_s = 5\n',
        {"queues": ["option", "second", "option"], "slots": None},
        ELSEWHERE_AGENT_QUEUES="variable",
        ELSEWHERE_AGENT_SLOTS="3",
        ELSEWHERE_AGENT_NAME="",
    )
    assert (agent.name, agent.queues, agent.slots) == ("file", ("option", "second"), 3)
    assert (agent.keep_runs_s, type(agent.keep_runs_s)) == (5.0, float)
    config = str(tmp_path / "config.toml")
    assert agent.origins["name"] == config
    assert agent.origins["queues"] == "--queue"
    assert agent.origins["slots"] == "ELSEWHERE_AGENT_SLOTS"
    assert agent.origins["keep_runs_s"] == config
    assert agent.origins["store_access"] == "default"


def test_each_kind_of_value_is_read_from_the_environment(tmp_path: Path) -> None:
    agent = _agent(
        tmp_path,
        ELSEWHERE_AGENT_QUEUES=" a, b ,",
        ELSEWHERE_AGENT_ALLOW_LOCAL_REMOTES="yes",
        ELSEWHERE_AGENT_STORE_ACCESS="read",
        ELSEWHERE_AGENT_KEEP_RUNS_S="0.5",
        ELSEWHERE_AGENT_PRE_PACKAGES="numpy[a,b]>=1, <2,setuptools<70",
        ELSEWHERE_AGENT_HOOKS='{"before_run": "/bin/true"}',
        ELSEWHERE_AGENT_GIT_CREDENTIALS='{"git.example.org": {"user": "ci", "token": "t"}}',
    )
    assert agent.queues == ("a", "b")
    assert agent.pre_packages == ("numpy[a,b]>=1, <2", "setuptools<70")
    assert agent.allow_local_remotes is True
    assert agent.store_access == "read"
    assert agent.keep_runs_s == 0.5
    assert agent.git_credentials["git.example.org"].user == "ci"
    assert worker_settings(_settings(tmp_path), agent, "").policy.hooks == {
        "before_run": "/bin/true"
    }


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('slots = "2"', "agent.slots in {config} is '2', but must be a whole number above 0"),
        ('hooks = {before_lunch = "/x"}', "but must be paths of executables, by name: before_"),
        ('hooks = {before_run = "x"}', "agent.hooks in {config} is 'x', but must be paths of exec"),
        ("slots = 0", "agent.slots in {config} is 0, but must be a whole number above 0"),
        ("slots = true", "agent.slots in {config} is True, but must be a whole number above 0"),
        ('store_access = "yes"', "agent.store_access in {config} is 'yes', but must be none, read"),
        ("lend_store = false", "holds the unknown key 'lend_store'"),
        ("queues = []", "agent.queues in {config} is [], but must be a list of at least one name"),
        ('queues = "a"', "agent.queues in {config} is 'a', but must be a list"),
        ('name = "../x"', "agent.name in {config} is '../x', but must be up to 100 letters"),
        ("keep_runs_s = inf", "agent.keep_runs_s in {config} is inf, but must be a number"),
        ('pre_packages = ["a<<1"]', "agent.pre_packages in {config} is 'a<<1', but must be a list"),
        ('post_packages = ["-e ."]', "is '-e .', but must be a list of requirements, such as"),
        (
            'pre_packages = ["https://u:secret@example.org/x"]',
            "is 'https://u:***@example.org/x', b",
        ),
        ('log_level = "loud"', "agent.log_level in {config} is 'loud', but must be debug, info"),
        ("slot = 2", "[agent] in {config} holds the unknown key 'slot'. Did you mean 'slots'?"),
        ("origins = {}", "holds the unknown key 'origins'"),
    ],
)
def test_a_wrong_value_in_the_file_is_named(tmp_path: Path, line: str, expected: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        _agent(tmp_path, f"[agent]\n{line}\n")
    assert expected.format(config=tmp_path / "config.toml") in str(refused.value)


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_budget_of_any_cache_is_named(tmp_path: Path, kind: str) -> None:
    with pytest.raises(ConfigurationError, match=f"agent.{kind}_bytes in .* is -1, but must be"):
        _agent(tmp_path, f"[agent]\n{kind}_bytes = -1\n")


def test_packages_for_every_task_reach_the_runs(tmp_path: Path) -> None:
    agent = _agent(
        tmp_path,
        '[agent]\npost_packages = ["numpy>=1,<2", "x @ https://example.org/x.tar.gz"]\n',
        ELSEWHERE_AGENT_PRE_PACKAGES="setuptools<70, cython",
    )
    packages = worker_settings(_settings(tmp_path), agent, "").policy.packages
    assert packages.pre_packages == ("setuptools<70", "cython")
    assert packages.post_packages == ("numpy>=1,<2", "x @ https://example.org/x.tar.gz")


@pytest.mark.parametrize("name", ["installer_options", "pre_packages", "post_packages"])
def test_a_password_that_others_could_read_is_refused_and_not_shown(
    tmp_path: Path, name: str
) -> None:
    agent = _agent(tmp_path, f'[agent]\n{name} = ["x @ https://ada:secret@example.org/x.zip"]\n')
    settings = _settings(tmp_path)
    with pytest.raises(ConfigurationError, match=f"agent.{name} holds a password"):
        worker_settings(settings, agent, "")
    assert "secret" not in str(shown(settings, agent))


def test_a_wrong_variable_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="slots in ELSEWHERE_AGENT_SLOTS is 'many', but"):
        _agent(tmp_path, ELSEWHERE_AGENT_SLOTS="many")
    with pytest.raises(ConfigurationError, match="Did you mean 'ELSEWHERE_AGENT_SLOTS'"):
        _agent(tmp_path, ELSEWHERE_AGENT_SLOT="2")


def test_a_wrong_option_is_a_mistake_of_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="The option --slots is 0, but must be a whole number"):
        _agent(tmp_path, options={"slots": 0})


def test_an_agent_that_is_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="must be a table"):
        _agent(tmp_path, "agent = 3\n")


@pytest.mark.parametrize(
    "credential",
    [
        '{"user": "ci"}',
        '{"user": "ci", "token": "tok-1", "token_file": "/x"}',
        '{"token": "tok-1"}',
    ],
)
def test_a_credential_has_a_user_and_one_token_and_is_never_repeated(
    tmp_path: Path, credential: str
) -> None:
    with pytest.raises(ConfigurationError, match=r"git_credentials\.git\.example\.org") as refused:
        _agent(tmp_path, ELSEWHERE_AGENT_GIT_CREDENTIALS=f'{{"git.example.org": {credential}}}')
    assert "tok-1" not in str(refused.value)
    assert "Write for each host a user with a token or a token_file" in str(refused.value)


def test_credentials_that_are_no_json_are_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is not valid JSON") as refused:
        _agent(tmp_path, ELSEWHERE_AGENT_GIT_CREDENTIALS="tok-1")
    assert "tok-1" not in str(refused.value)


def test_ssh_keys_reach_the_worker_if_ssh_would_use_them(tmp_path: Path) -> None:
    key = tmp_path / "key"
    credential = f'{{"Git.example.org": {{"ssh_key": "{key}"}}}}'
    settings = _settings(tmp_path, "")
    agent = _agent(tmp_path, ELSEWHERE_AGENT_GIT_CREDENTIALS=credential)
    with pytest.raises(ConfigurationError, match="cannot be read from"):
        worker_settings(settings, agent, "redis://x")
    key.touch(mode=0o640)
    with pytest.raises(ConfigurationError, match=f"Call chmod 600 {key}"):
        worker_settings(settings, agent, "redis://x")
    key.chmod(0o600)
    policy = worker_settings(settings, agent, "redis://x").policy
    assert (policy.git_ssh_keys, policy.git_credentials) == ({"git.example.org": str(key)}, {})


def test_tokens_reach_the_worker_from_the_settings_and_from_files(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("tok-2\n")
    text = (
        '[agent.git_credentials."a.example.org"]\nuser = "a"\ntoken = "tok-1"\n'
        f'[agent.git_credentials."b.example.org"]\nuser = "b"\ntoken_file = "{tmp_path}/token"\n'
    )
    settings = _settings(tmp_path, text)
    agent = load_agent(settings, environ={})
    worker = worker_settings(settings, agent, "redis://x")
    assert worker.policy.git_credentials == {
        "a.example.org": ("a", "tok-1"),
        "b.example.org": ("b", "tok-2"),
    }
    assert "tok-1" not in repr(agent)
    (tmp_path / "token").unlink()
    with pytest.raises(ConfigurationError, match=r"The token for b\.example\.org cannot be read"):
        worker_settings(settings, agent, "redis://x")


def test_artifacts_go_where_the_agent_says_else_the_user_else_the_home(tmp_path: Path) -> None:
    def place(**environ: str) -> str:
        settings = _settings(tmp_path, **environ)
        return worker_settings(
            settings, load_agent(settings, environ=environ), ""
        ).policy.output_uri

    assert place() == f"file://{tmp_path}/storage"
    assert place(ELSEWHERE_OUTPUT_URI="s3://user") == "s3://user"
    both = {"ELSEWHERE_OUTPUT_URI": "s3://user", "ELSEWHERE_AGENT_OUTPUT_URI": "s3://agent"}
    assert place(**both) == "s3://agent"


def test_what_is_shown_has_every_setting_and_no_secret(tmp_path: Path) -> None:
    settings = _settings(
        tmp_path,
        ELSEWHERE_REDIS_URL="redis://u:hidden-1@h",
        ELSEWHERE_OUTPUT_URI="https://h/a?sig=hidden-3",
    )
    agent = _agent(
        tmp_path,
        ELSEWHERE_AGENT_OUTPUT_URI="https://h/a?token=hidden-4",
        ELSEWHERE_AGENT_GIT_CREDENTIALS='{"git.example.org": {"user": "ci", "token": "hidden-2"}}',
    )
    found = shown(settings, agent)
    assert "hidden" not in repr(found)
    assert found["redis_url"] == ("redis://u:***@h", "ELSEWHERE_REDIS_URL")
    assert found["output_uri"][0] == "https://h/a?sig=***"
    assert found["agent.output_uri"][0] == "https://h/a?token=***"
    assert found["agent.slots"] == (1, "default")
    assert set(found) >= {"home", "lease_s", "agent.git_credentials", "agent.name"}


def test_the_example_names_every_setting_with_its_default(tmp_path: Path) -> None:
    plain = tomllib.loads(re.sub(r"(?m)^# (?=\w+ = |\[)", "", TEMPLATE))
    credentials = plain["agent"].pop("git_credentials")
    assert list(plain["agent"].pop("hooks")) == list(HOOKS)
    table = plain.pop("agent")
    assert list(plain.pop("secrets")) == ["HF_TOKEN"]
    assert list(plain.pop("data")) == ["corpus"]
    assert list(credentials) == ["git.example.org"]
    assert table.pop("name")
    defaults = AgentSettings().model_dump(
        mode="json", exclude={"origins", "name", "git_credentials", "hooks"}
    )
    assert table == defaults
    settings = load({"ELSEWHERE_HOME": str(tmp_path)})
    assert plain == {name: getattr(settings, name) for name in settings.origins if name != "home"}


@pytest.mark.parametrize(
    "table", ['data = "/mnt"', "[data]\ncorpus = 3", '[data]\ncorpus = "mnt/corpus"']
)
def test_data_has_absolute_paths(tmp_path: Path, table: str) -> None:
    (tmp_path / "config.toml").write_text(table)
    with pytest.raises(ConfigurationError, match=r"The setting data(\.corpus)? in .* must be"):
        load_data(tmp_path / "config.toml")


def test_the_example_in_deploy_is_what_init_writes() -> None:
    assert (ROOT / "deploy" / "config.example.toml").read_text() == TEMPLATE
