"""An exported program calibrates as infer does."""

from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from support import Tool, tiny_lines, write_lines


@pytest.fixture
def options(tiny: list[str], tmp_path: Path) -> list[str]:
    write_lines(tmp_path / "valid", tiny_lines(3000, seed=3))
    rate = "hyper_parameters.optimizer.learning_rate=0.05"
    return [*tiny, rate, f"runner.valid_data_dir={tmp_path / 'valid'}", "runner.infer_end_epoch=null"]


@pytest.mark.parametrize("kind", ["platt", "isotonic"])
def test_it_scores_as_infer_does(kind, tool: Tool, options):
    calibrated = f"runner.calibration={kind}"
    assert tool("trainer", *options, calibrated).code == 0
    assert tool("to_static", *options).code == 0  # the predictions as they are
    outcome = tool("paddle_infer", *options, calibrated)
    assert outcome.code == 2
    assert "tostatic.json: was exported without a calibration" in outcome.err.splitlines()[-1]
    for name in ("to_static", "infer", "paddle_infer"):
        outcome = tool(name, *options, calibrated, f"runner.predict_save_path={name}.parquet")
        assert outcome.code == 0, outcome.err
    ours, exported = (pyarrow.parquet.read_table(f"{name}.parquet").to_pydict() for name in ("infer", "paddle_infer"))
    for task in ("ctr", "cvr", "ctcvr"):
        # Where an isotonic curve is steep, a prediction's last digit is more.
        atol = 1e-6 if kind == "platt" else 2e-3
        np.testing.assert_allclose(exported[f"p{task}"], ours[f"p{task}"], atol=atol)
    assert "its predictions are calibrated" in tool("paddle_infer", *options).err
    other = ["runner.calibration=isotonic", "runner.resume=true"] if kind == "platt" else []
    if other:
        assert tool("trainer", *options, *other).code == 0
        outcome = tool("paddle_infer", *options, other[0])
        assert outcome.code == 2
        assert "was exported with an earlier calibration" in outcome.err.splitlines()[-1]


def test_curves_by_a_field_are_not_exported(tool: Tool, options):
    by = "runner.calibration={kind: platt, by: item}"
    assert tool("trainer", *options, by).code == 0
    outcome = tool("to_static", *options, by)
    assert outcome.code == 2
    assert "curves for each item cannot be exported" in outcome.err.splitlines()[-1]
