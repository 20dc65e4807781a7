"""S3, by fsspec's driver, but with uploads of large files that are resumed after a break.

    pending upload of the same key   ListMultipartUploads: it was cut off, here or elsewhere
    parts of it that are ours        ListParts: their tags are the MD5 of our parts
    the other parts                  UploadPart, a few at once
    the file                         CompleteMultipartUpload: all at once, or not at all

Nothing is stored here for that. If tags are not MD5, in buckets with keys of their own (SSE-KMS,
SSE-C), all parts are sent again. An upload that is never tried again stays pending, and costs: a
lifecycle rule of the bucket (AbortIncompleteMultipartUpload) removes it.
"""

from __future__ import annotations

import errno
import hashlib
import mimetypes
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from elsewhere.core.errors import StorageError
from elsewhere.storage.object_stores import RemoteStorage, mapped
from elsewhere.storage.progress import DISPLAY

if TYPE_CHECKING:
    from pathlib import Path

    from elsewhere.storage.progress import Moving

#: of one part: S3 takes 5 MiB and more; a break loses the parts that are being sent
PART_BYTES: Final = 8 << 20
#: parts of one upload: the limit of S3
_MOST_PARTS: Final = 10_000
#: parts that are sent at once: a few connections fill the line, and each holds a part in memory
_AT_ONCE: Final = 4


class S3Storage(RemoteStorage):
    """S3, with credentials and endpoint from AWS's own variables and files."""

    def __init__(self) -> None:
        super().__init__("s3", package="s3fs")

    def upload(self, local: Path, url: str) -> None:
        with mapped("write", url):
            size_bytes = local.stat().st_size
        if size_bytes < 2 * PART_BYTES:
            super().upload(local, url)
            return
        from fsspec.asyn import sync  # noqa: PLC0415 - weight

        system = self._system()
        with (
            mapped("write", url),
            DISPLAY.moving(f"Uploading {local.name}", size_bytes) as row,
        ):
            sync(system.loop, _Upload(system, local, size_bytes, url, row).run)

    def probe(self, system: Any, url: str) -> None:
        # The beginning of an upload needs the permission to write, and leaves no version behind.
        bucket, key, _ = system.split_path(url)
        begun = system.call_s3("create_multipart_upload", Bucket=bucket, Key=key)
        with suppress(OSError):
            system.call_s3(
                "abort_multipart_upload", Bucket=bucket, Key=key, UploadId=begun["UploadId"]
            )


class _Upload:
    """The upload of one file in parts."""

    def __init__(self, system: Any, local: Path, size_bytes: int, url: str, row: Moving) -> None:
        self._system = system
        self._local = local
        self._size_bytes = size_bytes
        self._row = row
        bucket, key, _ = system.split_path(url)
        self._place = {"Bucket": bucket, "Key": key}
        # From the size alone, so that another try has the same parts. In whole MiB.
        least_bytes = -(-size_bytes // _MOST_PARTS)
        self._part_bytes = max(PART_BYTES, -(-least_bytes // (1 << 20)) << 20)

    async def run(self) -> None:
        with self._local.open("rb") as file:
            pending = await self._pending()
            if pending is not None:
                try:
                    await self._send(file.fileno(), *pending)
                    return
                except OSError as error:
                    is_gone = isinstance(error, FileNotFoundError) or error.errno == errno.EINVAL
                    if not is_gone:
                        raise
                    # Another process has ended that upload, or sent other parts of it, meanwhile.
                    self._row.reach(0)
            await self._send(file.fileno(), await self._begin(), {})

    async def _begin(self) -> str:
        content_type, _ = mimetypes.guess_type(self._local.name)
        options = {"ContentType": content_type} if content_type else {}
        begun = await self._call("create_multipart_upload", **options)
        return str(begun["UploadId"])

    async def _pending(self) -> tuple[str, dict[int, str]] | None:
        """The newest pending upload of this key, with the tags of its parts; None without one."""
        tags: dict[int, str] = {}
        try:
            answer = await self._system._call_s3(
                "list_multipart_uploads", Bucket=self._place["Bucket"], Prefix=self._place["Key"]
            )
            begun = [
                (upload["Initiated"], upload["UploadId"])
                for upload in answer.get("Uploads", ())
                if upload["Key"] == self._place["Key"]
            ]
            if not begun:
                return None
            _, upload_id = max(begun)
            marker: dict[str, Any] = {}
            while True:
                answer = await self._call("list_parts", UploadId=upload_id, **marker)
                tags |= {part["PartNumber"]: part["ETag"] for part in answer.get("Parts", ())}
                if not answer.get("IsTruncated"):
                    return upload_id, tags
                marker = {"PartNumberMarker": answer["NextPartNumberMarker"]}
        except OSError:  # not allowed by this store, or by this user's permissions
            return None

    async def _send(self, file: int, upload_id: str, known: dict[int, str]) -> None:
        import asyncio  # noqa: PLC0415 - weight

        count = -(-self._size_bytes // self._part_bytes)
        numbers = iter(range(1, count + 1))
        tags: dict[int, str] = {}

        async def work() -> None:
            for number in numbers:
                tags[number] = await self._part(file, upload_id, number, known.get(number))

        workers = [asyncio.ensure_future(work()) for _ in range(_AT_ONCE)]
        try:
            await asyncio.gather(*workers)
        except BaseException:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            raise
        parts = [{"PartNumber": number, "ETag": tags[number]} for number in range(1, count + 1)]
        await self._call(
            "complete_multipart_upload", UploadId=upload_id, MultipartUpload={"Parts": parts}
        )

    async def _part(self, file: int, upload_id: str, number: int, known: str | None) -> str:
        start = (number - 1) * self._part_bytes
        block = os.pread(file, min(self._part_bytes, self._size_bytes - start), start)
        if start + len(block) < min(start + self._part_bytes, self._size_bytes):
            raise StorageError(f"{self._local} became shorter while it was uploaded. Try again.")
        if known is not None:
            digest = hashlib.md5(block, usedforsecurity=False).hexdigest()
            if known.strip('"') == digest:
                self._row.advance(len(block))
                return known
        answer = await self._call("upload_part", UploadId=upload_id, PartNumber=number, Body=block)
        self._row.advance(len(block))
        return str(answer["ETag"])

    async def _call(self, method: str, **options: Any) -> Any:
        return await self._system._call_s3(method, **self._place, **options)
