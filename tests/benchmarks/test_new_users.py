"""New users are predicted as what they are, where they had a vector that no step moved."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rec.run.assembly import assemble
from support import ROOT


@pytest.fixture
def unseen(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import unseen

    return unseen


def write_habits(folder: Path) -> None:
    """Every fourth of 400 users always clicks, the others never do, five times each; the test users are 400 others."""
    for part, first in (("train", 0), ("test", 400)):
        users = np.repeat(np.arange(first, first + 400), 5)
        same = dict.fromkeys(("item", "city", "category"), np.zeros(2000, np.int64))
        labels = {"click": (users % 4 == 0).astype(int), "buy": np.zeros(2000, np.int64)}
        (folder / part).mkdir()
        pq.write_table(pa.table({"user": users, **same, **labels}), folder / part / "t.parquet")


@pytest.mark.parametrize("seed", [1, 2])
def test_new_users_are_calibrated(unseen, tmp_path, seed):
    """Nothing but the user tells clicks, and nothing is known of a new one: his p(click) is the mean, 1/4."""
    write_habits(tmp_path)
    test = unseen.Test(np.full(2000, 0.25), np.arange(2000) % 2 == 0)
    rates: dict[str, float] = {}
    for name, rate in (("off", 0.0), ("default", None)):
        config = unseen.config_of(tmp_path, seed, rate)
        run = unseen.trained(config.merged({"hyper_parameters": {"optimizer": {"learning_rate": 0.01}}}), epochs=10)
        rates[name] = unseen.figures(run, test)["new"]["calibration"]
    assert rates["off"] > 3, "a vector near zero happens to be read as that of a user who clicks"
    assert 0.5 < rates["default"] < 2


@pytest.mark.parametrize("mode", ["dygraph", "static"])
def test_the_unknown_row_moves_in_training(unseen, tmp_path, mode):
    """Off, it stays as it began, for no value of the training data is unknown."""
    unseen.simulate(tmp_path, 600, seed=1)
    for rate, moves in ((0.0, False), (None, True)):
        run = assemble(unseen.config_of(tmp_path, 1, rate), mode, "train")
        rows = [run.reader.vocabulary.offset(name) for name in ("user", "item")]
        began = run.engine.table.arrays()["weight"][rows].copy()
        for batch in run.batches(run.reader, run.plan(0, 0, training=True)):
            run.engine.train_step(batch)
        moved = np.abs(run.engine.table.arrays()["weight"][rows] - began).max(axis=1)
        assert ((moved > 1e-4) == moves).all()
