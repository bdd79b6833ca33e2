"""The report as tables on the terminal."""

from typing import Any

from rich.console import Console
from rich.table import Table

from fields import FIELDS

_COUNTS = {
    "exposures": "exposures",
    "clicks": "clicks",
    "click_rate": "clicks per exposure",
    "conversions": "conversions",
    "conversion_rate_of_clicks": "conversions per click",
    "dropped_conversion_without_click": "dropped: conversion without click",
    "duplicate_exposures": "exact duplicate exposures",
    "common_rows": "common rows stored",
    "common_rows_stored_again": "  of them more than once",
    "exposures_per_common_row": "exposures per common row",
    "tokens_own": "tokens stored with exposures",
    "tokens_common": "tokens stored with common rows",
    "skipped": "bad rows skipped",
}


def show(report: dict[str, Any], console: Console) -> None:
    """Print report.json's content."""
    splits = report["splits"]
    console.print(_counts(splits))
    console.print(_fields(splits, report["vocabulary"]))
    if report["release"]:
        console.print(_release(report["release"]))
    for line in report["bad_rows"]["first"]:
        console.print(f"skipped: {line}", markup=False, emoji=False, highlight=False, soft_wrap=True)
    if report["values_not_kept"]:
        console.print(
            f"{report['values_not_kept']} test values of fields whose training values are all 1 were not kept"
        )


def _table(title: str, first: str, others: list[str]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column(first, no_wrap=True)
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}" if abs(value) >= 1 else f"{value:.5f}"


def _counts(splits: dict[str, Any]) -> Table:
    table = _table("Prepared", "", list(splits))
    for key, label in _COUNTS.items():
        table.add_row(label, *(_number(part[key]) for part in splits.values()))
    return table


def _fields(splits: dict[str, Any], vocabulary: dict[str, int]) -> Table:
    """Training figures, and per other part the share of tokens that training does not know."""
    others = [name for name in splits if name != "train"]
    columns = ["ids", "tokens", "missing", *(f"unknown\n{name}" for name in others)]
    table = _table(
        "Fields: ids and tokens per exposure of train, exposures without the field, tokens of unknown ids",
        "field",
        columns,
    )
    for field in FIELDS:
        train = splits["train"]["fields"][field.name]
        shares = [train["missing"], *(splits[name]["fields"][field.name]["out_of_vocabulary"] for name in others)]
        cells = [_number(vocabulary[field.name]), _number(train["tokens_per_exposure"]), *(f"{s:.2%}" for s in shares)]
        table.add_row(field.name, *cells)
    return table


def _release(entries: list[dict[str, Any]]) -> Table:
    table = _table("Against the release's known numbers", "", ["here", "release", ""])
    for entry in entries:
        verdict = "same" if entry["agrees"] else "[bold red]differs[/]"
        table.add_row(f"{entry['split']} {entry['what']}", _number(entry["here"]), _number(entry["release"]), verdict)
    return table
