"""Findings as a table on stdout and as a JSON file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rec.doctor.finding import SEVERITIES, Finding, worst
from rec.errors import UserError

_STYLE = {"ok": "green", "note": "cyan", "warn": "yellow", "wrong": "bold red"}


def print_findings(findings: list[Finding]) -> None:
    """One row per finding, and a line that sums up."""
    table = Table(title="doctor", title_justify="left")
    table.add_column("check", overflow="fold")
    table.add_column("")
    table.add_column("found", overflow="fold")
    table.add_column("what to do", overflow="fold")
    for finding in findings:
        severity = Text(finding.severity, style=_STYLE[finding.severity])
        table.add_row(Text(finding.check), severity, Text(finding.found), Text(finding.advice))
    console = Console()
    if not console.is_terminal:
        console = Console(width=140)  # rather than the 80 columns of nobody's screen
    console.print(table)
    counts = _counts(findings)
    console.print(", ".join(f"{counts[severity]} {severity}" for severity in reversed(SEVERITIES)), highlight=False)


def write_json(path: Path, about: dict[str, Any], findings: list[Finding]) -> None:
    """`about`, `worst`, `counts` and `findings`, whole or not at all.

    Raises:
        UserError: the file cannot be written.
    """
    content = {
        **about,
        "worst": worst(findings),
        "counts": _counts(findings),
        "findings": [vars(finding) for finding in findings],
    }
    temporary = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        temporary.write_text(json.dumps(_plain(content), indent=1, ensure_ascii=False), encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror} (choose another with --json)") from None


def _counts(findings: list[Finding]) -> dict[str, int]:
    return {severity: sum(finding.severity == severity for finding in findings) for severity in SEVERITIES}


def _plain(value: Any) -> Any:
    """JSON has no infinity and no NaN: they become null."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and not (abs(value) < float("inf")):
        return None
    return value
