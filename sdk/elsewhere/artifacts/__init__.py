"""Artifacts: files and objects that a task made, kept so that others can use them.

    object, path --stage--> a file of the run folder --upload--> its URL --ArtifactHandle--> object
    URL          --stage--> itself, a link: its bytes stay where they are

Staging is done by the task's own process, at once, so that the original may change or go right
after; uploading by whoever delivers the journal; reading by anyone who has the record.
"""

from __future__ import annotations

from elsewhere.artifacts.handle import ArtifactHandle
from elsewhere.artifacts.originals import delete_original
from elsewhere.artifacts.places import artifact_url, upload, weights_url
from elsewhere.artifacts.serializers import SERIALIZERS, Format, Serializer
from elsewhere.artifacts.staging import stage
from elsewhere.artifacts.uploading import DEFAULT_PLACE, uploader
from elsewhere.storage.copies.cache import CACHE_BYTES

__all__ = [
    "CACHE_BYTES",
    "DEFAULT_PLACE",
    "SERIALIZERS",
    "ArtifactHandle",
    "Format",
    "Serializer",
    "artifact_url",
    "delete_original",
    "stage",
    "upload",
    "uploader",
    "weights_url",
]
