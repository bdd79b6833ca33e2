"""From raw files to a trained model: simulate, prepare, read, train, evaluate; and the same from text lines."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from fields import FIELD_NAMES
from rec.config.config import Config
from rec.data.columnar import ColumnarReader
from rec.data.lines import data_files
from rec.data.loader import load_batches
from rec.data.plan import ReadPlan
from support import ESMM, ROOT, Tool

SCRIPTS = ROOT / "datasets" / "ali-ccp"
CONFIG = ESMM / "config_bigdata.yaml"


@pytest.fixture(scope="module")
def simulated(tmp_path_factory) -> Path:
    """A folder with `raw` and `prepared` data: 3,000 + 1,000 exposures."""
    folder = tmp_path_factory.mktemp("ali-ccp")
    knobs = "--exposures 3000 --test-exposures 1000 --seed 5 --click-rate .3 --conversion-rate .3 --history-scale .05"
    for script, *arguments in (
        ("simulate.py", folder / "raw", *knobs.split()),
        ("prepare.py", folder / "raw", folder / "prepared", "--valid", "0.1", "--min-count", "2"),
    ):
        subprocess.run([sys.executable, SCRIPTS / script, *map(str, arguments)], check=True, capture_output=True)
    return folder


def joined_lines(simulated: Path) -> list[str]:
    """The prepared training exposures as `id,click,conversion,field:id,...`, from the raw files and the vocabulary."""
    vocabulary = pq.read_table(simulated / "prepared" / "vocabulary.parquet").to_pylist()
    ids = {(row["field"], row["original_id"]): row["id"] for row in vocabulary}
    schema = json.loads((simulated / "prepared" / "schema.json").read_text())
    unknown = {field["name"]: field["offset"] for field in schema["fields"]}
    kept = pq.read_table(simulated / "prepared" / "train" / "exposures-00000.parquet")["sample_id"].to_pylist()

    def tokens(text: str) -> list[str]:
        parts = [re.split("[\x02\x03]", token) for token in text.split("\x01")]
        return [f"{field}:{ids.get((field, int(i)), unknown[field])}" for field, i, _ in parts]

    common = {}
    for line in (simulated / "raw" / "common_features_train.csv").read_text().splitlines():
        name, _, text = line.split(",", 2)
        common[name] = tokens(text)
    lines = {}
    for line in (simulated / "raw" / "sample_skeleton_train.csv").read_text().splitlines():
        sample, click, conversion, name, _, text = line.split(",", 5)
        lines[int(sample)] = ",".join([sample, click, conversion, *common[name], *tokens(text)])
    return [lines[sample] for sample in kept]


def losses(log: str) -> list[float]:
    return [float(value) for value in re.findall(r"batch_id: \d+, loss: ([\d.]+)", log)]


def test_text_and_prepared_data_give_the_same_losses(simulated, tool: Tool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "part-0.txt").write_text("".join(line + "\n" for line in joined_lines(simulated)))
    number = json.loads((simulated / "prepared" / "schema.json").read_text())["id_space"]
    logs = {}
    for name, folder in (("text", tmp_path / "text"), ("prepared", simulated / "prepared" / "train")):
        outcome = tool(
            "trainer", "-m", CONFIG, "-o", f"runner.train_data_dir={folder}", "runner.valid_data_dir=null",
            "runner.best_metric=null", "runner.shuffle=false", "runner.train_batch_size=100", "runner.print_interval=1",
            "runner.num_workers=0", f"runner.model_save_path=output_{name}",
            f"hyper_parameters.sparse_feature_number={number}",
            "hyper_parameters.ctr_fc_sizes=[16]", "hyper_parameters.cvr_fc_sizes=[16]",
        )  # fmt: skip
        assert outcome.code == 0, outcome.err
        logs[name] = losses(outcome.err)
    assert len(logs["text"]) > 20
    assert logs["text"] == pytest.approx(logs["prepared"], rel=1e-5)
    assert logs["text"][-1] < logs["text"][0]


@pytest.mark.parametrize("workers", [0, 1, 2])
@pytest.mark.parametrize("ranks", [1, 2])
def test_every_prepared_exposure_reaches_the_trainer_once(simulated, workers, ranks, tmp_path):
    folder = simulated / "prepared" / "train"
    config = Config(tmp_path / "c.yaml", {"hyper_parameters": {"fields": list(FIELD_NAMES)}})
    reader = ColumnarReader(data_files(folder), config)
    seen: Counter[int] = Counter()
    for rank in range(ranks):
        plan = ReadPlan(batch_size=64, training=True, shuffle=True, rank=rank, ranks=ranks)
        for batch in load_batches(reader, plan, workers, tmp_path):
            seen.update(batch.sample_ids.tolist())
    expected = pq.read_table(folder / "exposures-00000.parquet")["sample_id"].to_pylist()
    assert seen == Counter(expected)
    assert set(seen.values()) == {1}


def test_evaluation_against_the_truth(simulated, tool: Tool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folders = [f"runner.{part}_data_dir={simulated / 'prepared' / part}" for part in ("train", "valid", "test")]
    options = [
        "-m",
        CONFIG,
        "-o",
        *folders,
        "runner.train_batch_size=64",
        "runner.epochs=2",
        "runner.infer_end_epoch=2",
    ]
    assert tool("static_trainer", *options).code == 0
    outcome = tool("static_infer", *options, "runner.infer_checkpoint=best", "runner.predict_save_path=p.parquet")
    assert outcome.code == 0, outcome.err
    assert "CVR, entire space" in outcome.out
    (path,) = Path("output_model_esmm_bigdata").glob("*/metrics.json")
    metrics = json.loads(path.read_text())
    truth = metrics["truth"]
    assert truth["cvr"]["n"] == metrics["impressions"] == pq.read_metadata("p.parquet").num_rows
    for task in ("ctr", "cvr", "ctcvr"):
        assert 0.5 < truth[task]["auc"] < truth[task]["ceiling"] < 1
        assert truth[task]["share_of_ceiling"] == pytest.approx(
            (truth[task]["auc"] - 0.5) / (truth[task]["ceiling"] - 0.5)
        )
