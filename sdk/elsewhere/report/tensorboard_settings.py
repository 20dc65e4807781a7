"""How scalars of TensorBoard are named, for whatever records them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(slots=True)
class TensorBoardSettings:
    """The settings of this process, which `Logger` sets. `groups_scalars`: a tag without a graph of
    its own is a line of the graph "Scalars". `has_graph_for_each`: each tag is a graph."""

    groups_scalars: bool = False
    has_graph_for_each: bool = False


TENSORBOARD: Final = TensorBoardSettings()
