"""PEPNet's gates against NumPy, at 1 the plain network, alike in both modes, on any sharing and interaction."""

import re
from pathlib import Path

import numpy as np
import paddle
import pytest

from modes import dynamic, features_of, static, weights_of
from rec.config.config import Config
from rec.config.hyper import check, complete
from rec.errors import UserError
from rec.nn.features import Features
from rec.nn.gating import REGISTRY
from rec.nn.multitask import MultiTask

RANDOM = np.random.default_rng(2)
VECTORS = RANDOM.normal(size=(6, 6)).astype(np.float32)
CLICK = np.array([1, 1, 1, 0, 1, 0], np.float32).reshape(-1, 1)
LABELS = {"click": CLICK, "conversion": CLICK * np.array([1, 0, 0, 0, 1, 0], np.float32).reshape(-1, 1)}
GATING = {"kind": "pepnet", "domain": ["c"], "personal": ["a", "b"], "fc_size": 5}
SHARINGS = [
    {"kind": "none"},
    {"kind": "mmoe", "num_expert": 2, "fc_sizes": [8]},
    {"kind": "home", "num_shared_expert": 1, "num_group_expert": 1, "num_task_expert": 1, "fc_sizes": [8]},
]


def network(sharing=SHARINGS[0], gating=GATING, noise=0.0, **settings):
    paddle.seed(5)
    behaviours = {"click": None, "conversion": {"after": "click"}}
    net = MultiTask(3, 2, behaviours, [4, 3], sharing=sharing, gating=gating, **settings)
    for name, parameter in net.named_parameters() if noise else ():
        if name.startswith("gating"):
            parameter.set_value(parameter + paddle.randn(parameter.shape) * noise)
    return net


def features(vectors=VECTORS):
    return features_of({"vectors": paddle.to_tensor(vectors)}, on_host=True, names="abc")


def gate(layer, prior, x):
    hidden = np.concatenate([prior, x], axis=1) @ layer.hidden.weight.numpy() + layer.hidden.bias.numpy()
    out = np.maximum(hidden, 0) @ layer.out.weight.numpy() + layer.out.bias.numpy()
    return 2 / (1 + np.exp(-out))


def test_against_numpy():
    net = network(noise=0.5)
    found = net.logits(features())
    x = VECTORS * gate(net.gating.embedding, VECTORS[:, 4:], VECTORS)
    for at, tower in enumerate(net.graph.towers):
        h, layers = x, net.towers[tower]
        for linear, layer, width in zip(layers.hidden, net.gating.layers, (4, 3), strict=True):
            h = np.maximum(h @ linear.weight.numpy() + linear.bias.numpy(), 0)
            h = h * gate(layer, VECTORS[:, :4], x)[:, at * width : (at + 1) * width]
        expected = h @ layers.logit.weight.numpy() + layers.logit.bias.numpy()
        np.testing.assert_allclose(found[tower].numpy(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("sharing", SHARINGS, ids=lambda s: s["kind"])
def test_gates_begin_at_one_where_the_network_is_the_plain_one(sharing):
    net, plain = network(sharing), network(sharing, None)
    plain.set_state_dict({name: value for name, value in net.state_dict().items() if not name.startswith("gating")})
    found, expected = dynamic(net, VECTORS, LABELS, names="abc"), dynamic(plain, VECTORS, LABELS)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=1e-6, err_msg=name)
    assert any(np.abs(value).sum() > 0 for name, value in found.items() if name.startswith("d gating"))


def test_no_gradient_passes_through_the_gates_input():
    """Of the fields that are no prior, a gate's gradient is what scales them, and nothing through the gate."""
    net = network(gating={"kind": "pepnet", "domain": ["c"], "personal": ["c"], "fc_size": 5}, noise=0.5)
    x = paddle.to_tensor(VECTORS, stop_gradient=False)
    scaled = net.gating(Features([x], [None], names="abc"), x, list(net.towers.values())).dense()
    scaled[:, :4].sum().backward()
    expected = gate(net.gating.embedding, VECTORS[:, 4:], VECTORS)
    np.testing.assert_allclose(x.grad.numpy()[:, :4], expected[:, :4], rtol=1e-4)
    assert np.abs(x.grad.numpy()[:, 4:]).sum() > 0  # the prior's own vectors learn to set gates


@pytest.mark.parametrize(
    ("sharing", "interaction"),
    [
        (SHARINGS[0], "none"),
        (SHARINGS[1], {"kind": "fm", "logit": True}),
        (SHARINGS[2], {"kind": "cross", "layers": 1}),
    ],
    ids=["none", "mmoe-fm", "home-cross"],
)
def test_alike_in_both_modes(sharing, interaction):
    net = network(sharing, interaction=interaction, noise=0.3)
    vectors = RANDOM.normal(size=(6, 3 * net.embedding_dim)).astype(np.float32)
    before = weights_of(net)
    found = dynamic(net, vectors, LABELS, on_host=True, names="abc")
    program = static(
        lambda: network(sharing, interaction=interaction), before, vectors, LABELS, on_host=True, names="abc"
    )
    assert found.keys() == program.keys()
    assert {f"d {name}" for name, p in net.named_parameters() if p.trainable} <= found.keys()
    for name, value in found.items():
        np.testing.assert_allclose(program[name].reshape(value.shape), value, rtol=2e-4, atol=2e-6, err_msg=name)


def test_common_rows_give_what_joined_ones_give():
    net, rows = network(noise=0.5), np.array([0, 0, 1, 1, 1, 2])
    joined = np.concatenate([VECTORS[rows][:, :4], VECTORS[:, 4:]], axis=1)
    blocks = [paddle.to_tensor(VECTORS[:3, :4]), paddle.to_tensor(VECTORS[:, 4:])]
    common = Features(blocks, [paddle.to_tensor(rows), None], True, names="abc")
    for name, output in net(common).items():
        np.testing.assert_allclose(output.value.numpy(), net(features(joined))[name].value.numpy(), rtol=1e-5)


@pytest.mark.parametrize("kind", ["separate", "stem"])
def test_embeddings_of_each_towers_own_are_refused(kind):
    more = {"num_shared_expert": 1, "num_task_expert": 1, "fc_sizes": [4]} if kind == "stem" else {}
    with pytest.raises(UserError, match=r"hyper_parameters.gating scales embeddings that towers share"):
        network({"kind": kind, **more})


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"kind": "pepnet"}, "pepnet.personal is missing"),
        ({"kind": "pepnet", "personal": []}, "pepnet.personal"),
        ({"kind": "pepnet", "personal": ["a"], "fc_sizes": [3]}, "fc_sizes is not a setting of pepnet .*fc_size"),
    ],
)
def test_a_wrong_section_is_refused(section, message):
    with pytest.raises(ValueError, match=message):
        REGISTRY.check(section)


@pytest.mark.parametrize(
    ("gating", "problem"),
    [
        ({"domain": ["page"], "personal": ["item"]}, None),
        ({"domain": ["pag"], "personal": ["item"]}, "gating.domain: pag is not among the fields: .*did you mean page"),
        ({"personal": ["wide"]}, "gating.personal: wide has vectors of width 3: leave its dim out"),
        ({"personal": ["past"]}, "gating.personal: past is a history that is attended over"),
    ],
)
def test_the_fields_that_set_gates_are_there(gating, problem):
    def target(num_field: int, fields: object, interaction: object, gating: object, field_dims: object) -> None: ...

    given = {
        "fields": ["past", "item", "page", "wide"], "interaction": {"kind": "din", "attend": {"past": "item"}},
        "gating": {"kind": "pepnet", **gating}, "field_dims": {"wide": 3},
    }  # fmt: skip
    config = complete(Config(Path("c.yaml"), {"hyper_parameters": given}), [target])
    problems = check(config, [target])
    if problem is None:
        assert not problems
    else:
        (line,) = problems
        assert re.search(problem, line)
