"""Values with their weights in one text, such as news:0.7."""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

from rec.data.spelling import as_text


def halves(tokens: pa.Array, separator: str, column: str) -> tuple[pa.Array, pa.Array]:
    """The values of some pairs, and the texts of their weights; a text without the separator has the weight 1."""
    texts = as_text(tokens, column)
    pairs = pc.extract_regex(texts, f"(?s)^(?P<value>.*){re.escape(separator)}(?P<weight>.*)$")
    apart = pc.is_valid(pairs)
    value, weight = (pc.struct_field(pairs, name) for name in ("value", "weight"))
    return pc.if_else(apart, value, texts), pc.if_else(apart, weight, pa.scalar("1", texts.type))
