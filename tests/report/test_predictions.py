"""Predictions on disk, also where the first batch does not tell what the others are like."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rec.data.batch import Batch
from rec.errors import UserError
from rec.metrics.task import Task
from rec.report.predictions import PredictionFile

FORMATS = pytest.mark.parametrize("suffix", [".csv", ".parquet"])
TASKS = [Task("ctr", "click"), Task("seconds", "watch", kind="regression")]


def batch(*ids: str, as_bytes: bool = True) -> Batch:
    names = np.array([name.encode() for name in ids]) if as_bytes else np.array(ids)
    click, watch = np.full(len(ids), np.nan, np.float32), np.full(len(ids), 2.5, np.float32)
    click[0] = 1
    return Batch(np.empty(0, np.int64), (), {"click": click, "watch": watch}, names)


def written(path: Path, batches: list[tuple], tasks=TASKS) -> pd.DataFrame:
    with PredictionFile(path, tasks) as file:
        for rows, values in batches:
            file.add(rows, values)
    assert sorted(path.parent.iterdir()) == [path]
    return pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)


def probabilities(*values: float):
    return {"pctr": np.array(values, np.float32).reshape(-1, 1)}


@FORMATS
def test_ids_that_are_whole_numbers_are_numbers(tmp_path, suffix):
    found = written(tmp_path / f"p{suffix}", [(batch("7", "12"), probabilities(0.1, 0.2))])
    assert found["sample_id"].tolist() == [7, 12]
    assert found["click"].tolist() == pytest.approx([1, np.nan], nan_ok=True)


@FORMATS
def test_numbers_of_requests_within_a_batch_are_not_written(tmp_path, suffix):
    """They looked like the ids of the table's column, and began at 0 in each batch."""
    one = batch("7", "12")
    one.labels["request_id"] = np.float32([0, 1])
    found = written(tmp_path / f"p{suffix}", [(one, probabilities(0.1, 0.2))])
    assert list(found) == ["sample_id", "click", "watch", "pctr"]


@FORMATS
@pytest.mark.parametrize("as_bytes", [True, False])
def test_an_id_that_is_no_number_comes_late(tmp_path, suffix, as_bytes):
    batches = [
        (batch("7", "12", as_bytes=as_bytes), probabilities(0.1, 1 / 3)),
        (batch("8", "007", "A4", as_bytes=as_bytes), probabilities(0.3, 0.4, 0.5)),
        (batch("9", as_bytes=as_bytes), probabilities(0.6)),
    ]
    found = written(tmp_path / f"p{suffix}", batches)
    text = pd.read_csv(tmp_path / "p.csv", dtype={"sample_id": str}) if suffix == ".csv" else found
    assert text["sample_id"].tolist() == ["7", "12", "8", "007", "A4", "9"]
    assert found["pctr"].astype(np.float32).tolist() == np.float32([0.1, 1 / 3, 0.3, 0.4, 0.5, 0.6]).tolist()
    assert found["click"].tolist() == pytest.approx([1, np.nan, 1, np.nan, np.nan, 1], nan_ok=True)
    assert found["watch"].tolist() == [2.5] * 6


@FORMATS
def test_a_single_figure_is_no_column_where_a_batch_has_one_row(tmp_path, suffix):
    """As PaddleRec's models show it, a loss beside the predictions."""
    batches = [
        ([np.zeros((3, 1))], {"loss": np.array([0.5]), "mean": np.float32(0.3), **probabilities(0.1, 0.2, 0.3)}),
        ([np.zeros((1, 1))], {"loss": np.array([0.7]), "mean": np.float32(0.3), **probabilities(0.4)}),
    ]
    found = written(tmp_path / f"p{suffix}", batches, tasks=[])
    assert list(found) == ["sample_id", "pctr"]
    assert found["sample_id"].tolist() == [0, 1, 2, 3]


def test_vectors_stay_vectors_where_a_batch_has_one_row(tmp_path):
    shares = [np.array([[0.1, 0.9], [0.2, 0.8]]), np.array([[0.3, 0.7]])]
    batches = [([np.zeros((len(share), 1))], {"shares": share}) for share in shares]
    found = written(tmp_path / "p.parquet", batches, tasks=[])
    assert [list(row) for row in found["shares"]] == [[0.1, 0.9], [0.2, 0.8], [0.3, 0.7]]


@FORMATS
def test_an_output_that_goes_missing_is_told(tmp_path, suffix):
    batches = [(batch("1", "2"), probabilities(0.1, 0.2)), (batch("3", "4"), probabilities(0.1))]
    with pytest.raises(UserError, match="the model's pctr has no value for each of a batch's 2 rows"):
        written(tmp_path / f"p{suffix}", batches)
    assert not list(tmp_path.iterdir())
