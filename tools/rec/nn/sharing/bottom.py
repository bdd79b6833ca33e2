"""The plain ways: nothing shared but embeddings, not even these, or one bottom for all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rec.nn.between import PLAIN, Between
from rec.nn.features import Features
from rec.nn.hidden import Hidden, Layers
from rec.nn.sharing.base import SharingLayer


class NoSharing(SharingLayer):
    """Each tower sees the embeddings, and shares nothing else (ESMM, Ma et al., SIGIR 2018)."""

    def __init__(self, in_features: int, towers: Sequence[str], between: Between = PLAIN) -> None:
        super().__init__()
        self.widths = [in_features] * len(towers)

    def forward(self, x: Features | Any) -> list[Any]:
        return [x] * len(self.widths)


class SeparateEmbeddings(SharingLayer):
    """Each tower has embeddings of its own (ESMM-NS in ESMM's paper): tower i reads embedding space i."""

    own_spaces = True

    def __init__(self, in_features: int, towers: Sequence[str], between: Between = PLAIN) -> None:
        super().__init__()
        self.widths = [in_features] * len(towers)

    def forward(self, spaces: Sequence[Features]) -> list[Features]:
        return list(spaces)


class ShareBottom(SharingLayer):
    """Hard sharing (Caruana, 1997): one bottom of `fc_sizes` units, of which each tower sees the top."""

    def __init__(self, in_features: int, towers: Sequence[str], fc_sizes: Layers, between: Between = PLAIN) -> None:
        super().__init__()
        self.bottom = Hidden(in_features, fc_sizes, between)
        self.widths = [fc_sizes[-1]] * len(towers)

    def forward(self, x: Features | Any) -> list[Any]:
        return [self.bottom(x)] * len(self.widths)
