"""A directory written for PaddleRec: what can be checked without names for its columns and outputs."""

from pathlib import Path

import pytest

from rec.config.config import load
from rec.doctor.examine import examine
from support import ROOT, tiny_lines, write_lines

SHIPPED = sorted((ROOT / "tests" / "contract" / "directories").glob("*/dygraph_model.py"))

NET = """
import paddle
from paddle import nn

class Layer(nn.Layer):
    def __init__(self, rows, dim, hidden):
        super().__init__()
        self.embedding = nn.Embedding(rows, dim, sparse=True)
        self.hidden = nn.Linear(2 * dim, hidden)
        self.act = nn.ReLU()
        self.out = nn.Linear(hidden, 2)

    def forward(self, slots):
        vectors = [self.embedding(slot).squeeze(1) for slot in slots]
        return self.out(self.act(self.hidden(paddle.concat(vectors, 1))))
"""
MODEL = """
import net
import paddle
from paddle.nn import functional as F

class DygraphModel():
    def create_model(self, config):
        rows, dim = config.get("hyper_parameters.sparse_feature_number"), config.get("hyper_parameters.dim", 4)
        return net.Layer(rows, dim, config.get("hyper_parameters.hidden", 8))

    def create_optimizer(self, dy_model, config):
        rate = config.get("hyper_parameters.optimizer.learning_rate", 0.01)
        return paddle.optimizer.Adam(learning_rate=rate, parameters=dy_model.parameters())

    def create_metrics(self):
        return [paddle.metric.Auc("ROC")], ["auc"]

    def train_forward(self, dy_model, metrics, batch, config):
        logits = dy_model(batch[1:])
        metrics[0].update(preds=F.softmax(logits).numpy(), labels=batch[0].numpy())
        loss = F.cross_entropy(logits, batch[0]).mean()
        return loss, metrics, {"loss": loss}

    def infer_forward(self, dy_model, metrics, batch, config):
        metrics[0].update(preds=F.softmax(dy_model(batch[1:])).numpy(), labels=batch[0].numpy())
        return metrics, None
"""
READER = """
import numpy as np
from paddle.io import IterableDataset

class RecDataset(IterableDataset):
    def __init__(self, file_list, config):
        super().__init__()
        self.file_list = file_list

    def __iter__(self):
        for path in self.file_list:
            for line in open(path):
                _, click, _, *tokens = line.strip().split(",")
                slots = dict(token.split(":") for token in tokens)
                yield [np.array([int(click)]), np.array([int(slots["user"])]), np.array([int(slots["item"])])]
"""
CONFIG = """
runner:
  train_data_dir: data/train
  train_reader_path: reader
  train_batch_size: 50
  epochs: 2
  print_interval: 4
  model_save_path: output
  test_data_dir: data/test
  infer_reader_path: reader
  infer_batch_size: 60
  sync_mode: async
hyper_parameters:
  optimizer: {class: Adam, learning_rate: 0.01}
  sparse_feature_number: 60
  hidden: 8
"""


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in (("net", NET), ("dygraph_model", MODEL), ("reader", READER)):
        (tmp_path / f"{name}.py").write_text(text)
    (tmp_path / "config.yaml").write_text(CONFIG)
    write_lines(tmp_path / "data" / "train", tiny_lines(2000))
    write_lines(tmp_path / "data" / "test", tiny_lines(600, seed=1))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def findings(directory, *overrides):
    return list(examine(load(directory / "config.yaml", overrides), "dygraph"))


def troubles(directory, *overrides):
    return [(f.check, f.severity, f.found) for f in findings(directory, *overrides) if f.severity in ("warn", "wrong")]


def test_it_is_left_in_peace_and_its_parts_are_told(directory):
    told = {finding.check: finding for finding in findings(directory)}
    assert troubles(directory) == []
    assert set(told["trial: gradients"].values) == {"embedding", "hidden", "out"}
    assert told["train rows"].found.startswith("2,000 rows (the first) of int64 [1], int64 [1], int64 [1]")
    assert "falls" in told["trial: loss"].found


def test_a_misspelt_key_that_is_never_read(directory):
    config = (directory / "config.yaml").read_text().replace("hidden: 8", "hiden: 8")
    (directory / "config.yaml").write_text(config)
    found = "hyper_parameters.hiden was never read (did you mean hidden?)"
    assert troubles(directory) == [("config", "warn", found)]


def test_an_id_that_its_embedding_does_not_have(directory):
    [(check, severity, found)] = troubles(directory, "hyper_parameters.sparse_feature_number=30")
    assert (check, severity) == ("trial", "wrong")
    assert "embedding embedding has 30 rows (ids 0 to 29), the data holds id" in found


def test_a_constant_column(directory):
    (directory / "reader.py").write_text(READER.replace('int(slots["user"])', "7"))
    assert troubles(directory)[0] == ("train rows", "warn", "column 1 has the same value in all 2,000 rows")


def test_values_that_are_not_finite(directory):
    (directory / "reader.py").write_text(READER.replace("np.array([int(click)])", 'np.array([float("nan")])'))
    assert ("train rows", "wrong", "column 0 holds values that are not finite") in troubles(directory)


def test_a_reader_that_fails_is_told_with_its_line(directory):
    with (directory / "data" / "test" / "part-0.txt").open("a") as file:
        file.write("1,0,0,nothing\n")
    [(check, severity, found)] = troubles(directory)
    assert (check, severity) == ("test reader", "wrong")
    assert f"{directory / 'reader.py'}:14: ValueError" in found


@pytest.mark.parametrize("model", SHIPPED, ids=lambda path: path.parent.name)
def test_directories_that_train_have_nothing_wrong(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = list(examine(load(model.parent / "config.yaml"), "dygraph"))
    assert [finding for finding in found if finding.severity == "wrong"] == []
    assert "trial: loss" in {finding.check for finding in found}
    assert list(tmp_path.iterdir()) == []
