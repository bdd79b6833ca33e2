"""Behaviours as a config declares them: a graph whose edges are towers.

An impression leads to a click, a click to a cart or another action, either of these to a conversion:

    behaviours:
      click:
      cart: {after: click, code: av}
      other_action: {instead_of: cart}
      conversion: {after: [cart, other_action]}

From that follow the towers (one per edge; an alternative's chance is 1 - that of what it is instead of), the
probability of every behaviour, the losses, the labels, and the names and masks of the metrics.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from rec.config.behaviour import Behaviour, LabelKind, check_keys
from rec.config.suggest import did_you_mean

__all__ = ["Behaviour", "LabelKind"]

IMPRESSION = "impression"
"""Where every path begins."""

REQUEST = "request_id"
"""The label column that says which request an impression was part of, numbered within the batch."""

CODES = {"click": "ct", "conversion": "cv"}
"""What makes click and conversion ctr, cvr and ctcvr."""


def parse(section: Mapping[str, Any]) -> dict[str, Behaviour]:
    """The behaviours of a section, by name, in its order.

    Raises:
        ValueError: a name or setting is wrong, or a behaviour refers to one that is not declared above it.
    """
    if not section:
        raise ValueError("no behaviour is declared: expected some such as {click: , conversion: {after: click}}")
    behaviours: dict[str, Behaviour] = {}
    for name, given in section.items():
        if not str(name).isidentifier() or name == IMPRESSION:
            raise ValueError(f"{name!r} is no name for a behaviour: letters, digits and _, not {IMPRESSION}")
        try:
            behaviour = Behaviour(**(given or {}))
        except ValidationError as error:
            problem = error.errors()[0]
            key = ".".join([name, *(str(part) for part in problem["loc"][:1])])
            if problem["type"] == "extra_forbidden":
                known = list(Behaviour.model_fields)
                raise ValueError(f"{key} is not a setting{did_you_mean(str(problem['loc'][0]), known)}") from None
            raise ValueError(f"{key}: {problem['msg']}, got {problem['input']!r}") from None
        except TypeError:
            raise ValueError(f"{name} should be a mapping such as {{after: click}}, got {given!r}") from None
        _check(name, behaviour, behaviours)
        behaviours[name] = behaviour
        _check_label(name, behaviours)
    return behaviours


def parents(behaviours: Mapping[str, Behaviour], name: str) -> list[str]:
    """What a behaviour comes after."""
    behaviour = behaviours[name]
    if behaviour.instead_of:
        return parents(behaviours, behaviour.instead_of)
    after = behaviour.after
    return [after] if isinstance(after, str) else list(after or [IMPRESSION])


def on_every_path(behaviours: Mapping[str, Behaviour], name: str) -> list[str]:
    """The behaviours that every path from the impression to `name` goes through, itself the last."""
    chains = [on_every_path(behaviours, p) if p != IMPRESSION else [] for p in parents(behaviours, name)]
    return [*(step for step in chains[0] if all(step in chain for chain in chains)), name]


def label_of(behaviours: Mapping[str, Behaviour], name: str) -> str:
    """The label column of a behaviour."""
    return behaviours[name].label or name


def implied_labels(behaviours: Mapping[str, Behaviour]) -> tuple[tuple[str, str], ...]:
    """Pairs of label columns (effect, cause): a behaviour never goes without the nearest labelled one before it."""
    pairs = []
    for name, behaviour in behaviours.items():
        if behaviour.instead_of:
            continue
        before = [step for step in on_every_path(behaviours, name)[:-1] if not behaviours[step].instead_of]
        causes = [*before[-1:], *([behaviour.implies] if behaviour.implies else [])]
        pairs += [(label_of(behaviours, name), label_of(behaviours, cause)) for cause in causes]
    return tuple(dict.fromkeys(pair for pair in pairs if pair[0] != pair[1]))


def columns(section: Mapping[str, Any]) -> tuple[str, ...]:
    """The label columns that a `behaviours` section needs, in its order; what is wrong with it is said elsewhere."""
    try:
        behaviours = parse(section)
    except ValueError:
        return ()
    found = [b.label or name for name, b in behaviours.items() if not b.instead_of]
    found += [b.sample_weight for b in behaviours.values() if b.sample_weight]
    found += [REQUEST for b in behaviours.values() if b.within_requests]
    return tuple(dict.fromkeys(found))


def label_kinds(section: Mapping[str, Any]) -> dict[str, LabelKind]:
    """What the values of the label columns may be; what is wrong with the section is said elsewhere."""
    try:
        behaviours = parse(section)
    except ValueError:
        return {}
    heads: dict[str, LabelKind] = {"binary": "binary", "regression": "number", "log_regression": "not negative"}
    kinds = {b.label or name: heads[b.head] for name, b in behaviours.items() if not b.instead_of}
    weights = {b.sample_weight for b in behaviours.values() if b.sample_weight}
    return {**kinds, **{name: "not negative" for name in weights if kinds.get(name) != "binary"}}


def _check(name: str, behaviour: Behaviour, above: Mapping[str, Behaviour]) -> None:
    named = [behaviour.after] if isinstance(behaviour.after, str) else behaviour.after or []
    for other in [*named, behaviour.instead_of, behaviour.implies]:
        if other and other not in above:
            raise ValueError(f"{name}: {other} is not declared above it{did_you_mean(other, above)}")
        if other and above[other].head != "binary":
            raise ValueError(f"{name}: {other} is a number, which nothing can follow")
    for other in (behaviour.instead_of, behaviour.implies):
        if other and (above[other].instead_of or above[other].given):
            raise ValueError(f"{name}: {other} has no tower of its own")
    partner = behaviour.instead_of
    if partner and any(other.instead_of == partner for other in above.values()):
        raise ValueError(f"{name}: {partner} has an alternative already")
    check_keys(name, behaviour)


def _check_label(name: str, behaviours: Mapping[str, Behaviour]) -> None:
    """Refuse one column for what is 0 or 1 and for a number: losses and metrics would take it for either."""
    for other, behaviour in behaviours.items():
        kinds = [b.head == "binary" for b in (behaviour, behaviours[name])]
        if label_of(behaviours, other) == label_of(behaviours, name) and len(set(kinds)) > 1:
            raise ValueError(
                f"{name}: its label {label_of(behaviours, name)} is that of {other}, and one of them is a number: "
                "give it a column of its own"
            )
