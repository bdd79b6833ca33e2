"""Real input: Hillstrom's e-mail challenge, in both modes."""

import json
from pathlib import Path

import pytest

from support import ESMM, Tool

FIELDS = "[recency, history_segment, history, mens, womens, zip_code, newbie, channel, treatment]"


@pytest.mark.parametrize("prefix", ["", "static_"])
def test_esmm_learns_visits_and_purchases(tool: Tool, shared_data, tmp_path, monkeypatch, prefix):
    monkeypatch.chdir(tmp_path)
    data = shared_data / "hillstrom"
    options = [
        f"runner.train_data_dir={data / 'train'}", f"runner.test_data_dir={data / 'test'}", "runner.epochs=2",
        "runner.infer_end_epoch=2", "runner.infer_checkpoint=latest", "runner.print_interval=100",
        f"hyper_parameters.fields={FIELDS}", "hyper_parameters.sparse_feature_number=50",
    ]  # fmt: skip
    for name in ("trainer", "infer"):
        outcome = tool(prefix + name, "-m", ESMM / "config.yaml", "-o", *options)
        assert outcome.code == 0, outcome.err
    metrics = json.loads(Path("output_model_esmm/1/metrics.json").read_text())
    assert metrics["impressions"] == 19267
    assert metrics["auc_ctr"] >= 0.640
    assert metrics["auc_ctcvr"] >= 0.595
