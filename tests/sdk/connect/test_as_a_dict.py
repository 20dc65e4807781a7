"""A connected dict is taken by other libraries as the plain one was."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import pytest
import yaml
from omegaconf import OmegaConf

from elsewhere.connect import ConnectedDict, connect, connect_configuration
from tests.sdk.targets import RecordingTarget

PLAIN = {"lr": 0.1, "opt": {"name": "sgd", "betas": [0.9, 0.99]}, "none": None}


@dataclass
class Holder:
    config: Any


class Ordered(yaml.SafeDumper):  # type: ignore[misc]
    """A dumper with a rule of its own for dicts."""


Ordered.add_representer(dict, lambda dumper, data: dumper.represent_mapping("!own", data.items()))


@pytest.mark.parametrize("connected_by", [connect, connect_configuration])
@pytest.mark.parametrize(
    "use",
    [
        yaml.safe_dump,
        yaml.dump,
        lambda given: yaml.dump(given, Dumper=Ordered),
        lambda given: yaml.dump(given, Dumper=yaml.CSafeDumper),
        json.dumps,
        OmegaConf.create,
        lambda given: OmegaConf.merge({"lr": 1}, given),
        lambda given: OmegaConf.to_yaml(OmegaConf.create({"in": given})),
        copy.copy,
        copy.deepcopy,
        lambda given: pickle.loads(pickle.dumps(given)),
        lambda given: asdict(Holder(given)),
        lambda given: type(given)(given),
        lambda given: type(given)((key, value) for key, value in given.items()),
        lambda given: given.fromkeys(given, 1),
        lambda given: {**given},
        lambda given: given | {"more": 1},
        repr,
    ],
)
def test_others_take_it_as_the_plain_dict(
    use: Callable[[Any], object], connected_by: Callable[..., Any]
) -> None:
    connected = connected_by(copy.deepcopy(PLAIN), RecordingTarget())
    assert type(connected) is ConnectedDict
    assert use(connected) == use(PLAIN)
