"""Tasks that predict a number are examined as such: in any range, and with empty rows."""

import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

from shipped import MODELS, SAMPLE

YOUTUBE = MODELS / "multitask" / "youtube" / "config.yaml"


def examine(*overrides: str) -> dict:
    """What the doctor finds on youtube, whose watch time and rating are numbers, by check."""
    from rec.config.config import load
    from rec.doctor.examine import examine

    findings: dict = {}
    for finding in examine(load(YOUTUBE, overrides), "dygraph"):
        findings.setdefault(finding.check, []).append(finding)
    return findings


@pytest.fixture
def sample(tmp_path):
    """A copy of the bundled impressions, and the table of those of training."""
    shutil.copytree(SAMPLE, tmp_path / "sample")
    (path,) = (tmp_path / "sample" / "train").glob("exposures*.parquet")
    return path, pq.read_table(path)


def with_column(sample, name: str, values) -> dict:
    """Findings where a column of the training data holds other values."""
    path, table = sample
    place = table.column_names.index(name)
    column = np.asarray(values, table.schema.field(name).type.to_pandas_dtype())
    pq.write_table(table.set_column(place, name, [column]), path, row_group_size=1 << 20)
    return examine(f"runner.train_data_dir={path.parent}")


def test_shipped_numbers_are_no_labels_of_0_and_1(sample):
    findings = examine()
    assert {f.severity for found in findings.values() for f in found} <= {"ok", "note"}
    table = sample[1]
    seconds = table["watch_time"].to_numpy()[table["click"].to_numpy() == 1]
    (found,) = findings["train watch_time"]
    assert found.found.startswith(f"{len(seconds):,} values of watch_time among clicks, from {seconds.min():g} to ")
    assert found.found.endswith(f"{seconds.mean():.4g} on average")


def test_a_number_that_never_changes(sample):
    (found,) = with_column(sample, "watch_time", np.full(len(sample[1]), 7))["train watch_time"]
    assert found.severity == "wrong"
    assert "all of them 7" in found.found
