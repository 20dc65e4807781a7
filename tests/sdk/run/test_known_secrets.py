"""Secrets that a program has leave it in no text: neither from a laptop nor from an agent."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from elsewhere.core.events import Edited, Parameters, Text
from elsewhere.core.folders import RunFolder
from elsewhere.core.journal import journal_files, read_events
from elsewhere.core.known_secrets import KnownSecrets
from elsewhere.core.records import Parameter
from elsewhere.core.secrets import hidden_words, hide_arguments
from elsewhere.store.redis.store import RedisStore
from tests.sdk.run.test_membership import run_folder
from tests.sdk.scripts import Scripts
from tests.stores import find

REPORTS: Final = """
task = Task.init("examples", "secrets")
os.environ["LATE_TOKEN"] = "set-by-the-program"
for secret in (sys.argv[2], os.environ["HUB_TOKEN"], "set-by-the-program"):
    task.get_logger().report_text(f"with {secret}.", print_console=False)
    print("printed", secret)
task.set_comment("comment of " + sys.argv[2])
task.upload_artifact("notes", "text of " + os.environ["HUB_TOKEN"])
sys.stdout.buffer.write(os.environ["HUB_TOKEN"].encode() + b" of bytes\\n")
task.get_logger().report_text("redis://:pass@host and short " + os.environ["DB_PASSWORD"])
"""
WORDS: Final = ("--api-key", "k3y-of-mine")
VARIABLES: Final = {"HUB_TOKEN": "hub-t0ken-value", "DB_PASSWORD": "short"}


def test_a_script_on_a_laptop_hides_them(scripts: Scripts, store: RedisStore) -> None:
    ran = scripts.run(REPORTS, argv=WORDS, **VARIABLES)
    assert ran.status == 0, ran.errors
    assert ran.lines[0] == "printed k3y-of-mine", "its own terminal shows what it prints"
    (task_id,) = find(store)
    texts = [text.message for text in store.texts(task_id)]
    assert texts == ["with ***."] * 3 + ["redis://:***@host and short short"]
    assert store.read(task_id).comment == "comment of ***"
    assert store.artifacts(task_id)["notes"].preview == "text of ***"
    output = store.output(task_id).data.decode()
    assert output.count("printed ***\n") == 3
    assert "*** of bytes" in output
    for secret in (WORDS[1], VARIABLES["HUB_TOKEN"], "set-by-the-program"):
        assert secret not in output


def test_a_program_on_an_agent_hides_them(scripts: Scripts, elsewhere_home: Path) -> None:
    folder = run_folder(elsewhere_home)
    ran = scripts.run(REPORTS, argv=WORDS, ELSEWHERE_RUN_FOLDER=str(folder), **VARIABLES)
    assert ran.status == 0, ran.errors
    files = journal_files(RunFolder(folder).journal)
    events = [event for file in files for event in read_events(file, 0, 1 << 20)[0]]
    texts = [event.message for event in events if isinstance(event, Text)]
    assert texts == ["with ***."] * 3 + ["redis://:***@host and short short"]
    comments = [event.fields["comment"] for event in events if isinstance(event, Edited)]
    assert comments == ["comment of ***"]
    for file in files:
        assert "k3y-of-mine" not in file.read_text()


CONNECTS: Final = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--hub")
parser.add_argument("--size", type=int)
args = parser.parse_args()
task = Task.init("examples", "values")
mine = task.connect({"hub": os.environ["HUB_TOKEN"], "all": [os.environ["HUB_TOKEN"], "b"], "n": 1})
task.set_parameter("General/given", os.environ["HUB_TOKEN"])
task.set_parameter("General/api_key", "another")
task.set_user_properties(hub=os.environ["HUB_TOKEN"], note="a note")
print(args.hub, args.size, mine["hub"], mine["all"][0])
"""


def test_a_value_is_hidden_under_any_name(scripts: Scripts, store: RedisStore) -> None:
    secret = VARIABLES["HUB_TOKEN"]
    ran = scripts.run(CONNECTS, argv=("--hub", secret, "--size", "3"), **VARIABLES)
    assert ran.status == 0, ran.errors
    assert ran.lines == [f"{secret} 3 {secret} {secret}"]
    assert "The value of General/given is a secret and is not recorded" in ran.errors
    assert "Give it by the variable API_KEY, which the agent must have" in ran.errors
    (task_id,) = find(store)
    record = store.read(task_id)
    values = {name: one.value for name, one in record.parameters.items()}
    hidden = ("Args/hub", "General/hub", "General/given", "General/api_key")
    others = {"Args/size": 3, "General/all": ["***", "b"], "General/n": 1}
    assert values == dict.fromkeys(hidden, "***") | others
    properties = {name: one.value for name, one in record.properties.items()}
    assert properties == {"hub": "***", "note": "a note"}
    assert record.source.argv == ("--hub", "***", "--size", "3")


def test_a_hidden_value_gives_the_program_its_own(
    scripts: Scripts, store: RedisStore, elsewhere_home: Path
) -> None:
    secret = VARIABLES["HUB_TOKEN"]
    words = ("--hub", secret, "--size", "3")
    assert scripts.run(CONNECTS, argv=words, **VARIABLES).status == 0
    (task_id,) = find(store)
    recorded = store.read(task_id).parameters.items()
    values = {name.replace("/", "__"): one.value for name, one in recorded}
    folder = run_folder(elsewhere_home, **values)
    ran = scripts.run(CONNECTS, argv=words, ELSEWHERE_RUN_FOLDER=str(folder), **VARIABLES)
    assert ran.lines == [f"{secret} 3 {secret} {secret}"], ran.errors


PARSES: Final = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("-k", "--api-key")
parser.add_argument("-u", "--user")
parser.add_argument("--token", default="default")
parser.add_argument("password")
{before}
given = parser.parse_args()
{after}
task.get_logger().report_text(given.password, print_console=False)
print("printed", given.api_key, given.user, "default")
"""
INIT: Final = 'task = Task.init("examples", "parsed")'
WAITS: Final = INIT + "; task.execute_remotely(None, clone=True, exit_process=False)"


@pytest.mark.parametrize(("before", "after"), [(INIT, ""), (WAITS, ""), ("", INIT)])
@pytest.mark.parametrize("key", [("-k", "sk-of-mine"), ("-ksk-of-mine",)])
def test_a_secret_is_hidden_that_only_a_parser_knows_for_one(
    scripts: Scripts, store: RedisStore, before: str, after: str, key: tuple[str, ...]
) -> None:
    words = (*key, "-u", "ada", "pa55word")
    ran = scripts.run(PARSES.format(before=before, after=after), argv=words)
    assert ran.status == 0, ran.errors
    (task_id,) = find(store, exact_name="parsed")
    record = store.read(task_id)
    assert record.source.argv == (*key[:-1], "***", "-u", "ada", "***")
    assert {name: one.value for name, one in record.parameters.items()} == {
        "Args/api_key": "***",
        "Args/user": "ada",
        "Args/token": "***",
        "Args/password": "***",
    }
    assert [text.message for text in store.texts(task_id)] == ["***"]
    assert "printed *** ada default" in store.output(task_id).data.decode()


CONFIGURES: Final = """
task = Task.init("examples", "configured")
plain = task.connect_configuration({"lr": 1, "max_tokens": 3, "url": "http://host/a"}, "plain")
plain["lr"] = 2
named = task.connect_configuration({"hub": {"api_key": "mine"}}, "named")
named["lr"] = 3
task.connect_configuration({"hub": ["Bearer " + os.environ["HUB_TOKEN"]]}, "valued")
os.environ["ODD_TOKEN"] = 'quo"te\\nline'
task.connect_configuration({"odd": os.environ["ODD_TOKEN"]}, "odd")
Path("file.yaml").write_text("hub: " + os.environ["HUB_TOKEN"])
task.connect_configuration("file.yaml", "file")
task.set_configuration_object("set", "redis://:pass@host")
"""


def test_a_configuration_is_kept_as_it_is_and_its_secrets_are_named(
    scripts: Scripts, store: RedisStore
) -> None:
    ran = scripts.run("from pathlib import Path\n" + CONFIGURES, **VARIABLES)
    assert ran.status == 0, ran.errors
    warned = [line for line in ran.errors.splitlines() if "has a secret" in line]
    assert [line.split("'")[1] for line in warned] == ["named", "valued", "odd", "file", "set"]
    (task_id,) = find(store)
    kept = store.read(task_id).configurations
    assert kept["file"].text == f"hub: {VARIABLES['HUB_TOKEN']}"


def test_a_word_is_hidden_behind_an_option_of_any_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_TOKEN", "hub-t0ken-value")
    monkeypatch.setenv("DB_PASSWORD", "123456")
    argv = ["--hub=hub-t0ken-value", "--also=hub", "hub-t0ken-value", "hub-t0ken-values"]
    assert hide_arguments(argv) == ("--hub=***", "--also=hub", "***", "hub-t0ken-values")
    assert hide_arguments(["--seed", "123456"]) == ("--seed", "123456")
    assert hide_arguments(["--set=a.b=hub-t0ken-value"]) == ("--set=a.b=***",)


@pytest.mark.parametrize(
    "words",
    [
        *("--max_token 2048", "--keep-token=0.5", "--use_token true", "--auth none", "--pw 1e-3"),
        *("--extra-pass 2", "-pat 5", "--hf-token=None", "--shared-keys No"),
    ],
)
def test_numbers_and_flags_are_no_secrets(words: str) -> None:
    assert " ".join(hide_arguments(words.split())) == words


@pytest.mark.parametrize(
    "words",
    [
        *("--password 123456", "--db-pwd=1", "-token abc", "--max_token 2k", "--auth nobody"),
        *("--api-keys abc def", "--set=model.api_key=abc", "--api-key=abc==", "a.password=b=c"),
    ],
)
def test_other_values_under_the_names_of_secrets_are(words: str) -> None:
    hidden = hide_arguments(words.split())
    assert hidden[-1].endswith("***")
    assert hidden_words(hidden), "the agent gives it from a variable, or says that it is missing"
    assert not re.search(r"abc|def|123456|nobody|=b|=c|2k", " ".join(hidden))


def test_what_stands_behind_a_secret_is_shown() -> None:
    words = ("--api-key", "***", "train.csv", "--max_tokens", "100", "a.csv", "--x=a=b", "c")
    assert hide_arguments([*words[:1], "abc", *words[2:]]) == words


def test_a_variable_that_changes_is_known() -> None:
    variables = {"HUB_TOKEN": "the-first", "HOME": "/home/ada"}
    known = KnownSecrets([], variables)
    assert known.hide("the-first the-second") == "*** the-second"
    variables["HUB_TOKEN"] = "the-second"
    assert known.hide("the-first the-second") == "the-first ***"


def test_a_value_is_hidden_within_a_parameter() -> None:
    known = KnownSecrets([], {"A_TOKEN": "abcdef"})
    plain = {"a": ["abcdef", {"b": "abcdef"}], "n": 1, "c": "abcdefg"}
    hidden = {"a": ["***", {"b": "***"}], "n": 1, "c": "abcdefg"}
    assert known.hide_values(plain) == hidden
    values: dict[str, Parameter] = {
        "General/x": Parameter(value="abcdef", type="Path"),
        "General/y": Parameter(value=1, description="not abcdef"),
    }
    expected: dict[str, Parameter] = {
        "General/x": Parameter(value="***", type="str"),
        "General/y": Parameter(value=1, description="not ***"),
    }
    assert Parameters(values=values).hidden(known) == Parameters(values=expected)


def test_the_comment_of_another_task_hides_them(scripts: Scripts, store: RedisStore) -> None:
    ran = scripts.run(
        """
        task = Task.create("examples", "draft")
        task.set_comment("with " + os.environ["HUB_TOKEN"])
        """,
        **VARIABLES,
    )
    assert ran.status == 0, ran.errors
    (task_id,) = find(store)
    assert store.read(task_id).comment == "with ***"


def test_the_longer_of_two_secrets_is_hidden_whole() -> None:
    known = KnownSecrets([], {"A_TOKEN": "abcdef", "B_TOKEN": "abcdefgh"})
    assert known.hide("abcdefgh abcdef abc") == "*** *** abc"
    assert known.redact(b"abcdefgh abcdef") == b"*** ***"
    assert KnownSecrets([], {}).hide("abc") == "abc"
