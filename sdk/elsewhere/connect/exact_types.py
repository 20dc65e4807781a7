"""Libraries that ask for the exact type `dict`, and take our subclass of it as one."""

from __future__ import annotations

from functools import cache
from typing import Any

from elsewhere.core.when_imported import when_imported


@cache
def pass_as_dict(kind: type[dict[Any, Any]]) -> None:
    """Lets PyYAML and OmegaConf take a `kind` as a dict, now or when the program imports them. May
    be called twice."""
    when_imported("yaml", lambda yaml: _represent(yaml.representer.SafeRepresenter, kind))
    when_imported("omegaconf", lambda omegaconf: _recognize(omegaconf._utils, kind))


def _represent(dumper: Any, kind: type[dict[Any, Any]]) -> None:
    """A dumper, and each that inherits from it, looks up the exact type in a dict of its own."""
    if dict in dumper.yaml_representers and kind not in dumper.yaml_representers:
        dumper.add_representer(kind, dumper.yaml_representers[dict])
    for one in dumper.__subclasses__():
        _represent(one, kind)


def _recognize(utils: Any, kind: type[dict[Any, Any]]) -> None:
    """`is_primitive_dict`, which decides what becomes a DictConfig, asks this function."""
    original = utils.get_type_of

    def get_type_of(given: Any) -> Any:
        found = original(given)
        return dict if found is kind else found

    utils.get_type_of = get_type_of
