"""Artifacts: files and objects that a task made, stored so that others can use them.

    object, path --stage--> a file of the run folder --upload--> its URL --ArtifactHandle--> object
    URL          --stage--> itself, a link: its bytes stay where they are

The task's own process stages at once, so that the original may change or go right after; the
delivery of the journal uploads; anyone who has the record reads.
"""

from __future__ import annotations

from elsewhere.artifacts.places import upload_url
from elsewhere.artifacts.uploading import DEFAULT_PLACE, bring, uploader

__all__ = [
    "DEFAULT_PLACE",
    "bring",
    "upload_url",
    "uploader",
]
