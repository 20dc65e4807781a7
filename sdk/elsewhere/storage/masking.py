"""URLs for people and for records: without the credentials that some of them hold."""

from __future__ import annotations

import re
from typing import Final

from elsewhere.core.errors import StorageError

__all__ = ["masked", "refuse_credentials"]

#: what stands before the machine's name, up to the `@`
_USER: Final = re.compile(r"(?<=://)[^/\s@'\"]*@")
#: the query of a web URL, without the punctuation of a sentence around it
_QUERY: Final = re.compile(r"(?i)(https?://[^\s?'\"<>]*\?)[^\s'\"<>]*[^\s'\"<>.,:;)]")
#: names of parameters that stand for a permission: of presigned URLs of S3, Google and Azure first
_SECRET: Final = re.compile(
    r"(?i)[?&;](x-(amz|goog)-(signature|credential|security-token)|signature|sig|awsaccesskeyid"
    r"|googleaccessid|[\w-]*(token|secret|password|passwd|api[-_]?key|access[-_]?key|auth))="
)


def masked(text: str) -> str:
    """A URL, or a sentence with URLs in it: names, passwords and queries of web URLs as `***`."""
    return _QUERY.sub(r"\1***", _USER.sub("***@", text))


def refuse_credentials(url: str, *, is_kept: bool = False) -> None:
    """StorageError for a URL with a user name or password; one that `is_kept` in a record may not
    have a signature, token or key among its parameters either."""
    scheme, _, rest = url.partition("://")
    if "@" in rest.partition("/")[0]:
        raise StorageError(
            f"A {scheme} URL with a user name or password is refused: URLs are kept in records "
            "that others can read. Leave them out, and give the machine credentials in the way in "
            "which the storage's own tools expect them."
        )
    if is_kept and scheme.lower() in ("http", "https") and _SECRET.search(rest):
        raise StorageError(
            f"The URL {masked(url)} is refused: it holds a signature, token or key, and would be "
            "kept in a record that others can read. Download the file and use that, or use a URL "
            "that needs none."
        )
