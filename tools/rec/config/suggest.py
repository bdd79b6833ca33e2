"""What a misspelt name was meant to be."""

import difflib
from collections.abc import Iterable


def did_you_mean(name: object, known: Iterable[str], cutoff: float = 0.6) -> str:
    """` (did you mean x?)`, or an empty string if no known name is near."""
    near = difflib.get_close_matches(str(name), list(known), n=1, cutoff=cutoff)
    return f" (did you mean {near[0]}?)" if near else ""
