"""Each interaction against its formula in NumPy, and its gradients against finite differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import paddle
import pytest

from numeric import check_gradients
from rec.nn.activation import Dice
from rec.nn.features import Features, History
from rec.nn.interaction import REGISTRY, Shape
from rec.nn.numbers import AutoDis, LinearEmbedding, Numbers, embedded, sections_of

RANDOM = np.random.default_rng(2)
START = RANDOM.bit_generator.state
B, F, D, L = 5, 3, 4, 6


@pytest.fixture(autouse=True)
def _values_of_its_own() -> None:
    """The same values whichever tests run before: none is so near a kink that a finite difference meets it."""
    RANDOM.bit_generator.state = START


def values(*shape: int) -> Any:
    return RANDOM.normal(size=shape).astype(np.float32)


def tensor(array: Any, trained: bool = True) -> Any:
    return paddle.to_tensor(array, stop_gradient=not trained)


def shaken(net: Any) -> Any:
    """The net with parameters none of which is at its initial value."""
    for parameter in net.parameters():
        parameter.set_value(paddle.to_tensor(values(*parameter.shape) * 0.5))
    return net


def build(section: dict[str, Any], **shape: Any) -> Any:
    return shaken(REGISTRY.build(section, shape=Shape(F, D, **{"more": 2, **shape})))


def parts() -> tuple[Any, Any, Features]:
    """Field vectors [B, F, D], two columns beside them, and features with a block that impressions share."""
    shared, own, more = values(2, 2 * D), values(B, D), values(B, 2)
    rows = np.array([0, 1, 1, 0, 1], np.int32)
    v = np.concatenate([shared[rows], own], axis=1).reshape(B, F, D)
    tensors = [tensor(shared), tensor(own)]
    return v, more, Features(tensors, [paddle.to_tensor(rows), None], False, [tensor(more)], {}, "abc")


def dense(made: Any) -> Any:
    return made.dense() if isinstance(made, Features) else made


def check(net: Any, features: Features, expected: Any, *first_order: Features, inputs: Any = ()) -> None:
    """Columns that the towers see, and the gradients of everything."""
    np.testing.assert_allclose(dense(net(features, *first_order)).numpy(), expected, rtol=1e-4, atol=1e-5)
    assert expected.shape[1] == net.width

    def scalar() -> Any:
        return (dense(net(features, *first_order)) ** 2).sum() * 0.05

    check_gradients(net, scalar, [*features.fields, *features.more, *inputs], step=1e-3)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def softmax(x: Any, axis: int = -1) -> Any:
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def test_nfwfm_pair_by_pair():
    v, more, features = parts()
    net = build({"kind": "nfwfm"})
    r = net.strength.numpy()
    pairs = sum(r[i, j] * v[:, i] * v[:, j] for i in range(F) for j in range(i + 1, F))
    check(net, features, np.concatenate([pairs, more], axis=1))


def test_fm_pair_by_pair():
    v, more, features = parts()
    pairs = sum(v[:, i] * v[:, j] for i in range(F) for j in range(i + 1, F))
    check(build({"kind": "fm"}), features, np.concatenate([v.reshape(B, -1), more, pairs], axis=1))


def test_deepfm_adds_both_orders_to_the_logits():
    """<w, x> of each tower, and the sum of all pairs' products."""
    v, more, features = parts()
    net = build({"kind": "fm", "logit": True}, towers=2)
    assert net.extra == 2
    shared, own = values(2, 2 * 2), values(B, 2)
    rows = features.field_rows[0].numpy()
    first = features.of([tensor(shared), tensor(own)], features.field_rows)
    seen = net(features, first)
    np.testing.assert_allclose(seen.dense().numpy(), np.concatenate([v.reshape(B, -1), more], axis=1))
    w = np.concatenate([shared[rows], own], axis=1).reshape(B, F, 2).sum(axis=1)
    pairs = sum((v[:, i] * v[:, j]).sum(axis=1) for i in range(F) for j in range(i + 1, F))
    expected = w + pairs[:, None] + more @ net.beside.numpy()
    np.testing.assert_allclose(net.logits[0].numpy(), expected, rtol=1e-4, atol=1e-5)

    def scalar() -> Any:
        net(features, first)
        return (net.logits[0] ** 2).sum() * 0.05

    check_gradients(net, scalar, [*features.fields, *first.fields, *features.more], step=1e-3)


@pytest.mark.parametrize("structure", ["stacked", "parallel"])
def test_cross_layer_by_layer(structure):
    v, more, features = parts()
    net = build({"kind": "cross", "layers": 2, "structure": structure})
    x0 = x = np.concatenate([v.reshape(B, -1), more], axis=1)
    for layer in net.crosses:
        x = x0 * (x @ layer.weight.numpy() + layer.bias.numpy()) + x
    check(net, features, np.concatenate([x0, x], axis=1) if structure == "parallel" else x)


@pytest.mark.parametrize("experts", [1, 3])
def test_cross_of_low_rank(experts):
    v, more, features = parts()
    net = build({"kind": "cross", "layers": 2, "rank": 2, "experts": experts})
    x0 = x = np.concatenate([v.reshape(B, -1), more], axis=1)
    for layer in net.crosses:
        gate = np.ones((B, 1)) if experts == 1 else softmax(x @ net.gate.weight.numpy() + net.gate.bias.numpy())
        made = 0.0
        for e in range(experts):
            inner = np.tanh(np.tanh(x @ layer.down.numpy()[e]) @ layer.inner.numpy()[e])
            made = made + gate[:, e : e + 1] * x0 * (inner @ layer.up.numpy()[e] + layer.bias.numpy())
        x = x + made
    check(net, features, x)


def test_autoint_head_by_head():
    v, more, features = parts()
    net = build({"kind": "autoint", "layers": 2, "heads": 2, "units": 3})
    x = v
    for layer in net.layers:
        heads = []
        for h in range(2):
            part = slice(3 * h, 3 * h + 3)
            q, k, u = (x @ w.numpy()[:, part] for w in (layer.query, layer.key, layer.value))
            heads.append(softmax(q @ k.transpose(0, 2, 1)) @ u)
        x = np.maximum(np.concatenate(heads, axis=2) + x @ layer.residual.numpy(), 0)
    np.testing.assert_allclose(
        net(features).numpy(), np.concatenate([x.reshape(B, -1), more], axis=1), rtol=1e-4, atol=1e-5
    )
    check_gradients(net, lambda: net(features).sum() * 0.05, [*features.fields, *features.more], step=1e-3)


def history(lengths: Any, rows: Any = None) -> tuple[Any, Any]:
    """Vectors [R, L, D], 0 behind each row's last, and the history."""
    there = np.arange(L) < np.asarray(lengths)[:, None]
    vectors = values(len(lengths), L, D) * there[:, :, None]
    made = tensor(vectors.astype(np.float32))
    return vectors, History(made, paddle.to_tensor(lengths), None if rows is None else paddle.to_tensor(rows))


@pytest.mark.parametrize("activation", ["prelu", "sigmoid"])
@pytest.mark.parametrize("normed", [False, True])
@pytest.mark.parametrize("shared", [False, True])
def test_din_token_by_token(activation, normed, shared):
    v, more, features = parts()
    rows = np.array([1, 0, 2, 2, 1], np.int32) if shared else None
    lengths = np.array([3, 0, L]) if shared else np.array([3, 0, L, 1, 2])
    keys, given = history(lengths, rows)
    features = features.of(features.fields, features.field_rows, histories={"h": given})
    section = {"kind": "din", "attend": {"h": "c"}, "fc_sizes": [5, 3], "activation": activation, "softmax": normed}
    net = build(section)
    (score,) = net.scores
    attended = np.zeros((B, D))
    for b in range(B):
        r = b if rows is None else rows[b]
        t, raw = v[b, 2], []
        for k in keys[r, : lengths[r]]:
            x = np.concatenate([t, k, t - k, t * k])
            for layer, act in zip(score.hidden, score.activations, strict=True):
                s = x @ layer.weight.numpy() + layer.bias.numpy()[0]
                x = sigmoid(s) if activation == "sigmoid" else np.where(s > 0, s, act._weight.numpy() * s)
            raw.append(float(x @ score.out.weight.numpy()[:, 0] + score.out.bias.numpy()[0, 0]))
        weights = softmax(np.array(raw)) if normed and raw else np.array(raw)
        for weight, k in zip(weights, keys[r], strict=False):
            attended[b] += weight * k
    expected = np.concatenate([v.reshape(B, -1), more, attended], axis=1)
    check(net, features, expected, inputs=[given.vectors])
    assert not attended[1].any() or shared


def test_din_does_not_see_the_order_of_a_history():
    _, _, features = parts()
    lengths = np.array([3, 0, L, 1, 2])
    keys, _ = history(lengths)
    net = build({"kind": "din", "attend": {"h": "a"}, "fc_sizes": [5]})
    net.eval()
    found = []
    for order in (np.arange(L), np.array([2, 0, 1, 3, 4, 5])):  # within the first row's three tokens
        given = History(paddle.to_tensor(keys[:, order][:1].repeat(B, 0)), paddle.to_tensor(np.full(B, 3)))
        found.append(net(features.of(features.fields, features.field_rows, histories={"h": given})).dense().numpy())
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5, atol=1e-6)


def test_dice_by_its_formula():
    """Batch statistics of the rows that count in training, running ones later; a steep p is PReLU."""
    net, x = Dice(3), values(7, 3)
    net.alpha.set_value(paddle.to_tensor([[0.1, 0.2, -0.3]]))
    there = np.array([1, 1, 0, 1, 1, 0, 1], np.float32)[:, None]
    counted = x[there[:, 0] == 1]
    mean, variance = counted.mean(axis=0), counted.var(axis=0)
    p = sigmoid((x - mean) / np.sqrt(variance + 1e-9))
    expected = p * x + (1 - p) * net.alpha.numpy() * x
    np.testing.assert_allclose(net(tensor(x), paddle.to_tensor(there)).numpy(), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(net.mean.numpy()[0], 0.1 * mean, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(net.variance.numpy()[0], 0.9 + 0.1 * variance, rtol=1e-4)
    net.eval()
    net.mean.set_value(paddle.zeros([1, 3]))
    net.variance.set_value(paddle.full([1, 3], 1e-9))
    prelu = np.where(x > 0, x, net.alpha.numpy() * x)
    np.testing.assert_allclose(net(tensor(x), paddle.to_tensor(there)).numpy(), prelu, rtol=1e-3, atol=1e-4)


def test_numbers_become_vectors():
    z = values(B, 2)
    linear = shaken(LinearEmbedding(2, D))
    np.testing.assert_allclose(linear(tensor(z)).numpy(), z[:, :, None] * linear.weight.numpy(), rtol=1e-5)
    net = shaken(AutoDis(2, D, buckets=3, temperature=0.7, alpha=0.4))
    expected = np.empty((B, 2, D))
    for n in range(2):
        h = z[:, n : n + 1] * net.first.numpy()[0, n]
        h = np.where(h > 0, h, 0.01 * h)
        s = h @ net.mix.numpy()[n].T + 0.4 * h
        expected[:, n] = softmax(s / 0.7) @ net.meta.numpy()[n]
    x = tensor(z)
    np.testing.assert_allclose(net(x).numpy(), expected, rtol=1e-4, atol=1e-5)
    check_gradients(net, lambda: (net(x) ** 2).sum(), [x], step=1e-3)


def test_each_number_as_its_section_says():
    """Of five numbers the second and the fifth share a layer, the third has one of its own, the others stay."""
    autodis = {"kind": "autodis", "buckets": 3}
    sections = sections_of(5, "linear", {"a": "none", "b": None, "c": autodis, "d": "none"})
    assert embedded(sections) == [1, 2, 4]
    net, z = Numbers(sections, D), values(B, 5)
    shaken(net)
    vectors, other, beside = values(B, F * D), values(B, 3), tensor(z)
    found = net(Features([tensor(vectors)], [None], more=[beside, tensor(other)]))
    linear, mixed = net.layers
    assert linear.weight.shape == [1, 2, D]
    np.testing.assert_allclose(found.fields[0].numpy(), vectors)
    products = z[:, [1, 4], None] * linear.weight.numpy()
    np.testing.assert_allclose(found.fields[1].numpy(), products.reshape(B, -1), rtol=1e-6)
    np.testing.assert_allclose(found.fields[2].numpy(), mixed(tensor(z[:, 2:3])).numpy().reshape(B, -1), rtol=1e-6)
    np.testing.assert_allclose(found.more[0].numpy(), z[:, [0, 3]])
    np.testing.assert_allclose(found.more[1].numpy(), other)
