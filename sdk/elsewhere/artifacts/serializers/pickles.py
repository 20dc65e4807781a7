"""Any object, as a pickle: reading one runs code of its writer."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Final

from elsewhere.artifacts.preview import shown
from elsewhere.artifacts.serializers.api import Format, Serializer, UnwritableError

if TYPE_CHECKING:
    from pathlib import Path

PICKLE_EXTENSION: Final = ".pkl"


def _write(obj: object, file: Path) -> None:
    with file.open("wb") as target:
        try:
            pickle.dump(obj, target)
        except OSError:
            raise
        except Exception as error:  # methods of the object raise any error
            raise UnwritableError(f"it cannot be pickled ({error})") from error


def _read(file: Path) -> object:
    with file.open("rb") as source:
        return pickle.load(source)  # noqa: S301 - the caller may refuse, and the digest is checked


def _preview(obj: object, _: Path) -> str:
    return shown(obj)


_FORMAT: Final = Format(content_type="application/pickle", write=_write, read=_read, is_pickle=True)
PICKLES: Final = Serializer(
    accepts=lambda _: True,
    formats=lambda: {PICKLE_EXTENSION: _FORMAT},
    preview=_preview,
)
