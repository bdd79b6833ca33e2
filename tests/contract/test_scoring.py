"""Scoring a PaddleRec static directory: dropout draws nothing, BatchNorm takes its running mean and leaves it alone."""

import shutil
from pathlib import Path

import numpy as np
import paddle
import pandas as pd
import pytest

from support import Tool, write_lines

DIRECTORY = Path(__file__).parent / "directories" / "static_inference"
OPTIONS = ["runner.epochs=2", "runner.use_inference=false", "hyper_parameters.optimizer.learning_rate=0.1"]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """A directory whose hidden layer is normalised and dropped out."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(DIRECTORY, "wide")
    for part in ("train", "test"):
        write_lines(Path("wide", "data", part), [f"{n % 3 % 2} 0 1.0 {n % 20} {20 + n % 7} 40" for n in range(100)])
    net = Path("wide/net.py")
    text = net.read_text().replace("F.relu(linear(hidden))", "self.norm(F.dropout(self.drop(F.relu(linear(hidden)))))")
    made = "        self.norm, self.drop = nn.BatchNorm1D(8), nn.Dropout(0.5)\n        self.layers = []\n"
    net.write_text(text.replace("        self.layers = []\n", made))
    return ["-m", "wide/config.yaml", "-o", *OPTIONS]


def by_hand(folder: str) -> np.ndarray:
    """p(label = 1) of the 100 test rows from a checkpoint's weights."""
    w = paddle.load(f"{folder}/rec_static.pdparams", return_numpy=True)
    row = np.arange(100)
    x = np.concatenate([w["SparseFeatFactors"][row % 20], w["SparseFeatFactors"][20 + row % 7]], axis=1)
    x = np.maximum(x @ w["linear_0.w_0"] + w["linear_0.b_0"], 0)
    mean, variance = w["batch_norm1d_0.w_1"], w["batch_norm1d_0.w_2"]
    x = (x - mean) / np.sqrt(variance + 1e-5) * w["batch_norm1d_0.w_0"] + w["batch_norm1d_0.b_0"]
    raw = x @ w["linear_1.w_0"] + w["linear_1.b_0"]
    return 1 / (1 + np.exp(raw[:, 0] - raw[:, 1]))


def test_predictions_are_those_of_the_weights(tool: Tool, command):
    """They were drawn anew in each evaluation."""
    assert tool("static_trainer", *command).code == 0
    outcome = tool("static_infer", *command, "runner.predict_save_path=p.csv")
    assert outcome.code == 0, outcome.err
    assert pd.read_csv("p.csv")["predict"].to_numpy() == pytest.approx(by_hand("output_model/1"), abs=1e-6)


def test_validation_leaves_the_weights_alone(tool: Tool, command):
    """The running mean moved towards the validation data."""
    assert tool("static_trainer", *command).code == 0
    outcome = tool("static_trainer", *command, "runner.valid_data_dir=data/test", "runner.model_save_path=validated")
    assert outcome.code == 0, outcome.err
    alone, validated = (
        paddle.load(f"{f}/1/rec_static.pdparams", return_numpy=True) for f in ("output_model", "validated")
    )
    assert all(np.array_equal(alone[name], validated[name]) for name in alone)
