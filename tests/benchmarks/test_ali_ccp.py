"""The benchmark of the release's size, on a size that takes seconds: each step of it runs, and counts rightly."""

from __future__ import annotations

import pytest

from support import ROOT


def test_every_step_of_it_runs(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import ali_ccp

    monkeypatch.setattr(ali_ccp, "FULL", (20_000, 4_000))
    found = ali_ccp.full(tmp_path)
    assert found["prepare"]["impressions"] == 24_000
    assert found["epoch"]["impressions"] == pytest.approx(19_000, rel=0.03)  # 5 % are held out, by common rows
    assert found["epoch"]["truth"].keys() == {"ctr", "cvr", "ctcvr"}
    assert 0 < found["epoch"]["epoch_seconds"] < found["epoch"]["command_seconds"]
    assert not (tmp_path / "raw-20000").exists()
