"""Images of Pillow, in each format that the installed Pillow writes."""

from __future__ import annotations

import io
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from elsewhere.artifacts.serializers.api import (
    Format,
    Serializer,
    UnwritableError,
    driver,
)
from elsewhere.core.imported import is_instance

if TYPE_CHECKING:
    from pathlib import Path


def _formats() -> dict[str, Format]:
    pillow = driver("PIL.Image", "Pillow", "An image")
    known = {
        extension: name
        for extension, name in pillow.registered_extensions().items()
        if name in pillow.SAVE
    }
    return {
        extension: Format(
            content_type=pillow.MIME.get(name, "application/octet-stream"),
            write=partial(_write, name),
            read=_read,
        )
        for extension, name in {".png": "PNG", **known}.items()
    }


def _write(format_name: str, obj: Any, file: Path) -> None:
    pillow = driver("PIL.Image", "Pillow", "An image")
    is_film = getattr(obj, "n_frames", 1) > 1 and format_name in pillow.SAVE_ALL
    try:
        obj.save(file, format=format_name, **({"save_all": True} if is_film else {}))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise UnwritableError(f"Pillow does not write it as {format_name} ({error})") from error


def _read(file: Path) -> object:
    # From memory: Pillow reads later frames on demand, when the file may be gone.
    image = driver("PIL.Image", "Pillow", "An image").open(io.BytesIO(file.read_bytes()))
    image.load()
    return image


def _preview(obj: Any, _: Path) -> str:
    return f"{type(obj).__name__}: {obj.width} x {obj.height} pixels, {obj.mode}"


IMAGES: Final = Serializer(
    accepts=lambda obj: is_instance(obj, "PIL.Image", "Image"),
    formats=_formats,
    preview=_preview,
)
