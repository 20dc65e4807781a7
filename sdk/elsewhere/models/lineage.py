"""Lineage: the models that a task began from, known by the weights that its program loads."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from elsewhere.core.clock import now_at
from elsewhere.core.errors import StorageError
from elsewhere.core.events import ModelUsed
from elsewhere.core.folders import named_path
from elsewhere.core.records import ModelUse
from elsewhere.models.local_weights import cached_model
from elsewhere.models.naming import id_of_place, stem_of, url_fields

if TYPE_CHECKING:
    from elsewhere.core.records import Json
    from elsewhere.report.recorder import OwnRun


def loaded(weights: str | os.PathLike[str], run: OwnRun, framework: str = "") -> None:
    """Records that the task began from the model of `weights`: a path, also one that
    `get_local_copy` returned, or a URL. Weights without a model in the store become an imported
    model with this `framework`.

    The call does not wait: the delivery of the journal finds the model. Left out are weights that
    the task made itself, and URLs that a record may not hold.
    """
    given, known = os.fspath(weights), None
    if "://" not in given:
        path = Path(os.path.abspath(named_path(given)))  # noqa: PTH100 - links stay
        given = str(path)
        known = cached_model(path, run.settings.home.cache)
    if given in run.model_paths:
        return
    found: dict[str, Json] = {}
    if known is not None:
        model_id, name = known
    else:
        try:
            there = url_fields("The weights", given)
        except StorageError:
            return
        model_id, name = id_of_place(there), stem_of(given)
        found = {**there, "name": name, "framework": framework}
    run.model_paths[given] = model_id
    use = ModelUse(name=name, model=model_id, is_output=False, at=now_at())
    run.record(ModelUsed(use=use, found=found))
