"""Each sharing against NumPy, its gradients against finite differences, and identities between them."""

import math

import numpy as np
import paddle
import pytest

from numeric import check_gradients
from rec.errors import UserError
from rec.nn.sharing import REGISTRY
from rec.nn.sharing.aitm import Transfer

RANDOM = np.random.default_rng(1)
X = RANDOM.normal(size=(4, 6)).astype(np.float32)
TOWERS = ("click", "conversion", "like")


def build(towers=TOWERS, **section):
    paddle.seed(7)
    net = REGISTRY.build(section, in_features=6, towers=towers)
    for parameter in trained(net):  # biases start at 0, where they would not be tested
        parameter.set_value(parameter + paddle.randn(parameter.shape) * 0.3)
    return net


def trained(net):
    return [parameter for parameter in net.parameters() if not parameter.stop_gradient]


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


def normed(stack, x):
    """Layers with batch norm and Swish."""
    for layer, activation in zip(stack.layers, stack.activations, strict=True):
        h = linear(layer, x)
        h = (h - h.mean(axis=0)) / np.sqrt(h.var(axis=0) + 1e-5)
        h = h * activation.norm.gamma.numpy() + activation.norm.beta.numpy()
        x = h / (1 + np.exp(-h))
    return x


def scaled(expert, x):
    gate = 2 / (1 + np.exp(-x @ expert.down.numpy() @ expert.up.numpy()))
    return normed(expert.layers, x * gate)


def home(net):
    """Groups {click, like} and {conversion}: one shared expert, one of a group, two of a tower, at each level."""
    click_like, conversion, shared = (scaled(expert, X) for expert in net.first.experts)

    def gated(gate, x, own, others):
        self_gate = linear(gate.own, x)
        self_gate = softmax(self_gate) if len(own) > 1 else 1 / (1 + np.exp(-self_gate))
        return mixture(gate.all, x, own + others) + np.einsum("bn,bnh->bh", self_gate, np.stack(own, axis=1))

    z = [
        gated(net.group_gates[0], X, [click_like], [shared]),
        gated(net.group_gates[1], X, [conversion], [shared]),
    ]
    z_shared = gated(net.shared_gate, X, [shared], [click_like, conversion])
    experts, out = list(net.second.experts), []
    for tower, group in enumerate([0, 1, 0]):
        own = [scaled(experts[2 * tower + at], z[group]) for at in (0, 1)]
        others = [scaled(experts[6 + group], z[group]), scaled(experts[8], z_shared)]
        out.append(gated(net.gates[tower], np.concatenate([z[group], z_shared], axis=1), own, others))
    return out


HOME = {
    "num_shared_expert": 1, "num_group_expert": 1, "num_task_expert": 2, "rank": 2,
    "groups": [["click", "like"], ["conversion"]],
}  # fmt: skip

CASES = [
    (share_bottom, {"kind": "share_bottom", "fc_sizes": [5, 4]}),
    (mmoe, {"kind": "mmoe", "num_expert": 3, "fc_sizes": [5, 4]}),
    (ple, {"kind": "ple", "num_level": 2, "num_shared_expert": 2, "num_task_expert": 1, "fc_sizes": [5, 4]}),
    (cross_stitch, {"kind": "cross_stitch", "fc_sizes": [5, 4]}),
    (hierarchical, {"kind": "hierarchical", "fc_size": 5}),
    (aitm, {"kind": "aitm", "fc_sizes": [5, 4]}),
    (home, {"kind": "home", "fc_sizes": [5, 4], **HOME}),
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


SPACES = RANDOM.normal(size=(4, 4, 6)).astype(np.float32)
"""Of each tower, and the shared one."""


def test_stem_against_numpy():
    net = build(kind="stem", num_shared_expert=2, num_task_expert=1, fc_sizes=[5, 4])
    found = net([paddle.to_tensor(x) for x in SPACES])
    experts = [hidden(group[0], x) for group, x in zip(net.own, SPACES, strict=False)]
    experts += [hidden(expert, SPACES[3]) for expert in net.shared]
    weights = [softmax(linear(gate, SPACES[at] + SPACES[3])) for at, gate in enumerate(net.gates)]
    for at, tower in enumerate(found):
        expected = np.einsum("bn,bnh->bh", weights[at], np.stack(experts, axis=1))
        np.testing.assert_allclose(tower.numpy(), expected, rtol=1e-4, atol=1e-5)
    # A tower's own expert is trained through its own gate alone, whatever the others' weigh it with.
    own = [weights[at][:, at : at + 1] for at in range(3)]
    expected = np.concatenate([*own, np.max([each[:, 3:] for each in weights], axis=0)], axis=1)
    np.testing.assert_allclose(net.asked["experts"].numpy(), expected, rtol=1e-5)


def test_in_stem_a_towers_loss_reaches_its_own_space_and_the_shared_one():
    net = build(kind="stem", num_shared_expert=1, num_task_expert=2, fc_sizes=[5])
    spaces = [paddle.to_tensor(x, stop_gradient=False) for x in SPACES]
    net(spaces)[1].sum().backward()
    moved = [x.grad is not None and bool(np.abs(x.grad.numpy()).sum() > 0) for x in spaces]
    assert moved == [False, True, False, True]
    trained = {name for name, p in net.named_parameters() if p.grad is not None and np.abs(p.grad.numpy()).sum() > 0}
    assert {name.split(".")[0] + name.split(".")[1] for name in trained} == {"own1", "shared0", "gates1"}


def test_homes_feature_gates_pass_everything_at_first():
    """B is 0, so that an expert is its layers alone."""
    net = REGISTRY.build({"kind": "home", "fc_sizes": [5], **HOME}, in_features=6, towers=TOWERS)
    expert = net.first.experts[0]
    np.testing.assert_allclose(expert(paddle.to_tensor(X)).numpy(), normed(expert.layers, X), rtol=1e-4, atol=1e-5)


def test_homes_groups_keep_their_experts_to_themselves():
    """A group's experts are asked by its towers alone, and a tower's by that tower."""
    net = build(kind="home", fc_sizes=[5], **HOME)
    net.eval()
    net(paddle.to_tensor(X))
    names, (click, conversion, _) = net.expert_names["towers"], net.weighed["towers"]
    asked = [{n for n, w in zip(names, each.numpy().sum(axis=0), strict=True) if w > 0} for each in (click, conversion)]
    assert asked[0] == {"click 1", "click 2", "group 1 1", "shared 1"}
    assert asked[1] == {"conversion 1", "conversion 2", "group 2 1", "shared 1"}
    assert [each.shape for each in net.weighed["groups"]] == [[4, 3]] * 3
    for each in (click, conversion):
        np.testing.assert_allclose(each.numpy().sum(axis=1), 1.0, rtol=1e-5)


@pytest.mark.parametrize("groups", [[["click"]], [["click", "like"], ["conversion", "like"]], [["clik"], list(TOWERS)]])
def test_homes_groups_hold_each_tower_once(groups):
    with pytest.raises(UserError, match=r"sharing.groups should have each tower in one group: there are click, conv"):
        build(kind="home", fc_sizes=[5], **{**HOME, "groups": groups})


def test_stems_shared_space_has_a_name_of_its_own():
    with pytest.raises(UserError, match=r"behaviours.shared: .* choose another name"):
        build(("click", "shared"), kind="stem", num_shared_expert=1, num_task_expert=1, fc_sizes=[5])


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
