"""Kinds of objects, and the files that they become. The first kind that accepts an object is used.

numpy     .npz .csv.gz                       dict      .json .yaml
pandas    .csv.gz .parquet .feather .pickle  list, tuple, number, bool   .json
image     .png and all that Pillow writes    string    .txt
data-audit-table .csv.gz                     pickle    .pkl, for any object, if allowed
"""

from __future__ import annotations

from typing import Final

from elsewhere.artifacts.serializers.api import Format, Serializer, UnwritableError
from elsewhere.artifacts.serializers.arrays import ARRAYS
from elsewhere.artifacts.serializers.frames import FRAMES
from elsewhere.artifacts.serializers.images import IMAGES
from elsewhere.artifacts.serializers.pickles import PICKLE_EXTENSION, PICKLES
from elsewhere.artifacts.serializers.tables import TABLE_TYPE, TABLES
from elsewhere.artifacts.serializers.texts import BOOLS, DICTS, LISTS, NUMBERS, STRINGS, TUPLES

__all__ = [
    "PICKLE_EXTENSION",
    "SERIALIZERS",
    "TABLE_TYPE",
    "Format",
    "Serializer",
    "UnwritableError",
]

#: by the artifact's type
SERIALIZERS: Final[dict[str, Serializer]] = {
    "numpy": ARRAYS,
    "pandas": FRAMES,
    "image": IMAGES,
    "bool": BOOLS,
    "number": NUMBERS,
    "dict": DICTS,
    "list": LISTS,
    "tuple": TUPLES,
    "string": STRINGS,
    "pickle": PICKLES,
    # never chosen by an object's class: the one above accepts every object
    TABLE_TYPE: TABLES,
}
