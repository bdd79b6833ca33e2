"""Which checkpoints are evaluated, and the predictions that are written of the last, alike in both graph modes."""

import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from shipped import MODELS
from support import Tool

MODES = {"dygraph": ("trainer", "infer"), "static": ("static_trainer", "static_infer")}


def measured() -> dict[str, dict]:
    """What was measured of each checkpoint since this was asked for last, by epoch."""
    found = {}
    for path in Path("out").glob("*/metrics.json"):
        found[path.parent.name] = json.loads(path.read_text())
        path.unlink()
    return found


@pytest.mark.parametrize("mode", MODES)
def test_epochs_the_best_and_the_latest(tool: Tool, tiny, tmp_path, mode):
    """Validation data are the test data, so what each epoch's checkpoint noted of itself is what must be found."""
    trainer, infer = MODES[mode]
    tiny += [f"runner.valid_data_dir={tmp_path / 'test'}", "runner.best_metric=auc_ctr", "runner.epochs=5"]
    # As large a rate as this overfits 600 lines: the last epoch is not the best.
    assert tool(trainer, *tiny, "hyper_parameters.optimizer.learning_rate=0.05").code == 0
    noted = {p.parent.name: json.loads(p.read_text())["metrics"] for p in Path("out").glob("[0-9]/state.json")}
    assert noted.keys() == set("01234")
    assert len({metrics["auc_ctr"] for metrics in noted.values()}) == 5

    epochs = ["runner.infer_start_epoch=1", "runner.infer_end_epoch=4"]
    several = tool(infer, *tiny, *epochs, "runner.predict_save_path=several.parquet")
    assert several.code == 0, several.err
    assert re.findall(r"epoch: (\d) done, auc_ctr", several.err) == ["1", "2", "3"]
    found = measured()
    assert found.keys() == set("123")
    for epoch, metrics in found.items():
        assert {name: metrics[name] for name in noted[epoch]} == pytest.approx(noted[epoch], rel=1e-6)

    best = max(noted, key=lambda epoch: noted[epoch]["auc_ctr"])
    assert best != "4"
    for checkpoint, epoch in (("best", best), ("latest", "4")):
        assert tool(infer, *tiny, f"runner.infer_checkpoint={checkpoint}").code == 0
        assert list(measured()) == [epoch]

    # Predictions are those of the last epoch that is evaluated.
    only = ["runner.infer_start_epoch=3", "runner.infer_end_epoch=4", "runner.predict_save_path=only.parquet"]
    assert tool(infer, *tiny, *only).code == 0
    assert pyarrow.parquet.read_table("several.parquet").equals(pyarrow.parquet.read_table("only.parquet"))


@pytest.mark.parametrize("directory", ["esmm", "youtube"])
def test_predictions_are_the_same_in_either_mode_and_format(tool: Tool, tmp_path, monkeypatch, directory):
    monkeypatch.chdir(tmp_path)
    arguments = ["-m", MODELS / "multitask" / directory / "config.yaml", "-o", "runner.epochs=1"]
    arguments += ["runner.infer_end_epoch=1", "runner.model_save_path=out", "runner.infer_load_path=out"]
    assert tool("trainer", *arguments, "runner.train_batch_size=1024").code == 0
    tables = {}
    for mode, (_, infer) in MODES.items():
        for ending in ("csv", "parquet"):
            assert tool(infer, *arguments, f"runner.predict_save_path={mode}.{ending}").code == 0
        tables[mode, "csv"] = pyarrow.csv.read_csv(f"{mode}.csv")
        tables[mode, "parquet"] = pyarrow.parquet.read_table(f"{mode}.parquet")
    expected = tables["dygraph", "parquet"]
    assert {"sample_id", "click", "pctr"} < set(expected.column_names)
    assert len(expected) == json.loads(Path("out/0/metrics.json").read_text())["impressions"]
    for found in tables.values():
        assert found.column_names == expected.column_names
        for name in expected.column_names:
            assert found[name].null_count == expected[name].null_count
            a, b = (table[name].drop_null().cast(pa.float64()).to_numpy() for table in (expected, found))
            np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-7, err_msg=name)
