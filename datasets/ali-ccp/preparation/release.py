"""The release's known numbers beside those of the data at hand, where its row counts say that it is the release."""

from typing import Any

from fields import FIELDS

_ROWS = {"train": (42_300_135, 730_600), "test": (43_016_840, 884_212)}
_COUNTS = {
    "train": {"clicks": 1_644_256, "conversions": 9_032, "conversions without a click": 230},
    "test": {"clicks": 1_673_447, "conversions": 9_421, "conversions without a click": 226},
}
_TOLERANCE = 0.01
"""The known tokens per exposure have three digits."""


def compare(
    split: str, rows: tuple[int, int], parts: list[dict[str, Any]], ids: dict[str, int]
) -> list[dict[str, Any]]:
    """What was found and what is known, one entry per quantity; empty if this is not the release's ``split``.

    Args:
        split: train or test.
        rows: lines of its skeleton and of its common-features file.
        parts: the schema and report entries of its parts, merged: train and valid, or test.
        ids: distinct original ids by field if all training rows were counted, else empty.
    """
    if rows != _ROWS[split]:
        return []
    noise = sum(part["dropped_conversion_without_click"] for part in parts)
    found = {
        "clicks": sum(part["clicks"] for part in parts),
        "conversions": sum(part["conversions"] for part in parts) + noise,
        "conversions without a click": noise,
    }
    entries = [_entry(split, name, found[name], known, 0) for name, known in _COUNTS[split].items()]
    if split == "test":
        return entries
    exposures = sum(part["exposures"] for part in parts)
    for field in FIELDS:
        tokens = (
            sum(part["exposures"] * part["fields"][field.name]["tokens_per_exposure"] for part in parts) / exposures
        )
        entries.append(_entry(split, f"{field.name}: tokens per exposure", tokens, field.tokens, _TOLERANCE))
        if ids:
            entries.append(_entry(split, f"{field.name}: distinct ids", ids[field.name], field.distinct, 0))
    return entries


def _entry(split: str, what: str, here: float, known: float, tolerance: float) -> dict[str, Any]:
    agrees = abs(here - known) <= tolerance * known
    return {"split": split, "what": what, "here": here, "release": known, "agrees": agrees}
