"""Exported models score as the models they were made from: ours, PaddleRec's dynamic ones, PaddleRec's static ones."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from support import ROOT, Tool, tiny_lines, write_lines

MODEL = """
import paddle
import paddle.nn as nn
import paddle.nn.functional as F

class Net(nn.Layer):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(60, 4, sparse=True)
        self.fc = nn.Linear(9, 1)

    def forward(self, slots, dense, scale=1.0):
        vectors = [paddle.reshape(self.table(slot), [-1, 4]) for slot in slots]
        raw = self.fc(paddle.concat([*vectors, dense], axis=1)) * scale
        if paddle.mean(dense) < -100.0:  # a branch on data
            raw = raw * 0.0
        return F.sigmoid(raw)

class DygraphModel:
    def create_model(self, config):
        return Net()

    def create_feeds(self, batch):
        slots = [paddle.to_tensor(slot.numpy().astype("int64").reshape(-1, 1)) for slot in batch[:2]]
        return slots, paddle.cast(batch[3], "float32"), batch[2]

    def create_optimizer(self, dy_model, config):
        return paddle.optimizer.Adam(learning_rate=0.02, parameters=dy_model.parameters())

    def create_metrics(self):
        return [], []

    def train_forward(self, dy_model, metrics, batch, config):
        slots, dense, label = self.create_feeds(batch)
        loss = F.log_loss(dy_model(slots, dense), paddle.cast(label, "float32")).mean()
        return loss, metrics, {}

    def infer_forward(self, dy_model, metrics, batch, config):
        slots, dense, label = self.create_feeds(batch)
        return metrics, {"p": dy_model.forward(slots, dense=dense, scale=2.0)}
"""
READER = """
import numpy as np
from paddle.io import IterableDataset

class RecDataset(IterableDataset):
    def __init__(self, file_list, config):
        self.file_list = file_list

    def __iter__(self):
        for path in self.file_list:
            for line in open(path):
                _, click, _, *tokens = line.strip().split(",")
                slots = dict(token.split(":") for token in tokens)
                # users and items as int32, and a number as float64, which the model converts
                yield [np.array(int(slots["user"]), "int32"), np.array(int(slots["item"]), "int32"),
                       np.array([int(click)]), np.array([len(tokens) / 4])]
"""
CONFIG = """
runner: {train_data_dir: data, test_data_dir: data, train_reader_path: reader, infer_reader_path: reader,
         train_batch_size: 50, infer_batch_size: 64, epochs: 2, model_save_path: out, infer_load_path: out,
         infer_end_epoch: 2}
"""


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A dynamic model directory in PaddleRec's style, trained."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "dygraph_model.py").write_text(MODEL)
    (folder / "reader.py").write_text(READER)
    (folder / "config.yaml").write_text(CONFIG)
    write_lines(folder / "data", tiny_lines(200))
    monkeypatch.chdir(tmp_path)
    return folder


def column(path: str, name: str) -> list[float]:
    return pyarrow.parquet.read_table(path)[name].to_pylist()


def succeed(tool: Tool, name: str, *arguments: object) -> str:
    outcome = tool(name, *arguments)
    assert outcome.code == 0, outcome.err
    return outcome.err


def test_a_dynamic_directory(directory, tool: Tool, export: Tool):
    arguments = ["-m", directory / "config.yaml", "-o", "runner.seed=1"]
    succeed(tool, "trainer", *arguments)
    succeed(export, "to_static", *arguments)
    inputs = json.loads(Path("out/1/tostatic.feeds.json").read_text())["inputs"]
    assert [(i["position"], i["shape"], i["dtype"]) for i in inputs] == [
        (0, [-1, 1], "int64"), (1, [-1, 1], "int64"), (3, [-1, 1], "float32"),
    ]  # fmt: skip
    for epoch in (0, 1):
        succeed(tool, "infer", *arguments, f"runner.infer_end_epoch={epoch + 1}", "runner.predict_save_path=a.parquet")
        model = ["--model_file", f"out/{epoch}/tostatic.json"]
        log = succeed(export, "paddle_infer", *arguments, "runner.predict_save_path=b.parquet", *model)
        expected = column("a.parquet", "p")
        assert len(expected) == 200
        assert column("b.parquet", "output_0") == pytest.approx(expected, rel=1e-5)
        mean = float(re.search(r"done, output_0: ([\d.]+), impressions: 200, batches: 4, latency", log)[1])
        assert mean == pytest.approx(np.mean(expected), abs=1e-6)


def test_an_input_that_the_model_computes_is_refused_when_it_is_fed(directory, tool: Tool, export: Tool):
    text = (directory / "dygraph_model.py").read_text()
    (directory / "dygraph_model.py").write_text(text.replace('paddle.cast(batch[3], "float32")', "1 / (batch[3] + 1)"))
    (directory / "reader.py").write_text(READER.replace("np.array([len(tokens) / 4])", "np.float32([len(tokens) / 4])"))
    arguments = ["-m", directory / "config.yaml", "-o", "runner.epochs=1", "runner.infer_end_epoch=1"]
    succeed(tool, "trainer", *arguments)
    succeed(export, "to_static", *arguments)
    outcome = export("paddle_infer", *arguments)
    assert outcome.code == 2
    assert "error: input input_2 of the model is none of the reader's arrays" in outcome.err


def test_what_cannot_be_exported_or_run_is_said_in_a_line(directory, tool: Tool, export: Tool):
    arguments = ["-m", directory / "config.yaml", "-o", "runner.epochs=1", "runner.infer_end_epoch=1"]
    outcome = export("to_static", *arguments)
    assert outcome.code == 2
    assert "error: out: no checkpoint of epochs 0 to 0" in outcome.err
    succeed(tool, "trainer", *arguments)
    outcome = export("paddle_infer", *arguments)
    assert outcome.code == 2
    assert "error: out/0: holds no tostatic.json (tools/to_static.py writes it)" in outcome.err
    text = (directory / "dygraph_model.py").read_text()
    (directory / "dygraph_model.py").write_text(text.replace("return F.sigmoid(raw)", "return F.sigmoid(raw.gone)"))
    outcome = export("to_static", *arguments)
    assert outcome.code == 2
    assert "error: Paddle cannot turn the network into a program: " in outcome.err
    assert "Traceback" not in outcome.err
    assert not list(Path("out/0").glob("*tostatic*"))
    (directory / "dygraph_model.py").write_text(text.replace("dy_model.forward(", "Net()("))
    outcome = export("to_static", *arguments)
    assert outcome.code == 2
    assert "error: dygraph_model.py: infer_forward does not call the model" in outcome.err


@pytest.mark.parametrize("pooling", ["sum", "mean"])
def test_one_of_ours_with_its_table(pooling, tool: Tool, tiny: list[str], export: Tool):
    tiny = [*tiny, f"hyper_parameters.pooling={pooling}", "runner.infer_checkpoint=latest"]
    succeed(tool, "trainer", *tiny)
    succeed(export, "to_static", *tiny)
    succeed(tool, "infer", *tiny, "runner.predict_save_path=a.parquet")
    succeed(export, "paddle_infer", *tiny, "runner.predict_save_path=b.parquet")
    for name in ("pctr", "pcvr", "pctcvr"):
        assert column("b.parquet", name) == pytest.approx(column("a.parquet", name), rel=1e-5)
    assert column("b.parquet", "sample_id") == column("a.parquet", "sample_id")


@pytest.mark.parametrize(
    ("interaction", "embedding"),
    [
        ("{kind: din, attend: {past: item}, length: 3, fc_sizes: [4]}", "autodis"),
        ("{kind: fm, logit: true}", "none"),
        ("{kind: cross, layers: 1, structure: parallel}", "none"),
    ],
)
def test_numbers_and_a_history_of_a_table(interaction, embedding, tool: Tool, export: Tool, tmp_path, monkeypatch):
    """Both modes train the same; the exported model scores as they do."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    past = ["|".join(map(str, random.integers(0, 9, length))) for length in random.integers(0, 6, 200)]
    price = [round(p, 2) if p < 20 else "" for p in random.exponential(10, 200)]
    rows = zip(range(200), random.integers(0, 9, 200), past, price, random.integers(0, 2, 200), strict=True)
    write_lines(Path("data"), ["row,item,past,price,click", *(",".join(map(str, row)) for row in rows)])
    Path("config.yaml").write_text(
        f"model: {ROOT / 'models' / 'rank' / 'din'}\n"
        "runner: {train_data_dir: data, test_data_dir: data, epochs: 2, train_batch_size: 50, infer_batch_size: 64,\n"
        "         infer_checkpoint: latest}\n"
        "data:\n  sample_id: row\n  labels: {click: click}\n"
        "  fields: {item: , past: {separator: '|', shares: item}, price: {numeric: standardize}}\n"
        "hyper_parameters: {optimizer: {class: Adam, learning_rate: 0.01}, sparse_feature_dim: 4,\n"
        f"  tower_fc_sizes: [8], behaviours: {{click: }}, interaction: {interaction}, number_embedding: {embedding}}}\n"
    )
    arguments = ["-m", "config.yaml", "-o"]
    for prefix, folder in (("static_", "s"), ("", "d")):
        succeed(tool, f"{prefix}trainer", *arguments, f"runner.model_save_path={folder}")
        saved = f"runner.predict_save_path={folder}.parquet"
        succeed(tool, f"{prefix}infer", *arguments, f"runner.model_save_path={folder}", saved)
    expected = column("d.parquet", "pctr")
    assert np.std(expected) > 0.01
    assert column("s.parquet", "pctr") == pytest.approx(expected, rel=1e-4)
    succeed(export, "to_static", *arguments, "runner.model_save_path=d")
    inputs = json.loads(Path("d/1/tostatic.feeds.json").read_text())["inputs"]
    assert ["numbers", [-1, 2], "float32"] in [[i["name"], i["shape"], i["dtype"]] for i in inputs]
    succeed(export, "paddle_infer", *arguments, "runner.model_save_path=d", "runner.predict_save_path=e.parquet")
    assert column("e.parquet", "pctr") == pytest.approx(expected, rel=1e-4)


def test_what_the_exported_model_would_not_see_is_refused(tool: Tool, tiny: list[str], export: Tool):
    """A mean is a sum with token weights, which a model exported for sums would leave out in silence."""
    tiny = [*tiny, "runner.epochs=1", "runner.infer_end_epoch=1"]
    for run, name in ((tool, "trainer"), (export, "to_static")):
        succeed(run, name, *tiny)
    for file, message in (
        ([], "hyper_parameters.pooling was 'sum', is 'mean'"),
        (["--model_file", "out/0/tostatic.json"], "exported for other data: a batch has weights_0, unused"),
    ):
        outcome = export("paddle_infer", *file, *tiny, "hyper_parameters.pooling=mean")
        assert outcome.code == 2
        assert message in outcome.err


def test_a_static_directory(tool: Tool, tmp_path, monkeypatch, export: Tool):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "static_inference"
    shutil.copytree(ROOT / "tests" / "contract" / "directories" / "static_inference", folder)
    random = np.random.default_rng(0)
    users, items = random.integers(1, 20, 120), random.integers(20, 40, 120)
    lines = [f"{int(i < 30)} 0 1.0 {u} {i} 40" for u, i in zip(users, items, strict=True)]
    for part in ("train", "test"):
        write_lines(folder / "data" / part, lines)
    arguments = ["-m", folder / "config.yaml", "-o", "runner.infer_start_epoch=2"]
    succeed(tool, "static_trainer", *arguments)
    succeed(tool, "static_infer", *arguments, "runner.predict_save_path=a.parquet")
    log = succeed(export, "paddle_infer", *arguments)
    mean = float(re.search(r"rec_inference.json done, softmax_0.tmp_0: ([\d.]+), impressions: 120, batches: 3", log)[1])
    assert mean == pytest.approx(0.5, abs=1e-6)  # both classes together
    twice = ["runner.save_inference_fetch_varnames=[predict]", "runner.model_save_path=again"]
    succeed(tool, "static_trainer", *arguments, *twice)
    model = ["--model_file", "again/2/rec_inference.json"]
    succeed(export, "paddle_infer", *arguments, "runner.predict_save_path=b.parquet", *model)
    assert column("b.parquet", "predict") == pytest.approx(column("a.parquet", "predict"), rel=1e-5)

    for setting, part in (
        ("save_inference_feed_varnames=[user]", "save_inference_feed_varnames lacks item"),
        ("save_inference_feed_varnames=[users]", "the program has no users (did you mean user?)"),
        ("save_inference_fetch_varnames=[softmax_7.tmp_0]", "the program has no softmax_7.tmp_0"),
    ):
        outcome = tool("static_trainer", *arguments, "runner.model_save_path=never", f"runner.{setting}")
        assert outcome.code == 2
        assert part in outcome.err.splitlines()[-1]
        assert not Path("never").exists()
