"""Fields that are numbers are looked at as ids are: one that says a label, never changes, or tells rows apart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shipped import MODELS

ROWS = 4000


@pytest.fixture
def examined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, list[Any]]]:
    """Findings by check about two users and two items, whose clicks nothing tells, and a number beside them."""
    from rec.config.config import load
    from rec.doctor.examine import examine

    monkeypatch.chdir(tmp_path)

    def run(number: Callable[[np.ndarray, np.random.Generator], np.ndarray]) -> dict[str, list[Any]]:
        random = np.random.default_rng(0)
        user, item, click = (random.integers(0, 2, ROWS) for _ in range(3))
        table = {"user": user, "item": item, "click": click, "x": number(click, random)}
        pq.write_table(pa.table(table), tmp_path / "t.parquet")
        (tmp_path / "c.yaml").write_text(f"""\
base: {MODELS}/rank/deepfm/config.yaml
runner: {{train_data_dir: t.parquet, test_data_dir: t.parquet}}
data:
  test: {{share: 0.3}}
  labels: {{click: click}}
  fields: {{user: , item: , x: {{numeric: standardize}}}}
""")
        found: dict[str, list[Any]] = {}
        for finding in examine(load(tmp_path / "c.yaml", []), "dygraph"):
            found.setdefault(finding.check, []).append(finding)
        return found

    return run


@pytest.mark.parametrize("sign", [1, -1])
def test_a_number_that_says_the_label(examined, sign):
    """Of N(0, 1) and N(3, 1) the second is larger with probability Phi(3 / sqrt 2) = .983."""
    (leak,) = examined(lambda click, random: sign * (3 * click + random.normal(size=ROWS)))["leakage"]
    assert leak.severity == "wrong"
    assert leak.found.startswith("field x alone predicts click (ctr) with AUC 0.98")
    assert leak.values["auc"] == pytest.approx(0.983, abs=0.005)


def test_a_number_that_says_nothing_is_counted_among_what_tells_rows_apart(examined):
    found = examined(lambda _, random: random.normal(size=ROWS))
    assert found["leakage"][0].severity == "ok"
    assert found["train rows"][0].found.endswith(
        ", 2 fields and 1 number; 0.0% repeat an earlier row's tokens and numbers"
    )
    assert found["train/test overlap"][0].values == {"seen": 0.0, "expected": 0.0}


def test_a_number_that_never_changes(examined):
    (same,) = examined(lambda click, _: np.full(len(click), 7.5))["train rows"]
    assert same.severity == "warn"
    assert same.found.startswith("field x is the same number in all 2,")
