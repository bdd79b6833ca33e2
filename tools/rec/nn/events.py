"""What a behaviour graph gives: outputs, and what they are trained on."""

from __future__ import annotations

from dataclasses import dataclass

from rec.config.behaviours import Behaviour


@dataclass(frozen=True)
class Event:
    """An output: p(target | start), or a number of the impressions that `start` has happened to."""

    task: str
    target: str
    start: str


@dataclass(frozen=True)
class Objective:
    """Losses of `behaviour`, as it says: of output `task` against `label`, over impressions whose label `among` is 1
    (None: all)."""

    behaviour: str
    task: str
    label: str
    among: str | None
    said: Behaviour
