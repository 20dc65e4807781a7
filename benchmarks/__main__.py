"""`python -m benchmarks [NAME ...]`: measures, and prints the figures beside their floors."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import time
from typing import TYPE_CHECKING, Final

from benchmarks import (
    at_rest,
    back_to_back,
    closing,
    cold_start,
    containers,
    fetching,
    flood,
    large_environment,
    live_output,
    locked,
    on_the_laptop,
    pickup,
    query,
    scalars,
    second_checkout,
    slots,
    unreachable,
    uploading,
    warm_start,
)
from benchmarks.figures import table
from benchmarks.machine import describe, describe_load
from benchmarks.place import Place

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.figures import Figure

logger = logging.getLogger(__name__)

_ALL: Final = (
    pickup,
    warm_start,
    large_environment,
    containers,
    cold_start,
    live_output,
    locked,
    on_the_laptop,
    at_rest,
    back_to_back,
    flood,
    query,
    scalars,
    second_checkout,
    slots,
    unreachable,
    closing,
    uploading,
    fetching,
)


def main(arguments: list[str]) -> int:
    """0 when everything could be measured, whatever the figures are."""
    known: dict[str, Callable[[Place], list[Figure]]] = {
        module.__name__.rpartition(".")[2]: module.measure for module in _ALL
    }
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(known)}")
    names = parser.parse_args(arguments).names or list(known)
    if unknown := sorted(set(names) - set(known)):
        parser.error(f"there is no benchmark {unknown[0]!r}; known: {', '.join(known)}")
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    print(f"{describe()}\n{describe_load()}\n", flush=True)
    started = time.monotonic()
    figures: list[Figure] = []
    failed: list[str] = []
    for name in names:
        print(f"{name} ...", file=sys.stderr, flush=True)
        try:
            with Place() as place:
                figures += known[name](place)
        except KeyboardInterrupt:
            return 130
        except Exception:  # the outermost seam: the other benchmarks can still be run
            logger.exception("%s could not be run", name)
            failed.append(name)
    print("\n".join(table(figures)) if figures else "There are no figures.")
    print(f"\n{_summary(figures, failed)} Measured for {time.monotonic() - started:.0f} s.")
    return 1 if failed else 0


def _summary(figures: list[Figure], failed: list[str]) -> str:
    missed = [figure.name for figure in figures if figure.missed]
    words = []
    if figures:
        words = [f"Targets missed: {'; '.join(missed)}." if missed else "All targets are met."]
    words += [f"Could not be run: {', '.join(failed)}."] if failed else []
    return " ".join(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
