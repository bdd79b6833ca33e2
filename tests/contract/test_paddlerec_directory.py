"""A directory written for PaddleRec, which knows nothing of this package: own embeddings, metrics, row reader."""

from pathlib import Path

import pytest

from support import Tool, tiny_lines, write_lines

NET = """
import paddle.nn as nn
import paddle

class LRLayer(nn.Layer):
    def __init__(self, rows, dim):
        super().__init__()
        self.embedding = nn.Embedding(rows, dim, sparse=True)
        self.fc = nn.Linear(2 * dim, 2)

    def forward(self, slots):
        vectors = [paddle.squeeze(self.embedding(slot), 1) for slot in slots]
        return self.fc(paddle.concat(vectors, 1))
"""
MODEL = """
import paddle
import paddle.nn.functional as F

class DygraphModel():
    def create_model(self, config):
        import net  # late, by bare name
        return net.LRLayer(config.get("hyper_parameters.sparse_feature_number"), config.get("hyper_parameters.dim", 4))

    def create_optimizer(self, dy_model, config):
        rate = config.get("hyper_parameters.optimizer.learning_rate", 0.001)
        return paddle.optimizer.Adam(learning_rate=rate, parameters=dy_model.parameters())

    def create_metrics(self):
        return [paddle.metric.Auc("ROC")], ["auc"]

    def _predict(self, dy_model, metrics, batch):
        label, slots = batch[0], batch[1:]
        logits = dy_model(slots)
        metrics[0].update(preds=F.softmax(logits).numpy(), labels=label.numpy())
        return logits, label

    def train_forward(self, dy_model, metrics, batch, config):
        logits, label = self._predict(dy_model, metrics, batch)
        loss = F.cross_entropy(logits, label).mean()
        return loss, metrics, {"loss": loss}

    def infer_forward(self, dy_model, metrics, batch, config):
        self._predict(dy_model, metrics, batch)
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
            with open(path) as lines:
                for line in lines:
                    _, click, _, *tokens = line.strip().split(",")
                    slots = dict(token.split(":") for token in tokens)
                    yield [np.array([int(click)]), np.array([int(slots["user"])]), np.array([int(slots["item"])])]
"""
CONFIG = """
workspace: "somewhere/else"
runner:
  train_data_dir: "data/train"
  train_reader_path: "my_reader"
  use_gpu: False
  train_batch_size: 50
  epochs: 3
  print_interval: 4
  model_save_path: "output_model_lr"
  test_data_dir: "data/test"
  infer_reader_path: "my_reader"
  infer_batch_size: 60
  infer_load_path: "output_model_lr"
  infer_start_epoch: 0
  infer_end_epoch: 3
  sync_mode: "async"
  private_key_of_this_model: 3
hyper_parameters:
  optimizer: {class: Adam, learning_rate: 0.05}
  sparse_feature_number: 60
"""


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "lr"
    folder.mkdir()
    for name, text in (("net", NET), ("dygraph_model", MODEL), ("my_reader", READER)):
        (folder / f"{name}.py").write_text(text)
    (folder / "config.yaml").write_text(CONFIG)
    write_lines(folder / "data" / "train", tiny_lines(620))
    write_lines(folder / "data" / "test", tiny_lines(200, seed=1))
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.mark.parametrize("workers", [0, 2])
def test_it_trains_saves_and_evaluates(directory, tool: Tool, workers):
    arguments = ["-m", directory / "config.yaml", "-o", f"runner.num_workers={workers}"]
    outcome = tool("trainer", *arguments)
    assert outcome.code == 0, outcome.err
    done = [line for line in outcome.err.splitlines() if " done, " in line]
    losses = [float(line.split("loss: ")[1].split(",")[0]) for line in done]
    assert losses[2] < losses[0]
    assert "auc: 0." in done[2]
    assert Path("output_model_lr/2/rec.pdparams").is_file()
    outcome = tool("infer", *arguments, "runner.predict_save_path=p.csv")
    assert outcome.code == 0, outcome.err
    assert "epoch: 2 done, auc: 0.6" in outcome.err


def test_it_resumes(directory, tool: Tool):
    arguments = ["-m", directory / "config.yaml", "-o"]
    assert tool("trainer", *arguments, "runner.model_save_path=whole").code == 0
    assert tool("trainer", *arguments, "runner.epochs=1").code == 0
    assert tool("trainer", *arguments, "runner.resume=true").code == 0
    for file in ("rec.pdparams", "rec.pdopt"):
        assert (Path("whole/2") / file).read_bytes() == (Path("output_model_lr/2") / file).read_bytes()


def test_a_row_it_cannot_read_is_named_and_does_not_hang(directory, tool: Tool):
    with (directory / "data" / "train" / "part-0.txt").open("a") as file:
        file.write("1,0,0,nothing\n")
    outcome = tool("trainer", "-m", directory / "config.yaml")
    assert outcome.code == 2
    line = next(n for n, text in enumerate(READER.splitlines(), 1) if "slots = dict" in text)
    assert f"the reader failed: {directory / 'my_reader.py'}:{line}: ValueError" in outcome.err
