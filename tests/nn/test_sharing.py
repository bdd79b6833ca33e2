"""Each sharing against NumPy, its gradients against finite differences, and identities between them."""

import math

import numpy as np
import paddle
import pytest

from numeric import check_gradients
from rec.nn.sharing import REGISTRY
from rec.nn.sharing.aitm import Transfer

RANDOM = np.random.default_rng(1)
X = RANDOM.normal(size=(4, 6)).astype(np.float32)
TOWERS = ("click", "conversion", "like")


def build(towers=TOWERS, **section):
    paddle.seed(7)
    net = REGISTRY.build(section, in_features=6, towers=towers)
    for parameter in net.parameters():  # biases start at 0, where they would not be tested
        parameter.set_value(parameter + paddle.randn(parameter.shape) * 0.3)
    return net


def relu(x):
    return np.maximum(x, 0)


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def linear(layer, x):
    return x @ layer.weight.numpy() + layer.bias.numpy()


def hidden(stack, x):
    for layer in stack.layers:
        x = relu(linear(layer, x))
    return x


def mixture(gate, x, experts):
    return np.einsum("bn,bnh->bh", softmax(linear(gate, x)), np.stack(experts, axis=1))


def share_bottom(net):
    return [hidden(net.bottom, X)] * 3


def mmoe(net):
    experts = [hidden(expert, X) for expert in net.experts]
    return [mixture(gate, X, experts) for gate in net.gates]


def ple(net):
    own, shared = [X] * 3, X
    for level in net.levels:
        general = [hidden(expert, shared) for expert in level.shared]
        special = [[hidden(expert, x) for expert in group] for group, x in zip(level.own, own, strict=True)]
        everyone = [expert for group in special for expert in group] + general
        own = [mixture(gate, x, group + general) for gate, x, group in zip(level.gates, own, special, strict=True)]
        shared = mixture(level.shared_gate, shared, everyone) if level.shared_gate is not None else None
    return own


def cross_stitch(net):
    inputs = [X] * 3
    for layer in net.layers:
        out = [relu(linear(own, x)) for own, x in zip(layer.own, inputs, strict=True)]
        mixing = layer.mixture.numpy()
        inputs = [sum(mixing[t, s] * out[s] for s in range(3)) for t in range(3)]
    return inputs


def hierarchical(net):
    levels = []
    for level in net.levels:
        below = levels[-1] @ level.below.numpy() if levels else 0.0
        levels.append(relu(linear(level.input, X) + below))
    return levels


def aitm(net):
    own = [hidden(bottom, X) for bottom in net.bottoms]
    out = own[:1]
    for q, transfer, attention in zip(own[1:], net.transfers, net.attentions, strict=True):
        tokens = np.stack([relu(linear(transfer, out[-1])), q], axis=1)
        value, key, query = (linear(layer, tokens) for layer in (attention.value, attention.key, attention.query))
        weights = softmax((key * query).sum(axis=2) / math.sqrt(tokens.shape[2]))
        out.append(np.einsum("bn,bnh->bh", weights, value))
    return out


CASES = [
    (share_bottom, {"kind": "share_bottom", "fc_sizes": [5, 4]}),
    (mmoe, {"kind": "mmoe", "num_expert": 3, "fc_sizes": [5, 4]}),
    (ple, {"kind": "ple", "num_level": 2, "num_shared_expert": 2, "num_task_expert": 1, "fc_sizes": [5, 4]}),
    (cross_stitch, {"kind": "cross_stitch", "fc_sizes": [5, 4]}),
    (hierarchical, {"kind": "hierarchical", "fc_size": 5}),
    (aitm, {"kind": "aitm", "fc_sizes": [5, 4]}),
]


@pytest.mark.parametrize(("reference", "section"), CASES, ids=[section["kind"] for _, section in CASES])
def test_against_numpy_and_finite_differences(reference, section):
    net = build(**section)
    x = paddle.to_tensor(X, stop_gradient=False)
    found = net(x)
    for tower, expected, width in zip(found, reference(net), net.widths, strict=True):
        assert tower.shape == [4, width]
        np.testing.assert_allclose(tower.numpy(), expected, rtol=1e-4, atol=1e-5)
    factors = [paddle.to_tensor(RANDOM.normal(size=(4, width)).astype(np.float32)) for width in net.widths]
    check_gradients(net, lambda: sum((c * h).sum() for c, h in zip(factors, net(x), strict=True)), [x], step=1e-3)


def test_mmoe_with_one_expert_is_a_shared_bottom():
    one, shared = build(kind="mmoe", num_expert=1, fc_sizes=[5]), build(kind="share_bottom", fc_sizes=[5])
    shared.bottom.set_state_dict(one.experts[0].state_dict())
    x = paddle.to_tensor(X)
    for a, b in zip(one(x), shared(x), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6)


def test_cgc_with_shared_experts_only_is_mmoe():
    cgc = build(kind="ple", num_shared_expert=3, num_task_expert=0, fc_sizes=[5])
    mixture_of_experts = build(kind="mmoe", num_expert=3, fc_sizes=[5])
    mixture_of_experts.experts.set_state_dict(cgc.levels[0].shared.state_dict())
    mixture_of_experts.gates.set_state_dict(cgc.levels[0].gates.state_dict())
    x = paddle.to_tensor(X)
    for a, b in zip(cgc(x), mixture_of_experts(x), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6)


def test_cross_stitch_with_the_identity_is_separate_towers():
    net = REGISTRY.build({"kind": "cross_stitch", "fc_sizes": [5, 4], "own_share": 1.0}, in_features=6, towers=TOWERS)
    for index, found in enumerate(net(paddle.to_tensor(X))):
        alone = X
        for layer in net.layers:
            alone = relu(linear(layer.own[index], alone))
        np.testing.assert_allclose(found.numpy(), alone, rtol=1e-5, atol=1e-6)


def test_cross_stitch_starts_with_shares_that_sum_to_one():
    net = REGISTRY.build({"kind": "cross_stitch", "fc_sizes": [5]}, in_features=6, towers=TOWERS)
    np.testing.assert_allclose(net.layers[0].mixture.numpy(), [[0.9, 0.05, 0.05], [0.05, 0.9, 0.05], [0.05, 0.05, 0.9]])


def test_transfer_of_equal_tokens_is_their_value():
    net, x = Transfer(3), paddle.to_tensor(X[:, :3])
    np.testing.assert_allclose(net(x, x).numpy(), linear(net.value, X[:, :3]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"kind": "mmo"}, "kind should be one of .* got 'mmo' .did you mean mmoe"),
        ({"kind": "mmoe", "fc_sizes": [4]}, r"mmoe.num_expert is missing"),
        ({"kind": "mmoe", "num_experts": 2, "fc_sizes": [4]}, "num_experts is not a setting of mmoe .*num_expert"),
        ({"kind": "mmoe", "num_expert": 0, "fc_sizes": [4]}, "mmoe.num_expert: should be greater than 0, got 0"),
        ({"kind": "share_bottom", "fc_sizes": []}, "share_bottom.fc_sizes"),
    ],
)
def test_a_wrong_section_is_refused(section, message):
    with pytest.raises(ValueError, match=message):
        REGISTRY.check(section)


@pytest.mark.parametrize("num_task_expert", [0, 2])
def test_experts_are_asked_by_the_gate_that_wants_them_most(num_task_expert):
    """MMoE's gates weigh the same experts; PLE's weigh a tower's own and the shared ones, the shared gate all."""
    net = build(kind="mmoe", num_expert=3, fc_sizes=[5])
    net(paddle.to_tensor(X))
    weights = [softmax(linear(gate, X)) for gate in net.gates]
    np.testing.assert_allclose(net.asked["experts"].numpy(), np.max(weights, axis=0), rtol=1e-5)

    net = build(kind="ple", num_level=2, num_shared_expert=2, num_task_expert=num_task_expert, fc_sizes=[5])
    net(paddle.to_tensor(X))
    level = net.levels[0]
    weights = [softmax(linear(gate, X)) for gate in level.gates]
    own = [each[:, :num_task_expert] for each in weights]
    shared = np.max([each[:, num_task_expert:] for each in weights], axis=0)
    expected = np.maximum(np.concatenate([*own, shared], axis=1), softmax(linear(level.shared_gate, X)))
    np.testing.assert_allclose(net.asked["level_0"].numpy(), expected, rtol=1e-5)
    assert net.asked["level_1"].shape == [4, 3 * num_task_expert + 2]


def test_what_each_towers_gate_weighs_with_is_noted_in_evaluation():
    for kind, more in (("mmoe", {"num_expert": 3}), ("ple", {"num_shared_expert": 2, "num_task_expert": 1})):
        net = build(kind=kind, fc_sizes=[5], **more)
        net(paddle.to_tensor(X))
        assert net.weighed == {}
        net.eval()
        net(paddle.to_tensor(X))
        (weighed,) = net.weighed.values()
        gates = net.gates if kind == "mmoe" else net.levels[0].gates
        assert len(weighed) == len(gates)
        for found, gate in zip(weighed, gates, strict=True):
            np.testing.assert_allclose(found.numpy(), softmax(linear(gate, X)), rtol=1e-5)


def test_what_experts_are_asked_is_noted_in_training_only():
    net = build(kind="mmoe", num_expert=3, fc_sizes=[5])
    net.eval()
    net(paddle.to_tensor(X))
    assert net.asked == {}
    assert build(kind="share_bottom", fc_sizes=[5]).asked == {}
