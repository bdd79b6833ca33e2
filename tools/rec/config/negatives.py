"""`data.negative_rate`: which impressions are negatives, and where what is learned from a share of them is exact.

An impression is a negative where the behaviour that all others come after, the click, is 0. Where those are kept with
rate r and all others with certainty, the odds of a click are 1 / r times the true ones, and everything given a click,
or given none, is what it was. Keeping what has any label of 1 instead would leave no output as it was: whether a row
was kept would tell of every label at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rec.config.behaviours import IMPRESSION, Behaviour, label_of, on_every_path, parents, parse
from rec.config.bind import parameters

NEGATIVES = "negative_rate"
"""The key of `data`, and the network's parameter that follows from it."""

NEGATIVE_RATE = (
    "share of the impressions without a click (the behaviour that all others come after) that training keeps, drawn "
    "anew each epoch, with predictions for all impressions; null: all are kept. Lines of text and prepared Ali-CCP "
    "know this setting of data, and no other"
)


def first_behaviour(behaviours: Mapping[str, Behaviour]) -> str:
    """The behaviour whose absence makes an impression a negative.

    Raises:
        ValueError: outputs would not be exact where these are sampled, and why.
    """
    first = [name for name, b in behaviours.items() if not b.instead_of and _starts(behaviours, name)]
    if len(first) != 1:
        raise ValueError(
            "needs one behaviour that all others come after, such as {click: , conversion: {after: click}}; these come "
            f"straight after the impression: {', '.join(first)}"
        )
    if behaviours[first[0]].loss == "focal":
        raise ValueError(
            f"means nothing beside {first[0]}.loss: focal, which makes little of most negatives: choose one"
        )
    ways = {first[0], *(name for name, b in behaviours.items() if b.instead_of == first[0])}
    for name, behaviour in behaviours.items():
        space = behaviour.space if behaviour.space in behaviours else None
        if behaviour.head != "binary" and not (space and ways & set(on_every_path(behaviours, space))):
            raise ValueError(
                f"has no exact correction for {name}, a number of all impressions: give it space: {first[0]}"
            )
    return first[0]


def not_exact(hyper_parameters: Mapping[str, Any], network: Callable[..., Any]) -> list[str]:
    """A line where a network cannot be told the rate, or its behaviours allow no exact correction."""
    if hyper_parameters.get(NEGATIVES) is None:
        return []
    if NEGATIVES not in parameters(network):
        return [
            f"data.{NEGATIVES}: {network.__name__} would predict clicks as they are among the impressions that are "
            f"kept: give its constructor {NEGATIVES} (see models/multitask/esmm/net.py), or leave it out"
        ]
    try:
        first_behaviour(parse(hyper_parameters.get("behaviours") or {"click": None}))
    except ValueError as error:
        return [f"data.{NEGATIVES} {error}"]
    return []


def first_label(behaviours: Mapping[str, Behaviour]) -> str | None:
    """The label column of that behaviour; None where there is none."""
    try:
        return label_of(behaviours, first_behaviour(behaviours))
    except ValueError:
        return None


def _starts(behaviours: Mapping[str, Behaviour], name: str) -> bool:
    """Whether a behaviour of 0 or 1 comes straight after the impression."""
    return behaviours[name].head == "binary" and IMPRESSION in parents(behaviours, name)
