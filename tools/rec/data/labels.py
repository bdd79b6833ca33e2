"""What the labels of impressions must be, what follows from them, and which contradict each other: one place for
lines of text, tables and prepared data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from rec.config.behaviours import Behaviour, LabelKind, columns, implied_labels, label_kinds, label_of, parse
from rec.config.negatives import first_label
from rec.errors import UserError
from rec.numeric import Array

Policy = Literal["drop", "keep", "fail"]


@dataclass(frozen=True)
class Weight:
    """A column of sample weights, in the loss against `label` over impressions whose label `among` is 1."""

    column: str
    label: str
    among: str | None


@dataclass(frozen=True)
class LabelRules:
    """What is known of label columns beforehand, by their names.

    Attributes:
        columns: all that a network needs, weights, prices and the like among them.
        kinds: what their values may be, where that is known.
        targets: those that losses and metrics are of.
        weights: columns of sample weights.
        spaces: of a target that is a number, the label that is 1 wherever it counts.
        inputs: columns that a network predicts from.
        implies: pairs (effect, cause), in the order of causes: an effect never goes without its cause. So where the
            cause is 0 an effect that is not known is 0, and an effect of 1 contradicts it.
        first: the label whose 0 makes an impression a negative, see `rec.config.negatives`; None: there is no such.
    """

    columns: tuple[str, ...] = ("click", "conversion")
    kinds: Mapping[str, LabelKind] = field(default_factory=lambda: {"click": "binary", "conversion": "binary"})
    targets: tuple[str, ...] = ("click", "conversion")
    weights: tuple[Weight, ...] = ()
    spaces: Mapping[str, str] = field(default_factory=dict)
    inputs: frozenset[str] = frozenset()
    implies: tuple[tuple[str, str], ...] = (("conversion", "click"),)
    first: str | None = "click"

    def judge(self, labels: Mapping[str, Array], policy: Policy, where: Callable[[int], str]) -> Judged:
        """Look at the labels of n impressions, float32 [n] each, NaN where not known.

        Args:
            policy: `runner.label_policy`, what becomes of contradictions.
            where: says in which line or row an impression stands.

        Raises:
            UserError: a sample weight is not known, or labels contradict each other and may not.
        """
        full = dict(labels)
        contradicting, findings = np.zeros(len(next(iter(full.values()))), bool), {}
        for effect, cause in self.implies:
            full[effect] = np.where(np.isnan(full[effect]) & (full[cause] == 0), np.float32(0), full[effect])
            pair = (full[effect] == 1) & (full[cause] == 0)
            if policy == "fail" and pair.any():
                raise UserError(
                    f"{where(int(np.argmax(pair)))}: {effect} is 1 but {cause} is 0 (runner.label_policy is fail)"
                )
            if policy == "drop":
                findings[f"impressions with {effect} but no {cause}"] = pair
                contradicting |= pair
            # Those are not missing at random: without the cause every effect is known.
            findings[
                f"impressions with {cause} but an empty {effect}: not in its losses; where these are over all "
                f"impressions, {effect} comes out too low by their share of those with {cause}"
            ] = np.isnan(full[effect]) & (full[cause] == 1)
        self._check_weights(full, where)
        for name in self.targets:
            empty, space = np.isnan(full[name]), self.spaces.get(name)
            if space:
                findings[f"impressions with {space} but an empty {name}: not in its losses and metrics"] = empty & (
                    full[space] == 1
                )
            else:
                findings[f"impressions with an empty {name}: not in its losses and metrics"] = empty
        return Judged(full, contradicting, {what: rows for what, rows in findings.items() if rows.any()})

    def _check_weights(self, labels: Mapping[str, Array], where: Callable[[int], str]) -> None:
        """Refuse a weight that is empty where it weighs something."""
        for weight in self.weights:
            needed = ~np.isnan(labels[weight.label])
            if weight.among:
                needed &= labels[weight.among] == 1
            for row in np.flatnonzero(needed & np.isnan(labels[weight.column])).tolist():
                known = f"{weight.label} is {labels[weight.label][row]:g} there"
                raise UserError(f"{where(row)}: sample weight {weight.column} is empty, but {known}")


def rules_of(section: Mapping[str, Any], more: Mapping[str, LabelKind] = MappingProxyType({})) -> LabelRules:
    """Those of a `behaviours` section; `more`: what columns the network needs besides.

    Raises:
        UserError: the section is wrong.
    """
    try:
        behaviours = parse(section)
    except ValueError as error:
        raise UserError(f"hyper_parameters.behaviours: {error}") from None
    labelled = {name: b for name, b in behaviours.items() if not b.instead_of}

    def column(name: str) -> str:
        return label_of(behaviours, name)

    return LabelRules(
        columns=tuple(dict.fromkeys((*columns(section), *more))),
        kinds={**label_kinds(section), **more},
        targets=tuple(dict.fromkeys(map(column, labelled))),
        weights=tuple(
            Weight(b.sample_weight, column(name), column(b.space) if b.space in labelled else None)
            for name, b in labelled.items()
            if b.sample_weight
        ),
        spaces=_spaces(behaviours),
        inputs=frozenset(more),
        implies=implied_labels(behaviours),
        first=first_label(behaviours),
    )


def _spaces(behaviours: Mapping[str, Behaviour]) -> dict[str, str]:
    """By label what is the label of the space of all behaviours that it is of, where these are numbers."""
    found: dict[str, set[str]] = {}
    for name, behaviour in behaviours.items():
        space = behaviour.space or ""
        narrow = behaviour.head != "binary" and space in behaviours and not behaviours[space].instead_of
        found.setdefault(label_of(behaviours, name), set()).add(label_of(behaviours, space) if narrow else "")
    return {name: labels.pop() for name, labels in found.items() if len(labels) == 1 and "" not in labels}


@dataclass(frozen=True)
class Judged:
    """The labels of n impressions after a look at them.

    Attributes:
        labels: float32 [n] by name, with what follows from others.
        contradicting: bool [n], impressions to leave out of training and metrics.
        findings: bool [n] by what was found.
    """

    labels: dict[str, Array]
    contradicting: Array
    findings: dict[str, Array]

    def take(self, rows: Array) -> Judged:
        """Those of some impressions, int64 [N], in that order."""
        findings = {what: flags[rows] for what, flags in self.findings.items()}
        labels = {name: values[rows] for name, values in self.labels.items()}
        return Judged(labels, self.contradicting[rows], findings)

    @staticmethod
    def join(parts: Sequence[Judged]) -> Judged:
        """Those of all parts, in order."""
        names = dict.fromkeys(name for part in parts for name in part.findings)
        nothing = [np.zeros(len(part.contradicting), bool) for part in parts]
        return Judged(
            {name: np.concatenate([part.labels[name] for part in parts]) for name in parts[0].labels},
            np.concatenate([part.contradicting for part in parts]),
            {
                name: np.concatenate([part.findings.get(name, none) for part, none in zip(parts, nothing, strict=True)])
                for name in names
            },
        )

    def counts(self, rows: Any = slice(None)) -> dict[str, int]:
        """How often each finding was made among some of the impressions; those that were not are left out."""
        found = {what: int(np.count_nonzero(flags[rows])) for what, flags in self.findings.items()}
        return {what: count for what, count in found.items() if count}
