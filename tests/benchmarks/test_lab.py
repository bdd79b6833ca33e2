"""The laboratory on the bundled impressions, at a size of seconds; and its page on figures made up."""

from __future__ import annotations

import pytest

from support import ROOT

DATA = ROOT / "models" / "multitask" / "data" / "behaviours"


@pytest.fixture
def lab(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import lab

    return lab


def test_a_short_form_of_it_runs_and_does_nothing_twice(lab, monkeypatch, tmp_path):
    monkeypatch.setattr(lab, "prepared", lambda *_: DATA)
    arguments = [str(tmp_path), "--seeds", "1", "--world", "few", "--system", "ESMM", "--system", "Multi-IPW, true p"]
    lab.main(arguments)
    page = (tmp_path / "lab.md").read_text()
    rows = [line for line in page.split("## World: few")[1].splitlines() if line.startswith(("| ESMM", "| Multi"))]
    assert len(rows) == 4  # of the world, and of the costs
    assert "<h2>Which method wins where</h2>" in (tmp_path / "lab.html").read_text()
    from rec.compare import fit

    monkeypatch.setattr(fit, "train_epoch", None)
    lab.main(arguments)
    assert (tmp_path / "lab.md").read_text() == page


def test_who_wins_where(lab):
    from lab_page import Lab, sections

    made = Lab()
    for seed in range(5):
        for system, share in (("ESMM", 0.5), ("better", 0.6), ("alike", 0.5)):
            noise = 0.01 * ((seed * len(system)) % 3)
            made.add("hidden", system, {"share of ceiling, entire": share + noise, "CVR AUC, clicked": None})
    best = next(iter(sections(made)))
    (_, row) = best.rows
    assert row[:2] == ["hidden", "better"]
    assert row[-2:] == ["better", "none"]
