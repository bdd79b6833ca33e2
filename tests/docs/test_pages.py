"""What holds for all pages that a reader comes to: links lead somewhere, and what is generated is what would be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pages import DOCS, blocks, page
from rec.help import topics
from support import ROOT

PAGES = [ROOT / "README.md", ROOT / "README_CN.md", *sorted(DOCS.glob("*.md"))]


def anchors(path: Path) -> set[str]:
    """The names of a page's headings, as they are linked to."""
    titles = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", PAGES, ids=[path.name for path in PAGES])
def test_links_lead_somewhere(path):
    dead = []
    for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8").replace("\n", "")):
        target, _, anchor = link.partition("#")
        file = (path.parent / target) if target else path
        if "://" not in link and not (file.exists() and (not anchor or anchor in anchors(file))):
            dead.append(link)
    assert dead == []


def test_the_reference_is_what_the_command_prints():
    (block,) = blocks(page("reference-data.md"))
    assert block.content == f"{topics.topic('data')}\n", "run `make reference`, which writes the page anew"
