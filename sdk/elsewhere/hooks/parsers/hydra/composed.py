"""A composed Hydra config as the text of a configuration object, and that text as the config."""

from __future__ import annotations

import copy
from typing import Any

from omegaconf import DictConfig, OmegaConf, flag_override
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from elsewhere.core.errors import UsageError
from elsewhere.core.records import Configuration
from elsewhere.core.secrets import HIDDEN, hide, hide_passwords
from elsewhere.hooks.parsers.hydra.launches import CONFIGURATION


def to_configuration(config: DictConfig) -> Configuration:
    """Returns the config as YAML: interpolations stay, the texts of secrets are hidden."""
    plain = OmegaConf.create(_hidden(_plain(config)), flags={"allow_objects": True})
    return Configuration(text=OmegaConf.to_yaml(plain), type="OmegaConf YAML")


def overridden(config: DictConfig, text: str) -> DictConfig:
    """Returns the config of the `text`, with the types of the fields that `config` declares.

    Raises UsageError for a text that is not such a config.
    """
    try:
        override = OmegaConf.create(text)
        if not isinstance(override, DictConfig):
            raise UsageError(f"Configuration {CONFIGURATION!r} cannot be a list: it takes a dict.")
        plain = _with_secrets(OmegaConf.to_container(override), _plain(config))
        result = copy.deepcopy(config)
        with flag_override(result, ["struct", "readonly"], [False, False]):
            result.merge_with(OmegaConf.create(plain))
            _remove_others(result, plain)
    except (OmegaConfBaseException, YAMLError) as error:
        why = " ".join(str(error).split()).rstrip(".")
        raise UsageError(f"Configuration {CONFIGURATION!r} cannot be used: {why}.") from error
    return result


def _plain(config: DictConfig) -> Any:
    return OmegaConf.to_container(config, enum_to_str=True)


def _hidden(value: Any, key: object = "") -> Any:
    if isinstance(value, dict):
        return {name: _hidden(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_hidden(item, key) for item in value]
    # An interpolation names the place of a secret, not the secret.
    is_readable = isinstance(value, str) and (value in ("", "???") or value.startswith("${"))
    return value if is_readable else hide(str(key), value)


def _with_secrets(value: Any, now: Any) -> Any:
    """Returns the value with this process's secrets, from `now`, in place of the hidden ones."""
    if isinstance(value, dict):
        has = now if isinstance(now, dict) else {}
        return {name: _with_secrets(item, has.get(name)) for name, item in value.items()}
    if isinstance(value, list):
        items = now if isinstance(now, list) else []
        items = items + [None] * (len(value) - len(items))
        return [_with_secrets(item, has) for item, has in zip(value, items, strict=False)]
    is_without = isinstance(now, str) and value == hide_passwords(now)
    return now if value == HIDDEN or is_without else value


def _remove_others(config: DictConfig, kept: dict[Any, Any]) -> None:
    """Removes the keys that are not kept; the fields of a structured config stay."""
    for key in list(config):
        is_open = OmegaConf.get_type(config) is dict
        if key not in kept:
            if is_open:
                del config[key]
        elif isinstance(kept[key], dict) and not OmegaConf.is_interpolation(config, key):
            _remove_others(config[key], kept[key])
