"""Dropout and norms between hidden layers: against NumPy, in every sharing, alike in both graph modes."""

from __future__ import annotations

from typing import Any

import numpy as np
import paddle
import pytest

from modes import dynamic, features_of, static, weights_of
from rec.nn.between import Activation, BatchNorm, Between
from rec.nn.layers import MLP
from rec.nn.multitask import MultiTask

RANDOM = np.random.default_rng(3)
B = 32
VECTORS = RANDOM.normal(size=(B, 6)).astype(np.float32)
CLICK = (RANDOM.random((B, 1)) < 0.4).astype(np.float32)
LABELS = {"click": CLICK, "conversion": CLICK * (RANDOM.random((B, 1)) < 0.5).astype(np.float32)}
SHARINGS: dict[str, dict[str, Any]] = {
    "none": {},
    "separate": {},
    "share_bottom": {"fc_sizes": [5, 4]},
    "mmoe": {"fc_sizes": [5, 4], "num_expert": 3},
    "ple": {"fc_sizes": [5, 4], "num_shared_expert": 2, "num_task_expert": 1, "num_level": 2},
    "cross_stitch": {"fc_sizes": [5, 4]},
    "hierarchical": {"fc_size": 5},
    "aitm": {"fc_sizes": [5, 4]},
    "stem": {"fc_sizes": [5, 4], "num_shared_expert": 2, "num_task_expert": 1},
    "home": {"fc_sizes": [5, 4], "num_shared_expert": 1, "num_group_expert": 1, "num_task_expert": 1},
}
LAYERS = {
    "none": 4, "separate": 4, "share_bottom": 6, "mmoe": 10, "ple": 20, "cross_stitch": 8, "hierarchical": 6, "aitm": 8,
    "stem": 12, "home": 16,
}  # fmt: skip
"""Hidden layers of two towers of two each, and of what lies below them."""


def network(kind: str, **settings: Any) -> MultiTask:
    behaviours = {"click": None, "conversion": {"after": "click"}}
    sharing = {"kind": kind, **SHARINGS[kind]}
    return MultiTask(
        num_field=3, sparse_feature_dim=2, behaviours=behaviours, tower_fc_sizes=[4, 3], sharing=sharing, **settings
    )


def width(kind: str) -> Any:
    return np.tile(VECTORS, (1, {"separate": 2, "stem": 3}.get(kind, 1)))


@pytest.mark.parametrize("kind", SHARINGS)
@pytest.mark.parametrize("settings", [{"norm": "batch", "dropout": 0.5}, {"norm": "layer"}])
def test_every_hidden_layer_of_every_sharing_alike_in_both_modes(kind, settings):
    net = network(kind, **settings)
    layers = [layer for layer in net.sublayers() if isinstance(layer, Activation)]
    assert len(layers) == LAYERS[kind]
    assert all(layer.norm is not None and layer.dropout == settings.get("dropout", 0.0) for layer in layers)
    before = weights_of(net)
    found = dynamic(net, width(kind), LABELS, seed=4, on_host=True)
    program = static(lambda: network(kind, **settings), before, width(kind), LABELS, seed=4, on_host=True)
    assert found.keys() == program.keys()
    for name, value in found.items():
        np.testing.assert_allclose(program[name], value, rtol=2e-4, atol=2e-6, err_msg=name)
    apart = dynamic(network_like(net, kind, settings), width(kind), LABELS, seed=4, on_host=False)
    if "dropout" not in settings:
        np.testing.assert_allclose(apart["loss"], found["loss"], rtol=1e-5)


def network_like(net: MultiTask, kind: str, settings: dict[str, Any]) -> MultiTask:
    other = network(kind, **settings)
    other.set_state_dict(net.state_dict())
    return other


def test_without_them_no_parameter_more():
    plain, set_to_none = network("mmoe"), network("mmoe", dropout=0.0, norm="none")
    assert list(plain.state_dict()) == list(set_to_none.state_dict())
    assert not [name for name in plain.state_dict() if "activations" in name]


def test_batch_norm_against_numpy():
    x = RANDOM.normal(3.0, 2.0, size=(50, 4)).astype(np.float32)
    layer = BatchNorm(4)
    gamma, beta = RANDOM.normal(size=(2, 1, 4)).astype(np.float32)
    layer.gamma.set_value(gamma)
    layer.beta.set_value(beta)
    mean, variance = x.mean(axis=0), x.var(axis=0)
    np.testing.assert_allclose(
        layer(paddle.to_tensor(x)).numpy(), gamma * (x - mean) / np.sqrt(variance + 1e-5) + beta, rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(layer.mean.numpy()[0], 0.1 * mean, rtol=1e-5)
    np.testing.assert_allclose(layer.variance.numpy()[0], 0.9 + 0.1 * variance, rtol=1e-5)
    layer.eval()
    kept, spread = layer.mean.numpy(), layer.variance.numpy()
    np.testing.assert_allclose(
        layer(paddle.to_tensor(x)).numpy(), gamma * (x - kept) / np.sqrt(spread + 1e-5) + beta, rtol=1e-4, atol=1e-5
    )
    np.testing.assert_array_equal(layer.mean.numpy(), kept)


def test_a_tower_is_norm_then_relu_then_dropout():
    tower = MLP(6, [4], Between(norm="layer"))
    linear, norm = tower.hidden[0], tower.activations[0].norm
    h = VECTORS @ linear.weight.numpy() + linear.bias.numpy()
    h = (h - h.mean(axis=1, keepdims=True)) / np.sqrt(h.var(axis=1, keepdims=True) + norm._epsilon)
    expected = np.maximum(h, 0) @ tower.logit.weight.numpy() + tower.logit.bias.numpy()
    x = features_of({"vectors": paddle.to_tensor(VECTORS)}, on_host=True)
    np.testing.assert_allclose(tower(x).numpy(), expected, rtol=1e-4, atol=1e-5)


def test_dropout_leaves_out_its_share_and_keeps_the_mean():
    layer = Activation(1000, Between(dropout=0.3))
    out = layer(paddle.ones([200, 1000])).numpy()
    kept = out != 0
    assert np.unique(out[kept]) == pytest.approx(1 / 0.7)
    assert kept.mean() == pytest.approx(0.7, abs=0.005)
    layer.eval()
    np.testing.assert_array_equal(layer(paddle.ones([2, 1000])).numpy(), 1.0)


def test_without_dropout_in_evaluation_the_fused_operator_serves():
    """The same bits as a network that never had dropout."""
    net, plain = network("mmoe", dropout=0.4), network("mmoe")
    plain.set_state_dict(net.state_dict())
    net.eval()
    plain.eval()
    x = features_of({"vectors": paddle.to_tensor(VECTORS)}, on_host=True)
    for name, output in net(x).items():
        np.testing.assert_array_equal(output.value.numpy(), plain(x)[name].value.numpy())
