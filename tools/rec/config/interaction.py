"""What of an interaction's section concerns the reader: which fields are histories that are attended over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LENGTH = 50
"""Tokens of a history that are attended over, where the section does not say."""


@dataclass(frozen=True)
class Attended:
    """Histories that a network sees token by token.

    Attributes:
        queries: by history the field whose vector asks.
        length: L, how many of its last tokens.
    """

    queries: Mapping[str, str] = field(default_factory=dict)
    length: int = LENGTH


def attended(hyper_parameters: Mapping[str, Any]) -> Attended:
    """Those that `hyper_parameters.interaction` names; what is wrong with the section is said elsewhere."""
    section = hyper_parameters.get("interaction")
    if not isinstance(section, Mapping) or not isinstance(section.get("attend"), Mapping):
        return Attended()
    length = section.get("length", LENGTH)
    queries = {str(history): str(query) for history, query in section["attend"].items()}
    return Attended(queries, length if isinstance(length, int) and length > 0 else LENGTH)
