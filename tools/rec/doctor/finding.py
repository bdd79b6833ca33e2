"""What a check says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["ok", "note", "warn", "wrong"]
SEVERITIES: tuple[Severity, ...] = ("ok", "note", "warn", "wrong")
"""From harmless to what a run would fail or be worthless for. A note is worth knowing and needs no action."""


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        check: what was looked at, e.g. `leakage` or `test data: AUC`.
        severity: one of SEVERITIES; only `wrong` makes the exit code 1.
        found: what is there, with numbers.
        advice: what to do; empty where there is nothing to do.
        values: the numbers behind it, for JSON.
    """

    check: str
    severity: Severity
    found: str
    advice: str = ""
    values: dict[str, Any] = field(default_factory=dict)


def worst(findings: list[Finding]) -> Severity:
    """The gravest severity among findings; `ok` if there are none."""
    return max((finding.severity for finding in findings), key=SEVERITIES.index, default="ok")
