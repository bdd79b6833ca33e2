"""Values of fields in training and in testing: kinds of columns, and what training has not seen."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support import ESMM


@pytest.fixture
def examined(tmp_path):
    """Findings about a table of 12 users and 5 items, 3,000 rows for training and 2,000 for testing, as given."""
    from rec.config.config import load
    from rec.doctor.examine import examine

    def run(kind: pa.DataType, spell=lambda user: user):
        random = np.random.default_rng(0)
        for folder, count, given in (("train", 3000, pa.int64()), ("test", 2000, kind)):
            user, item = random.integers(0, 12, count) + 10**10, random.integers(0, 5, count)
            click = random.random(count) < 0.1 + 0.1 * item
            users = pa.array(user if folder == "train" else [spell(one) for one in user.tolist()])
            table = {
                "user": users.cast(given),
                "item": item,
                "click": click,
                "buy": click & (random.random(count) < 0.4),
            }
            (tmp_path / folder).mkdir()
            pq.write_table(pa.table(table), tmp_path / folder / "t.parquet")
        (tmp_path / "mine.yaml").write_text(f"""\
base: {ESMM / "config.yaml"}
runner: {{train_data_dir: {tmp_path}/train, test_data_dir: {tmp_path}/test,
  train_reader_path: {ESMM}/table_reader, infer_reader_path: {ESMM}/table_reader}}
data: {{labels: {{click: click, conversion: buy}}, fields: {{user: , item: }}}}
hyper_parameters: {{sparse_feature_number: null}}
""")
        for file in ("net", "dygraph_model"):
            (tmp_path / f"{file}.py").write_text((ESMM / f"{file}.py").read_text())
        return [f for f in examine(load(tmp_path / "mine.yaml", []), "dygraph") if f.check == "test values"]

    return run


def test_ids_that_are_floats_in_testing_are_the_same_ids(examined):
    note, ok = examined(pa.float64())
    assert note.severity == "note"
    assert "field user is int64 in training, double in testing" in note.found
    assert ok.severity == "ok"
    assert ok.values == {"user": 0.0, "item": 0.0}


def test_ids_that_are_spelled_otherwise_are_told(examined):
    _, warning = examined(pa.string(), lambda user: f"U{user}")
    assert warning.severity == "warn"
    assert "training has not seen most values of field user in the test data" in warning.found
    assert "100.0%: 12 of 12 values, such as 'U100000000" in warning.found


def test_a_third_of_new_values_is_no_trouble(examined):
    """Users 0 to 11 in training, 4 to 15 in testing: 4 of 12 are new."""
    (ok,) = examined(pa.int64(), lambda user: user + 4)
    assert ok.severity == "ok"
    assert ok.values == {"user": pytest.approx(1 / 3, abs=0.04), "item": 0.0}


def test_ids_of_lines_that_training_never_had(clinic):
    (ok,) = [finding for finding in clinic.examine() if finding.check == "test values"]
    assert ok.severity == "ok"
    assert ok.values == {"user": 0.0, "item": 0.0, "tags": 0.0}
    clinic.train = [line.replace("item:3", "item:2") for line in clinic.train]
    clinic.test = [line.replace("item:2", "item:3") for line in clinic.test]
    (warning,) = [finding for finding in clinic.examine() if finding.check == "test values"]
    assert warning.severity == "warn"
    assert "field item in the test data (100.0%: 10 of 10 values, such as '3" in warning.found
