"""The directories under models/rank against independent references of the whole networks."""

from __future__ import annotations

from typing import Any

import numpy as np
import paddle
import pytest
from sklearn.metrics import roc_auc_score

import references
from modes import LENGTH, dynamic, features_of, static, weights_of
from rec.config.config import load
from rec.nn.multitask import MultiTask
from support import ROOT

FIELDS, DIM, COUNT = 3, 4, 12
LENGTHS = np.array([0, 4, 1, 2, 3, 4, 0, 2, 1, 4, 3, 2])
"""Of the histories: empty ones, and all there is room for, among them."""

MODELS = ["deepfm", "dcn_v2", "din"]


def network(name: str) -> MultiTask:
    """That of a directory's YAML, small."""
    section = dict(load(ROOT / "models" / "rank" / name / "config.yaml").hyper_parameters["interaction"])
    if name == "din":
        section |= {"attend": {"h": "a"}, "length": LENGTH, "fc_sizes": [5, 3]}
    return MultiTask(FIELDS, DIM, {"click": None}, [6, 5], interaction=section, num_number=2)


def shaken(name: str) -> MultiTask:
    """The same with parameters none of which is at its initial value."""
    net, random = network(name), np.random.default_rng(7)
    for parameter in net.trained():
        parameter.set_value(random.normal(scale=0.5, size=parameter.shape).astype(np.float32))
    return net


def batch(name: str, count: int = COUNT, seed: int = 1) -> tuple[dict[str, Any], Any]:
    """Inputs by name, float32, and labels."""
    random = np.random.default_rng(seed)
    width = FIELDS * (DIM + (name == "deepfm"))
    x = {"vectors": random.normal(size=(count, width)), "numbers": random.normal(size=(count, 2))}
    if name == "din":
        lengths = np.resize(LENGTHS, count)
        there = np.arange(LENGTH) < lengths[:, None]
        history = random.normal(size=(count, LENGTH, DIM)) * there[:, :, None]
        x |= {"history": history.reshape(count, -1), "lengths": lengths}
    arrays = {key: value.astype(np.int64 if key == "lengths" else np.float32) for key, value in x.items()}
    return arrays, (random.random(count) < 0.4).astype(np.float32)


def in_float64(arrays: Any) -> dict[str, Any]:
    return {name: value.astype(np.float64) for name, value in arrays.items()}


@pytest.mark.parametrize("name", MODELS)
def test_loss_predictions_and_all_gradients(name):
    """In both graph modes, to 1e-5 of the largest number of each array."""
    x, labels = batch(name)
    net = shaken(name)
    weights, more = weights_of(net), {key: value for key, value in x.items() if key != "vectors"}
    given = {"click": labels.reshape(-1, 1)}
    ours = dynamic(net, x["vectors"], given, more=more)
    as_program = static(lambda: network(name), weights, x["vectors"], given, more=more)
    p, y, reference = in_float64(weights), in_float64(x), getattr(references, name)

    def loss() -> float:
        return references.log_loss(reference(p, y, FIELDS), labels)

    expected = {"loss": np.array(loss()), "pctr": references.sigmoid(reference(p, y, FIELDS)).reshape(-1, 1)}
    expected |= {key: references.gradient(loss, y[key]) for key in ("vectors", "history") if key in y}
    trained = [key for key in p if f"d {key}" in ours]
    assert len(trained) == len(net.trained())
    expected |= {f"d {key}": references.gradient(loss, p[key]) for key in trained}
    for found in (ours, as_program):
        for key, value in expected.items():
            largest = np.abs(value).max()
            assert largest > 1e-4, key
            assert found[key].reshape(value.shape) == pytest.approx(value, abs=1e-5 * max(largest, 1e-2)), key


@pytest.mark.parametrize("name", MODELS)
def test_auc_of_an_evaluated_data_set(name):
    """In evaluation, where Dice has the running means of some training."""
    net = shaken(name)
    for seed in range(3):
        x, _ = batch(name, seed=seed)
        net(features_of({key: paddle.to_tensor(value) for key, value in x.items()}, on_host=False))
    net.eval()
    x, labels = batch(name, count=500, seed=9)
    with paddle.no_grad():
        tensors = {key: paddle.to_tensor(value) for key, value in x.items()}
        found = net(features_of(tensors, on_host=False))["ctr"].value.numpy()[:, 0]
    p = in_float64(weights_of(net))
    expected = references.sigmoid(getattr(references, name)(p, in_float64(x), FIELDS, training=False))
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-6)
    assert np.std(expected) > 0.05
    assert roc_auc_score(labels, found) == roc_auc_score(labels, expected)
