"""The metadata of a model: values of the user, by key."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from elsewhere.core.checks import checked_dict
from elsewhere.core.params import checked_type, to_value
from elsewhere.models import checks
from elsewhere.store.model_records import METADATA

if TYPE_CHECKING:
    from elsewhere.core.records import Json, ModelRecord


class ModelMetadata(ABC):
    """The part of a model that reads and sets its metadata."""

    def set_metadata(self, key: str, value: object, v_type: str | None = None) -> bool:
        """Sets the entry `key` to `value`; returns True. `v_type` names the type that a text is
        read as: int, float, bool, ... Raises UsageError."""
        self._save({METADATA + key: _plain(key, value, checked_type(v_type))})
        return True

    def get_metadata(self, key: str, default: object = None) -> Any:
        """The value of `key`, with its type, or `default`. Raises UsageError for a wrong key."""
        checks.checked_text("The key of a model's metadata", key, is_needed=True)
        found = self._read().metadata.get(key)
        return default if found is None else to_value(found)

    get_metadata_casted = get_metadata

    def get_all_metadata(self) -> dict[str, dict[str, Any]]:
        """All entries: key to `{"value": ..., "type": ...}`."""
        return {
            key: {"value": to_value(one), "type": one.type}
            for key, one in self._read().metadata.items()
        }

    def get_all_metadata_casted(self) -> dict[str, Any]:
        """All entries: key to value."""
        return {key: to_value(one) for key, one in self._read().metadata.items()}

    def set_all_metadata(self, metadata: Mapping[str, object], replace: bool = True) -> bool:
        """Sets the entries of `metadata`, each a value or `{"value": ..., "type": ...}`; returns
        True. With `replace` all other entries are removed. Raises UsageError."""
        plain = {}
        for key, given in checked_dict("The metadata of a model", metadata).items():
            is_typed = isinstance(given, Mapping) and {"value"} <= given.keys() <= {"value", "type"}
            value, kind = (given["value"], given.get("type")) if is_typed else (given, None)
            plain[key] = _plain(key, value, kind)
        fields: dict[str, Json] = (
            {"metadata": plain} if replace else {METADATA + key: one for key, one in plain.items()}
        )
        if fields:
            self._save(fields)
        return True

    @abstractmethod
    def _read(self) -> ModelRecord:
        """The record in its present state."""

    @abstractmethod
    def _save(self, fields: dict[str, Json]) -> None:
        """Sets `fields` of the record."""


def _plain(key: str, value: object, kind: object) -> Json:
    parameter = checks.checked_metadata(key, value, kind)
    return {"value": parameter.value, "type": parameter.type}
