"""Known results make known tables."""

import math

import pytest

from rec.compare.figure import draw
from rec.compare.intervals import Difference
from rec.compare.outcome import Outcome, best_rate
from rec.compare.report import markdown, page
from rec.config.compare import Compare

SYSTEMS = {
    "BASE": {"rows": "clicked", "published": {"cvr": 0.66}},
    "AMAN": {"rows": "aman", "rates": [0.1, 0.5]},
    "DIVISION": {"division": True},
}
CVR = {"BASE": (0.60, 0.62, 0.64), "AMAN": (0.61, 0.64, 0.67), "DIVISION": (0.5, 0.5, 0.5)}


def outcome(shares=(0.5, 1.0), truth=True, systems=SYSTEMS) -> Outcome:
    compare = Compare(seeds=[1, 2, 3], shares=list(shares), systems=systems)
    runs = {}
    for name, values in CVR.items():
        for share in shares:
            for seed, value in zip(compare.seeds, values, strict=True):
                figures = {"cvr": value - 0.1 * (share < 1), "ctcvr": 0.7}
                if truth:
                    figures |= {"entire_cvr": value, "ceiling": 0.8, "share_of_ceiling": (value - 0.5) / 0.3}
                runs[name, share, seed] = {
                    "figures": figures, "rate": 0.5, "valid_cvr": 0.6, "above_one": 3 * seed, "test_impressions": 1000,
                }  # fmt: skip
    searched = {"AMAN": [{"rate": 0.1, "valid_cvr": 0.61}, {"rate": 0.5, "valid_cvr": 0.63}]}
    return Outcome(compare, runs, searched, {("AMAN", "cvr"): Difference(0.02, -0.01, 0.05)})


def row(text: str, name: str, section: str) -> list[str]:
    part = text.split(f"## {section}\n")[1].split("## ")[0]
    line = next(line for line in part.splitlines() if line.startswith(f"| {name} "))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_table_of_systems():
    text = markdown(outcome(), "Title")
    t = 2 * math.sqrt(3)  # AMAN less BASE: .01, .02, .03
    p = f"{1 - t / math.sqrt(2 + t * t):.4f}"
    assert row(text, "BASE", "Systems") == [
        "BASE", "0.6200 ± 0.0200", "-", "-", p, "0.6600", "0.7000 ± 0.0000", "-", "-", "-", "-",
    ]  # fmt: skip
    assert row(text, "AMAN", "Systems")[1:5] == ["0.6400 ± 0.0300", "+0.0200 (-0.0100 to +0.0500)", p, "-"]
    assert "Best: CVR AMAN" in text


def test_no_column_of_published_numbers_where_there_are_none():
    systems = {**SYSTEMS, "BASE": {"rows": "clicked"}}
    text = markdown(outcome(systems=systems), "Title")
    assert "published" not in text
    assert row(text, "BASE", "Systems") == [
        "BASE", "0.6200 ± 0.0200", "-", "-", "0.0742", "0.7000 ± 0.0000", "-", "-", "-",
    ]  # fmt: skip


def test_the_table_against_the_truth():
    text = markdown(outcome(), "Title")
    found = row(text, "DIVISION", "Against the known truth")
    assert found[1] == "0.5000 ± 0.0000"
    assert found[-1] == "0.6000%"  # 3, 6 and 9 of 1,000
    assert row(text, "BASE", "Against the known truth")[3] == "0.4000 ± 0.0667"
    assert "Against the known truth" not in markdown(outcome(truth=False), "Title")


def test_searched_rates_and_shares():
    text = markdown(outcome(), "Title")
    assert row(text, "AMAN", "Rates searched") == ["AMAN", "0.1", "0.6100", ""]
    assert "| AMAN | 0.5 | 0.6300 | yes |" in text
    assert row(text, "BASE", "AUC against the share of training data")[1:3] == ["0.5200 ± 0.0200", "0.6200 ± 0.0200"]
    assert "share of training data" not in markdown(outcome(shares=(1.0,)), "Title").replace("Mean ±", "")


def test_the_best_rate():
    assert (
        best_rate([{"rate": 2, "valid_cvr": None}, {"rate": 3, "valid_cvr": 0.4}, {"rate": 5, "valid_cvr": 0.4}]) == 3
    )


def test_the_page_holds_the_same_cells_and_the_figure():
    known = outcome()
    figure = draw(known)
    assert figure.startswith(b"\x89PNG")
    text = page(known, "A & B", figure)
    assert "<title>A &amp; B</title>" in text
    assert "<td>0.6200 ± 0.0200</td>" in text
    assert "data:image/png;base64,iVBOR" in text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"systems": {"A": {}}}, "exactly one|one of rows, model and division"),
        ({"systems": {"A": {"rows": "aman"}}}, "rates belong to rows: aman"),
        ({"systems": {"A": {"rows": "aman", "rates": [2]}}}, "are shares, at most 1"),
        ({"systems": {"A": {"rows": "oversampling", "rates": [1.5]}}}, "whole numbers"),
        ({"systems": {"A": {"rows": "clicked", "rates": [1]}}}, "rates belong to rows: aman"),
        ({"systems": {"A": {"rows": "clicked"}}, "seeds": [1, 1]}, "seeds should be distinct"),
        ({"systems": {"A": {"rows": "clicked"}}, "shares": [0]}, "greater than 0"),
    ],
)
def test_settings_that_make_no_sense(changes, message):
    with pytest.raises(ValueError, match=message):
        Compare(**changes)
