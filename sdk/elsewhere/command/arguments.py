"""Arguments that several commands have."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser


def add_id(parser: ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="id of the task, or how it begins")


def add_ids(parser: ArgumentParser) -> None:
    parser.add_argument("id", nargs="+", metavar="ID", help="ids of tasks, or how they begin")


def add_json(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
