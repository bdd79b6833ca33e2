"""The doctor on streams: fields that know the future, and logs that are too short."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from late import TREE, write_log
from rec.config.config import load
from rec.doctor.examine import examine
from rec.doctor.finding import Finding


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Path:
    """With a field that is a time after the click, and one that is there only where something was sold."""
    folder = tmp_path_factory.mktemp("shop")
    path = write_log(folder / "log") / "log.parquet"
    table = pq.read_table(path)
    click, sold = table["clicked_at"].to_numpy(), table["bought_at"].to_numpy()
    shipped = np.where(np.arange(len(click)) % 3 == 0, click + np.timedelta64(1, "h"), click)
    shipped = pa.array(np.datetime_as_string(shipped, "s").tolist())
    receipt = pa.array(np.arange(len(click)) % 7, mask=np.isnat(sold))
    pq.write_table(table.append_column("shipped_at", shipped).append_column("receipt", receipt), path)
    (folder / "stream.yaml").write_text(yaml.safe_dump(TREE))
    return folder


def findings(shop: Path, check: str, *overrides: str) -> list[Finding]:
    folders = [f"runner.train_data_dir={shop / 'log'}", f"runner.model_save_path={shop / 'out'}"]
    config = load(shop / "stream.yaml", [*folders, *overrides])
    return [finding for finding in examine(config, "dygraph") if finding.check == check]


def test_a_stream_is_well(shop):
    hours, late = findings(shop, "times")
    assert (hours.severity, late.severity) == ("ok", "ok")
    assert "clicks to pretrain on, then 2" in hours.found
    # As its own delays say: one item in two sells in minutes.
    assert 0.3 < late.values["after_wait"] < 0.5
    assert "after the wait of 1 hours" in late.found


def test_a_time_after_the_click_is_told_of(shop):
    found, *_ = findings(shop, "times", "data.fields.shipped_at=")
    assert (found.severity, found.values) == ("warn", {"field": "shipped_at", "later": 1000})
    assert "field shipped_at holds times, of 3,000 rows 1,000 after the click" in found.found


def test_what_is_there_only_where_something_was_sold_is_a_leak(shop):
    (found,) = [each for each in findings(shop, "leakage", "data.fields.receipt=") if each.values.get("field")]
    assert found.severity == "wrong"
    assert "field receipt alone predicts conversion" in found.found


def test_the_conversion_time_is_no_field(shop):
    (found,) = findings(shop, "train reader", "data.fields.bought_at=")
    assert found.severity == "wrong"
    assert "column bought_at is stream.conversion_time" in found.found


def test_a_log_that_is_too_short(shop):
    found = findings(shop, "times", "stream.start=2026-05-05")
    assert found[0].severity == "wrong"
    assert "no hour from 2026-05-05 on ends 1 days before the log does" in found[0].found


def test_a_window_that_is_too_short(shop):
    """Delays of 12 minutes in the mean, of one item in two, cut off at 22 minutes."""
    (found,) = [each for each in findings(shop, "times", "stream.attribution_days=0.015") if "half of" in each.found]
    assert found.severity == "warn"
    assert found.values["last_tenth"] == pytest.approx(0.06, abs=0.03)
