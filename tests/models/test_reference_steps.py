"""The directories under models/rank as their YAML configures them, from files to gradients, against the references.

A user's fields are in common rows that impressions share, as in Ali-CCP: read, pulled and pooled once. A step of each
graph mode's engine is held against the reference of the whole network, to 1e-5 of the largest number of each array.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pyarrow.parquet
import pytest
from safetensors.numpy import load_file
from sklearn.metrics import roc_auc_score

import references
from prepared import write_prepared
from rec.checkpoint.state import State
from rec.config.config import load
from rec.device import to_array
from rec.run.assembly import Run, assemble, read_plan
from support import ROOT, Tool

MODELS = ["deepfm", "dcn_v2", "din"]
COMMON = {"101": 1, "109_14": 5, "110_14": 3, "127_14": 6, "150_14": 2}
OWN = {"206": 1, "207": 1, "216": 1, "210": 2, "853": 3}
"""The most tokens of each field."""
ATTEND = {"109_14": "206", "110_14": "207", "127_14": "216", "150_14": "210"}
"""What din/config.yaml says."""
LEARNING_RATE = 1e6
"""Gradients are read off a step of SGD: the rounding of the weights beside it does not show."""


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> tuple[Path, list[dict]]:
    """Prepared impressions, and the same as dicts."""
    root = tmp_path_factory.mktemp("references")
    rows = write_prepared(root, 24, group=100, seed=1, common=COMMON, own=OWN)
    for history in ATTEND:
        lengths = {len(row[history]) for row in rows}
        assert 0 in lengths
        assert len(lengths) > 2
    return root / "train", rows


def config_of(name: str) -> Path:
    return ROOT / "models" / "rank" / name / "config.yaml"


def settings(name: str, folder: Path) -> list[str]:
    """The directory's config on the data, narrow enough for differences one number at a time."""
    given = {
        "runner.train_data_dir": folder,
        "runner.test_data_dir": folder,
        "hyper_parameters.fields": json.dumps([*COMMON, *OWN]),
        "hyper_parameters.sparse_feature_dim": 3,
        "hyper_parameters.tower_fc_sizes": "[6, 4]",
    }
    if name == "din":
        given["hyper_parameters.interaction.fc_sizes"] = "[5]"
    return [f"{key}={value}" for key, value in given.items()]


class Reference:
    """A directory's whole network: table, interaction and tower.

    Args:
        weights: by the names of a checkpoint.
        rows: impressions as `write_prepared` gives them.
    """

    def __init__(self, name: str, weights: dict[str, Any], rows: list[dict]) -> None:
        self.p = {key: value.astype(np.float64) for key, value in weights.items()}
        table = self.p.pop("embedding.weight")
        attend = ATTEND if name == "din" else {}
        self.fields = [field for field in (*COMMON, *OWN) if field not in attend]
        vectors = np.array([[table[row[field]].sum(axis=0) for field in self.fields] for row in rows])
        self.x = {"vectors": vectors.reshape(len(rows), -1), "numbers": np.zeros((len(rows), 0))}
        self.asked = [(history, f"lengths of {history}", self.fields.index(query)) for history, query in attend.items()]
        for history, lengths, _ in self.asked:
            self.x[lengths] = np.array([len(row[history]) for row in rows])
            tokens = np.zeros((len(rows), self.x[lengths].max(), table.shape[1]))
            for each, row in zip(tokens, rows, strict=True):
                each[: len(row[history])] = table[row[history]]
            self.x[history] = tokens.reshape(len(rows), -1)
        self.click = np.array([row["click"] for row in rows], float)
        self._name, self._table, self._rows = name, table, rows

    def logits(self, training: bool) -> Any:
        more = {"asked": self.asked} if self.asked else {}
        return getattr(references, self._name)(self.p, self.x, len(self.fields), training, **more)

    def loss(self) -> float:
        return references.log_loss(self.logits(training=True), self.click)

    def gradients(self) -> tuple[dict[str, Any], dict[str, Any], Any]:
        """Of the loss: of the parameters, of each impression's vectors [B, W] (of a history's tokens [B, L * W]) by
        field, and of the table."""
        of_parameters = {key: references.gradient(self.loss, value) for key, value in self.p.items()}
        seen = ["vectors", *(history for history, _, _ in self.asked)]
        x = {key: references.gradient(self.loss, self.x[key]) for key in seen}
        by_field = x.pop("vectors").reshape(len(self._rows), len(self.fields), -1)
        of_vectors = dict(zip(self.fields, by_field.transpose(1, 0, 2), strict=True)) | x
        of_table = np.zeros_like(self._table)
        for field, gradients in of_vectors.items():
            for gradient, row in zip(gradients, self._rows, strict=True):
                tokens = row[field]
                each = gradient.reshape(-1, of_table.shape[1])[: len(tokens)] if field in x else gradient
                np.add.at(of_table, tokens, each)
        return of_parameters, of_vectors, of_table


class Step:
    """A step of an engine on all impressions at once, and an evaluation before it.

    Attributes:
        weights, after: before and after the step; none at its initial value.
        evaluated: pCTR, float [B].
        loss: of the step.
        changes: by which weights were lowered, for a learning rate of 1.
        pushed: gradients of the batch's blocks, as the table was given them.
    """

    def __init__(self, name: str, mode: Any, folder: Path) -> None:
        paddle.disable_static()  # another step's mode
        optimizer = {"class": "SGD", "learning_rate": LEARNING_RATE}
        given = [*settings(name, folder), f"hyper_parameters.optimizer={json.dumps(optimizer)}"]
        run = assemble(load(config_of(name), given), mode, "train")
        self.weights = shaken(run.engine.state().weights)
        run.engine.load(State(self.weights))
        (self.batch,) = run.batches(run.reader, read_plan(run.directory, training=False))
        self.evaluated = run.engine.eval_step(self.batch)["pctr"][:, 0]
        self.pushed = self._take(run)
        self.after = run.engine.state().weights
        self.changes = {key: (value - self.after[key]) / LEARNING_RATE for key, value in self.weights.items()}

    def _take(self, run: Run) -> list[Any]:
        table, pushed = run.engine.table, []
        push = table.push

        def listen(batch: Any, gradients: Any) -> None:
            pushed.extend(np.array(to_array(each)) for each in gradients)
            push(batch, gradients)

        table.push = listen
        self.loss = float(run.engine.train_step(self.batch)["loss"])
        return pushed


def shaken(weights: dict[str, Any]) -> dict[str, Any]:
    """Random numbers in their place; positive variances."""
    random = np.random.default_rng(3)
    found = {key: random.normal(scale=0.5, size=value.shape).astype(np.float32) for key, value in weights.items()}
    return {key: np.exp(value) if key.endswith(".variance") else value for key, value in found.items()}


@pytest.fixture(scope="module", params=MODELS)
def case(request, data) -> tuple[str, Reference, Any]:
    """A directory, its reference with the weights that `Step` has, and the reference's gradients."""
    name, (folder, rows) = request.param, data
    made = Reference(name, Step(name, "dygraph", folder).weights, rows)
    return name, made, made.gradients()


def close(found: Any, expected: Any, what: str) -> None:
    largest = np.abs(expected).max()
    assert largest > 0, what
    assert found.shape == expected.shape, what
    assert np.abs(found - expected).max() <= 1e-5 * largest, what


@pytest.mark.parametrize("mode", ["dygraph", "static"])
def test_a_step_from_files_to_gradients(case, data, mode):
    name, reference, (of_parameters, of_vectors, of_table) = case
    step, rows = Step(name, mode, data[0]), data[1]
    assert [int(number) for number in step.batch.sample_ids] == [row["sample_id"] for row in rows]
    close(step.evaluated, references.sigmoid(reference.logits(training=False)), "pCTR")
    assert step.loss == pytest.approx(reference.loss(), rel=1e-5)
    close(step.changes["embedding.weight"], of_table, "embedding.weight")
    remembered = {key for key in of_parameters if key.endswith((".mean", ".variance"))}
    assert len(remembered) == 2 * len(reference.asked)
    for parameter in of_parameters.keys() - remembered:
        close(step.changes[parameter], of_parameters[parameter], parameter)
    assert {field for bags in step.batch.bags for field in bags.fields} == of_vectors.keys()
    for bags, gradient in zip(step.batch.bags, step.pushed, strict=True):
        shared = bags.fields[0] in COMMON
        assert bags.num_row < len(rows) if shared else bags.num_row == len(rows)
        # A common row's vectors get the sum of what its impressions' get; what is behind a history's last token, 0.
        expected = np.zeros((bags.num_row, gradient.shape[1]))
        of_impressions = np.concatenate([of_vectors[field] for field in bags.fields], axis=1)
        row_index = bags.row_index if shared else np.arange(len(rows))
        np.add.at(expected[:, : of_impressions.shape[1]], row_index, of_impressions)
        close(gradient, expected, f"vectors of {bags.fields}")


@pytest.mark.parametrize("mode", ["dygraph", "static"])
def test_dice_remembers_a_tenth_of_each_batch(data, mode):
    """The mean and variance of what a first layer makes of all pairs of an impression and a token."""
    step = Step("din", mode, data[0])
    reference, dim = Reference("din", step.weights, data[1]), 3
    for number, (history, lengths, query) in enumerate(reference.asked):
        vectors = reference.x["vectors"].reshape(-1, len(reference.fields), dim)
        keys, at = reference.x[history].reshape(len(vectors), -1, dim), f"interactions.0.scores.{number}"
        pairs = [(vectors[b, query], keys[b, j]) for b, n in enumerate(reference.x[lengths]) for j in range(n)]
        s = np.array([np.concatenate([t, k, t - k, t * k]) for t, k in pairs])
        s = s @ reference.p[f"{at}.hidden.0.weight"] + reference.p[f"{at}.hidden.0.bias"]
        for what, value in (("mean", s.mean(axis=0)), ("variance", s.var(axis=0))):
            key = f"{at}.activations.0.{what}"
            close(step.after[key], 0.9 * reference.p[key] + 0.1 * value, key)


@pytest.mark.parametrize("name", MODELS)
def test_the_auc_of_trained_weights(name, data, tool: Tool, tmp_path, monkeypatch):
    """Trained by the command and evaluated by it in both modes, against the reference with the checkpoint's weights."""
    monkeypatch.chdir(tmp_path)
    folder, rows = data
    arguments = ["-m", config_of(name), "-o", *settings(name, folder), "runner.model_save_path=out"]
    arguments += ["runner.train_batch_size=16", "runner.infer_batch_size=20", "runner.infer_checkpoint=latest"]
    arguments += ["hyper_parameters.optimizer.learning_rate=0.02"]
    assert (done := tool("trainer", *arguments)).code == 0, done.err
    reference = Reference(name, load_file("out/3/rec.safetensors"), rows)
    p = references.sigmoid(reference.logits(training=False))
    expected = roc_auc_score(reference.click, p)
    assert expected > 0.6  # learnt by heart
    for infer in ("infer", "static_infer"):
        assert (done := tool(infer, *arguments, "runner.predict_save_path=p.parquet")).code == 0, done.err
        close(pyarrow.parquet.read_table("p.parquet")["pctr"].to_numpy(), p, infer)
        found = json.loads(Path("out/3/metrics.json").read_text())["tasks"]["ctr"]["auc"]
        assert found == pytest.approx(expected, abs=1e-9)
