"""Lineage: weights that a program loads say which model its task began from."""

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
    from elsewhere.report.recorder import OwnRun

__all__ = ["loaded"]


def loaded(weights: str | os.PathLike[str], run: OwnRun, framework: str = "") -> None:
    """The task began from the model of these weights: a path, also one that `get_local_copy` gave,
    or a URL. What no model of the store has becomes one, which comes from outside.

    It waits for nothing: whose weights they are is looked up when this is delivered. Weights that
    the task made itself are left out, and URLs that no record may hold.
    """
    given = os.fspath(weights)
    if "://" not in given:
        path = Path(os.path.abspath(named_path(given)))  # noqa: PTH100 - links stay
        given = str(path)
        known = cached_model(path, run.settings.home.cache)
    else:
        known = None
    if given in run.model_paths:
        return
    if known is not None:
        use = ModelUse(name=known.name or known.id, model=known.id, is_output=False, at=now_at())
        run.model_paths[given] = known.id
        run.record(ModelUsed(use=use))
        return
    try:
        there = url_fields("The weights", given)
    except StorageError:
        return
    name, model_id = stem_of(given), id_of_place(there)
    run.model_paths[given] = model_id
    use = ModelUse(name=name, model=model_id, is_output=False, at=now_at())
    run.record(ModelUsed(use=use, found={**there, "name": name, "framework": framework}))
