"""A name is a secret's or not, wherever it stands, and so what stands under it is shown or not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from omegaconf import OmegaConf

from elsewhere.core.errors import StorageError
from elsewhere.core.params import to_parameter
from elsewhere.core.records import Environment, Parameter
from elsewhere.core.secret_parameters import shown
from elsewhere.core.secrets import hide, hide_arguments, hide_passwords
from elsewhere.hooks.parsers.hydra.composed import to_configuration
from elsewhere.hooks.parsers.values import shown as parsed
from elsewhere.storage import refuse_credentials
from elsewhere_sandbox.prepare import secrets_of
from elsewhere_sandbox.redact import Redactor
from elsewhere_sandbox.spec import RunSpec
from tests.stores import make_record

SECRETS = (
    *("DB_PWD", "MYSQL_PWD", "PGPASSWORD", "DB_PASS", "smtpPass", "SSHPASS", "passwd", "password"),
    *("db.password", "password2", "PASSWORD_PROD", "PASSWORD_DB", "passphrase", "secret"),
    *("API_KEY", "apiKey", "apikey", "api_keys", "OPENAI_API_KEY_2", "WANDB_API_KEY", "KAGGLE_KEY"),
    *("AWS_SECRET_ACCESS_KEY", "PRIVATE_KEY", "SECRET_KEY_BASE", "AccountKey", "SSH_KEY"),
    *("HF_TOKEN", "GITHUB_TOKEN", "token", "accessToken", "auth_tokens", "NGROK_AUTHTOKEN"),
    *("GITHUB_PAT", "pat", "credentials", "GOOGLE_APPLICATION_CREDENTIALS_JSON", "client_secret"),
    *("AUTH", "REDISCLI_AUTH", "Authorization", "DOCKER_AUTH_CONFIG", "SLACK_WEBHOOK_URL"),
    "AZURE_STORAGE_CONNECTION_STRING",
)
OTHERS = (
    *(
        "pattern",
        "file_pat",
        "TOKENIZER_NAME",
        "TOKENIZERS_PARALLELISM",
        "tokenizer",
        "MAX_TOKENS",
        "num_tokens",
    ),
    *("token_embedding_size", "token_type", "special_tokens", "pad_token", "eos_token", "tokens"),
    *("placeholder_token", "word_delimiter_token", "mask_token", "PASSES", "pass_rate", "num_pass"),
    *("low_pass", "forward_pass", "bypass", "keyboard", "monkey", "keys", "sort_key", "batch_key"),
    *("model_key", "AWS_ACCESS_KEY_ID", "author", "authors", "auth_type", "auth_url", "no_auth"),
    *("secretary", "secret_santa", "password_file", "skip_password", "SEED", "PATH", "lr", "42"),
)
TEXT = "a-value-of-some-length"


def in_parameter(name: str) -> object:
    return shown(f"Args/{name}", to_parameter(TEXT)).value


def in_parsed_parameter(name: str) -> object:
    return parsed(name, TEXT).value


def in_nested_parameter(name: str) -> object:
    return shown("Args/x", Parameter(value={name: [TEXT]}, type="dict")).value


def in_composed_config(name: str) -> object:
    return to_configuration(OmegaConf.create({name: TEXT})).text


def in_setting(name: str) -> object:
    return hide(name, TEXT)


def in_argument(name: str) -> object:
    return hide_arguments((f"--{name}={TEXT}",))


def in_next_argument(name: str) -> object:
    return hide_arguments((f"--{name}", TEXT))


def in_url(name: str) -> object:
    return hide_passwords(f"https://host/data?id=5&{name}={TEXT}")


def in_recorded_url(name: str) -> object:
    url = f"https://host/data?id=5&{name}={TEXT}"
    try:
        refuse_credentials(url, is_kept=True)
    except StorageError as error:
        return error
    return url


def in_output(name: str) -> object:
    record = make_record(environment=Environment(variables={name: TEXT}))
    redactor = Redactor(secrets_of(RunSpec(record=record, home="/nowhere")))
    return redactor.feed(TEXT.encode()) + redactor.flush()


@pytest.mark.parametrize(
    "way",
    [
        *(in_parameter, in_parsed_parameter, in_nested_parameter, in_composed_config, in_setting),
        *(in_argument, in_next_argument, in_url, in_recorded_url, in_output),
    ],
)
def test_what_is_secret_is_told_by_its_name_alone(way: Callable[[str], object]) -> None:
    assert [name for name in SECRETS if TEXT in str(way(name))] == []
    assert [name for name in OTHERS if TEXT not in str(way(name))] == []
