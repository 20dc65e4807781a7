"""Prints so many MB of one kind. Arguments: a folder, a kind, a number."""

import sys

kind, megabytes = sys.argv[2], int(sys.argv[3])
piece = {
    "lines": (b"x" * 99 + b"\n") * 10_000,
    "one line": b"x" * 1_000_000,
    "drawn again": (b"x" * 99 + b"\r") * 10_000,
    "binary": bytes(range(256)) * 4_000,
    "no text": b"\xff\xfe\xc3(\xa0\xa1\n" * 140_000,
}[kind]
for _ in range(megabytes):
    sys.stdout.buffer.write(piece)
sys.stdout.buffer.write(b"\nthe last line\n")
