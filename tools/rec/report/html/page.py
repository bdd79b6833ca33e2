"""A page put together of sections, which are lists of prose, tables and plots."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from rec.report.html.text import Text

Language: TypeAlias = Literal["en", "zh"]
Cell: TypeAlias = Text | str

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Prose:
    """A paragraph."""

    text: Text


@dataclass(frozen=True)
class Table:
    """Rows of cells. `left` columns are names; the others are numbers, and stand to the right.

    Attributes:
        caption: what it shows.
        strong: the numbers of rows that stand out.
    """

    header: Sequence[Cell]
    rows: Sequence[Sequence[Cell]]
    caption: Text
    left: int = 1
    strong: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Plot:
    """An SVG and what it shows."""

    svg: str
    caption: Text
    wide: bool = False

    @property
    def markup(self) -> Markup:
        """The SVG as it is: `rec.report.html.svg` escapes what stands in it."""
        return Markup(self.svg)


@dataclass(frozen=True)
class Raw:
    """Text as it stands, such as a config, behind a line that opens it."""

    title: Text
    text: str


Block: TypeAlias = Prose | Table | Plot | Raw


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        name: its anchor.
        title, how: its heading, and one sentence on how to read it.
        blocks: what it holds, in order.
    """

    name: str
    title: Text
    how: Text
    blocks: Sequence[Block] = field(default_factory=tuple)


def render(title: Text, sections: Sequence[Section], language: Language) -> str:
    """The whole page; it asks no host for anything, and its policy would not let it."""
    # What `trim_blocks` leaves is compact; a missing name is a mistake of ours.
    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.tests["block"] = lambda block, name: type(block).__name__ == name
    style, script = ((_HERE / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    return environment.get_template("page.html").render(
        title=title, sections=sections, language=language, style=Markup(style), script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )  # fmt: skip
