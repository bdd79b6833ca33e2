"""A label that is not given leaves its own task's loss, and nothing else, alike in both graph modes."""

import math
from typing import Any

import numpy as np
import paddle
import pytest

from modes import dynamic, static, weights_of
from networks import load
from rec.nn.masks import filled, known, masked_mean, mean_loss
from rec.nn.multitask import MultiTask
from rec.nn.probability import Probability

NAN = float("nan")


def column(*values: float) -> Any:
    return np.array(values, np.float32).reshape(-1, 1)


def tensor(*values: float) -> Any:
    return paddle.to_tensor(column(*values))


def test_masks_by_hand():
    label, among = tensor(1, 0, NAN, 1), tensor(1, 1, 1, NAN)
    assert known(label).numpy()[:, 0].tolist() == [1, 1, 0, 1]
    assert known(label, among).numpy()[:, 0].tolist() == [1, 1, 0, 0]
    assert filled(label).numpy()[:, 0].tolist() == [1, 0, 0, 1]
    assert masked_mean(tensor(1.0, 2.0, 6.0, 9.0), known(label, among)).item() == 1.5


def test_the_mean_is_over_the_known_ones():
    """p = .8: two are known, a positive and a negative; the gradient of the third is 0, not NaN."""
    logits = paddle.full([3, 1], math.log(4.0))
    logits.stop_gradient = False
    loss = mean_loss(Probability(logits), tensor(1, 0, NAN))
    assert loss.item() == pytest.approx(-(math.log(0.8) + math.log(0.2)) / 2, rel=1e-6)
    loss.backward()
    assert logits.grad.numpy()[:, 0] == pytest.approx([-0.2 / 2, 0.8 / 2, 0.0], rel=1e-5)
    assert mean_loss(Probability(logits), tensor(NAN, NAN, NAN)).item() == 0.0


LABELS = {
    "click": column(1, 0, 1, NAN, 1, NAN),
    "like": column(NAN, 1, 0, 1, NAN, 0),
    "conversion": column(1, 0, NAN, NAN, 0, NAN),
    "seconds": column(3.0, NAN, 10.0, 2.0, 0.5, 1.0),
    "weight": column(2.0, NAN, 0.5, NAN, 1.0, NAN),
    "request_id": column(0, 0, 0, 1, 1, 1),
}
BEHAVIOURS = {
    "click": {"pairwise": 0.5},
    "like": None,
    "conversion": {"after": "click", "space": "click"},
    "seconds": {"head": "log_regression", "space": "click", "sample_weight": "weight"},
}
ROWS = {
    "ctr": [0, 1, 2, 4],
    "ctr_pairs": [0, 1, 2, 4],
    "like": [1, 2, 3, 5],
    "cvr": [0, 4],  # clicked, and known whether bought
    "seconds": [0, 2, 4],
}


def multitask() -> MultiTask:
    return MultiTask(3, 2, BEHAVIOURS, [6], {"kind": "share_bottom", "fc_sizes": [4]})


@pytest.mark.parametrize("task", ROWS)
def test_each_loss_is_that_of_the_rows_that_tell_it(task):
    paddle.seed(3)
    net, rows = multitask(), ROWS[task]
    vectors = np.random.default_rng(0).normal(size=(6, 6)).astype(np.float32)
    found = dynamic(net, vectors, LABELS)
    alone = dynamic(net, vectors[rows], {name: values[rows] for name, values in LABELS.items()})
    assert found[f"loss_{task}"] == pytest.approx(alone[f"loss_{task}"], rel=1e-5)
    as_program = static(multitask, weights_of(net), vectors, LABELS)
    assert as_program.keys() == found.keys()
    for name, value in found.items():
        assert np.isfinite(value).all(), name
        np.testing.assert_allclose(as_program[name].reshape(value.shape), value, rtol=2e-4, atol=2e-6, err_msg=name)


def test_esmms_losses(monkeypatch):
    esmm = load(monkeypatch, "esmm", "ESMM")

    def build() -> Any:
        return esmm(num_field=3, sparse_feature_dim=2, ctr_fc_sizes=[4], cvr_fc_sizes=[4])

    paddle.seed(3)
    net = build()
    vectors = np.random.default_rng(0).normal(size=(6, 6)).astype(np.float32)
    given = {name: LABELS[name] for name in ("click", "conversion")}
    found, as_program = dynamic(net, vectors, given), static(build, weights_of(net), vectors, given)
    for task, rows in {"ctr": [0, 1, 2, 4], "ctcvr": [0, 1, 4]}.items():
        alone = dynamic(net, vectors[rows], {name: values[rows] for name, values in given.items()})
        assert found[f"loss_{task}"] == pytest.approx(alone[f"loss_{task}"], rel=1e-5)
    for name, value in found.items():
        assert np.isfinite(value).all(), name
        np.testing.assert_allclose(as_program[name].reshape(value.shape), value, rtol=2e-4, atol=2e-6, err_msg=name)


@pytest.mark.parametrize("kind", ["uncertainty", "gradnorm", "pcgrad", "random", "mgda", "cagrad", "famo"])
def test_weightings_bear_a_task_without_a_known_label(kind):
    def build() -> MultiTask:
        return MultiTask(3, 2, {"click": None, "like": None}, [6], {"kind": "none"}, {"kind": kind})

    paddle.seed(3)
    net = build()
    vectors = np.random.default_rng(0).normal(size=(6, 6)).astype(np.float32)
    given = {"click": column(1, 0, 1, 0, 1, 0), "like": column(*[NAN] * 6)}
    for found in (dynamic(net, vectors, given), static(build, weights_of(net), vectors, given)):
        assert all(np.isfinite(value).all() for value in found.values())
        assert np.abs(found["vectors"]).sum() > 0
        assert found["loss_like"] == 0
