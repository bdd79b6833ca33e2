"""The page of a report: what stands in it is escaped, in both languages, and it asks no host for anything."""

import re
from html import unescape

import numpy as np
import pytest

from rec.report.html.forest import Row, forest
from rec.report.html.page import Plot, Prose, Raw, Section, Table, render
from rec.report.html.plots import Axes, Cloud, Line, bars, lines, scatter, stacked
from rec.report.html.text import Text, count, interval, joined, listed, number, percent, same

EVIL = '<script>alert("$x_1$")</script>'
X = np.arange(5.0)


def plots(name: str) -> list[str]:
    text = Text(name, f"中文{name}")
    return [
        lines(text, Axes(text, text, diagonal=text), [Line(text, X, X**2), Line(same(name), X, X, X - 1, X + 1, True)]),
        lines(text, Axes(text, text, log_x=True, log_y=True), [Line(text, X + 1, X + 1)]),
        forest(text, text, [Row(name, 0.5, 0.4, 0.6), Row("b", None, None, None)], 0.3, verdicts=True),
        bars(text, text, text, X, X[1:], (1.0, text)),
        stacked(text, text, [name, "b"], [np.array([0.5, 0.5]), np.array([1.0])], [name, "other"]),
        scatter(text, Axes(text, text), [Cloud(text, X, X, X)], (1.0, 2.0)),
    ]


def page(name: str) -> str:
    text = Text(name, f"中文{name}")
    blocks = [Prose(text), Table([text, name], [[text, name]], text), Raw(text, name)]
    blocks += [Plot(svg, text) for svg in plots(name)]
    return render(text, [Section("one", text, text, blocks)], "zh")


def test_nothing_that_stands_in_it_becomes_markup():
    found = page(EVIL)
    assert found.count("<script>") == 1  # its own
    assert not re.search(r"<script>\s*alert", found)
    assert "$x_1$" in unescape(found)  # no mathematics either


def test_plots_hold_both_languages_as_text():
    for svg in plots("clicks"):
        assert '<tspan lang="en">clicks</tspan><tspan lang="zh">中文clicks</tspan></text>' in svg
        assert re.match(r'<svg role="img" aria-label="clicks / 中文clicks"[^>]* viewBox=', svg)
        assert not re.match(r"<svg[^>]* (width|height)=", svg)


def test_plots_of_a_page_share_no_name_and_are_the_same_each_time():
    text = [same("first"), same("second")]
    svgs = [bars(title, title, title, X, X[1:]) for title in text]
    named = [set(re.findall(r'<clipPath id="([^"]+)"', svg)) for svg in svgs]
    assert all(named)
    assert not named[0] & named[1]
    assert svgs[0] == bars(text[0], text[0], text[0], X, X[1:])


def test_it_asks_no_host_for_anything():
    found = page("x")
    assert "default-src 'none'" in found
    links = re.findall(r'(?:src|href)="([^"]*)"', found)
    assert links
    assert all(link.startswith(("#", "data:")) for link in links)


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (0.5, "50.0\u00a0%"),
        (0.0123456, "1.23\u00a0%"),
        (0.00123456, "0.123\u00a0%"),
        (0.000123456, "0.0123\u00a0%"),
        (None, "–"),
        (1, "100.0\u00a0%"),
    ],
)
def test_shares(share, expected):
    assert percent(share) == expected


def test_numbers_and_lists():
    assert (number(0.12345), number(None), count(12345)) == ("0.1235", "–", "12,345")
    assert (interval(0.1, 0.25), interval(None, 1.0)) == ("[0.1000, 0.2500]", "–")
    assert [listed(names).en for names in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
    assert joined([Text("A.", "甲。"), Text("", ""), Text("B.", "乙。")]) == Text("A. B.", "甲。乙。")
