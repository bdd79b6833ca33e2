"""The pages under `docs`, and the fenced blocks in them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from support import ROOT

DOCS = ROOT / "docs"
_FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        before: the text between it and the block before.
        language: as the fence says.
        content: what stands in it.
    """

    before: str
    language: str
    content: str


def page(name: str) -> str:
    """The text of a page."""
    return (DOCS / name).read_text(encoding="utf-8")


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a text, in order."""
    said, *rest = _FENCED.split(text)
    found = []
    for language, content, then in zip(rest[::3], rest[1::3], rest[2::3], strict=True):
        found.append(Block(said, language, content))
        said = then
    return found
