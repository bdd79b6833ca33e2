"""What a misspelt name was meant to be."""

import difflib
from collections.abc import Collection

RENAMED = {"position_field": "bias_fields", "biased_tower": "biased_behaviours"}
"""Settings that have another name now."""


def did_you_mean(name: object, known: Collection[str], cutoff: float = 0.6) -> str:
    """` (did you mean x?)`, or an empty string if no known name is near."""
    renamed = RENAMED.get(str(name))
    near = [renamed] if renamed in known else difflib.get_close_matches(str(name), list(known), n=1, cutoff=cutoff)
    return f" (did you mean {near[0]}?)" if near else ""
