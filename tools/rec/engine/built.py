"""A program of a model of ours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rec.pir.prepared import Prepared


@dataclass
class Built:
    """A program and how it is run.

    Attributes:
        run: runs it.
        feeds: names of the fed variables, in the reader's order.
        names: of what is fetched; gradients without a name follow.
        parameters: variable name of each parameter, by structured name.
    """

    program: Any
    run: Prepared
    feeds: list[str]
    names: list[str]
    parameters: dict[str, str]
