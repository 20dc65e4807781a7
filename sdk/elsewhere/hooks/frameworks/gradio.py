"""Gradio: the URLs of the apps that a program serves, as user properties of its task.

The first app is `gradio`, the next one `gradio 2`. An app that listens on all addresses has its
machine's name in its URL; one that Gradio shares has the public URL.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit, urlunsplit

from elsewhere.core.events import Properties
from elsewhere.core.records import Parameter
from elsewhere.hooks.frameworks.parts import replace_parts

if TYPE_CHECKING:
    from elsewhere.report.recorder import OwnRun

logger = logging.getLogger(__name__)

#: the names of a server that listens on all addresses
_ALL: Final = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound to


def attach(run: OwnRun, gradio: ModuleType) -> Callable[[], None]:
    """Records the apps of `gradio`."""
    known: list[str] = []

    def note(app: Any) -> None:
        try:
            url = app.share_url or _reachable(app)
            if url and url not in known and not run.is_over:
                known.append(url)
                name = "gradio" if len(known) == 1 else f"gradio {len(known)}"
                run.record(Properties(values={name: Parameter(value=url, type="str")}))
        except Exception:  # an outermost seam: the program goes on
            logger.warning("The URL of an app of Gradio is not recorded.", exc_info=True)

    def launch(original: Callable[..., Any], app: Any, *given: Any, **named: Any) -> Any:
        result = original(app, *given, **named)
        note(app)
        return result

    def block(original: Callable[..., Any], app: Any, *given: Any, **named: Any) -> Any:
        note(app)  # from within `launch`, which does not return until the app ends
        return original(app, *given, **named)

    return replace_parts(gradio, {"Blocks.launch": launch, "Blocks.block_thread": block})


def _reachable(app: Any) -> str:
    """The URL of the app as others reach it, as far as they do; empty where it is not served."""
    url = urlsplit(app.local_url or "")
    if url.netloc and app.server_name in _ALL:
        url = url._replace(netloc=f"{socket.gethostname()}:{app.server_port}")
    return urlunsplit(url)
