"""What a config may say of one behaviour."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

LabelKind = Literal["binary", "number", "not negative"]
"""What a label may be: 0 or 1, any finite number, one of at least 0 (whose logarithm a loss takes, or a weight)."""


class Behaviour(BaseModel):
    """One behaviour of the `behaviours` section; all keys may be left out."""

    model_config = ConfigDict(strict=True, extra="forbid")

    after: str | list[str] | None = Field(None, description="the behaviour it follows, or several alternative ones")
    instead_of: str | None = Field(None, description="the behaviour whose complement it is; it has no label")
    implies: str | None = Field(None, description="a behaviour that it never goes without, though not modelled so")
    given: bool = Field(False, description="no tower: what follows is modelled on the impressions that have it")
    label: str | None = Field(None, description="label column; null: the behaviour's name")
    code: str | None = Field(None, description="letters in a task's name, as ct and cv in ctcvr")
    head: Literal["binary", "regression", "log_regression"] = Field("binary", description="what is predicted")
    start: float | int = Field(0.0, ge=0, description="a number's prediction before training: about the label's mean")
    space: str | None = Field(None, description="the loss is over impressions that have this behaviour; null: over all")
    weight: float | int = Field(1.0, ge=0, description="of its loss in the sum of losses")
    sample_weight: str | None = Field(None, description="column of weights of the impressions in its loss")
    loss: Literal["log", "focal", "jrc"] = Field("log", description="log loss, focal loss, or joint ranking (JRC)")
    gamma: float | int = Field(2.0, ge=0, description="of the focal loss: how much less what is clear already counts")
    alpha: float | int = Field(0.5, ge=0, le=1, description="of JRC: the log loss's share; the rest is that of ranking")
    positive_weight: float | int = Field(1.0, gt=0, description="how often an impression with the behaviour counts")
    label_smoothing: float | int = Field(0.0, ge=0, lt=1, description="e: the loss is of labels (1 - e) y + e / 2")
    pairwise: float | int = Field(0.0, ge=0, description="weight of a loss on the order of pairs within a request")
    listwise: float | int = Field(0.0, ge=0, description="weight of a softmax loss over each request's impressions")
    smearing: bool = Field(False, description="of log_regression: predict the mean, not e^(mean of logarithms)")

    @property
    def within_requests(self) -> bool:
        """Whether a loss of it compares the impressions of a request."""
        return bool(self.pairwise or self.listwise or self.loss == "jrc")


def check_keys(name: str, behaviour: Behaviour) -> None:
    """Raise ValueError for settings that would mean nothing beside others."""
    given = {key for key in behaviour.model_fields_set if getattr(behaviour, key)}
    losses = {"label", "code", "space", "weight", "sample_weight"}
    of_chances = {"loss", "positive_weight", "label_smoothing", "pairwise", "listwise"}
    of_chances |= {"focal": {"gamma"}, "jrc": {"alpha"}}.get(behaviour.loss, set())
    of_chances -= {"focal": {"label_smoothing"}, "jrc": {"label_smoothing", "positive_weight"}}.get(
        behaviour.loss, set()
    )
    allowed = {"after", "head", *losses, *of_chances}
    if behaviour.instead_of:
        allowed = {"instead_of"}
    elif behaviour.given:
        allowed = {"given", "label", "code"}
    elif behaviour.head != "binary":
        allowed = {"head", "start", *losses} - {"code"} | (
            {"smearing"} if behaviour.head == "log_regression" else set()
        )
    elif behaviour.implies:
        allowed = {"implies", "head", *losses, *of_chances}
    if given - allowed:
        raise ValueError(f"{name}: {', '.join(sorted(given - allowed))} means nothing beside {_kind(behaviour)}")


def _kind(behaviour: Behaviour) -> str:
    if behaviour.instead_of or behaviour.given:
        return "instead_of" if behaviour.instead_of else "given"
    if behaviour.head != "binary":
        return f"head: {behaviour.head}"
    return ", ".join([*(["implies"] if behaviour.implies else []), f"loss: {behaviour.loss}"])
