"""What a config says beyond the one that it is based on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rec.config.tree import DROP, replaces


def difference(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """The smallest tree that `merge` lays over `below` to make it `above`."""
    found: dict[str, Any] = {key: DROP for key in below if key not in above}
    for key, value in above.items():
        old = below.get(key)
        if key in below and old == value:
            continue
        within = isinstance(old, Mapping) and isinstance(value, Mapping) and not replaces(key, old, value)
        found[key] = difference(old, value) if within and isinstance(old, Mapping) else value
    return found
