"""Every sharing under every behaviour graph with every weighting: forward and backward, alike in both modes."""

import itertools
from typing import Any

import numpy as np
import paddle
import pytest

from modes import LENGTH, dynamic, static, weights_of
from rec.nn.features import Features
from rec.nn.multitask import MultiTask

SHARINGS = [
    {"kind": "none"},
    {"kind": "separate"},
    {"kind": "share_bottom", "fc_sizes": [8]},
    {"kind": "mmoe", "num_expert": 2, "fc_sizes": [8]},
    {"kind": "ple", "num_level": 2, "num_shared_expert": 1, "num_task_expert": 1, "fc_sizes": [8]},
    {"kind": "cross_stitch", "fc_sizes": [8, 8]},
    {"kind": "hierarchical", "fc_size": 8},
    {"kind": "aitm", "fc_sizes": [8]},
    {"kind": "stem", "num_shared_expert": 1, "num_task_expert": 1, "fc_sizes": [8]},
    {"kind": "home", "num_shared_expert": 1, "num_group_expert": 1, "num_task_expert": 2, "fc_sizes": [8], "rank": 2},
]
GRAPHS = {
    "esmm": {"click": None, "conversion": {"after": "click"}},
    "esm2": {
        "click": None,
        "cart": {"after": "click", "code": "av"},
        "other": {"instead_of": "cart"},
        "conversion": {"after": ["cart", "other"]},
    },
    "chain": {"click": None, "cart": {"after": "click"}, "conversion": {"after": "cart"}},
    "flat": {"click": None, "cart": {"implies": "click"}, "seconds": {"head": "log_regression", "space": "click"}},
    "base": {"click": {"given": True}, "conversion": {"after": "click"}},
}
WEIGHTINGS = [
    {"kind": "fixed"},
    {"kind": "uncertainty"},
    {"kind": "gradnorm"},
    {"kind": "pcgrad"},
    {"kind": "dwa", "steps": 1},
    {"kind": "random"},
    {"kind": "mgda"},
    {"kind": "mgda", "normalize": "norm"},
    {"kind": "cagrad"},
    {"kind": "famo"},
]
PAIRS = list(itertools.product(SHARINGS, GRAPHS))


INTERACTIONS = [
    {"kind": "fm"},
    {"kind": "fm", "logit": True},
    {"kind": "cross", "layers": 2},
    {"kind": "cross", "layers": 2, "structure": "parallel"},
    {"kind": "cross", "layers": 2, "rank": 3, "experts": 2},
    {"kind": "nfwfm"},
    {"kind": "din", "attend": {"h": "b"}, "length": LENGTH, "fc_sizes": [4]},
    {"kind": "din", "attend": {"h": "b"}, "length": LENGTH, "fc_sizes": [4], "softmax": True, "activation": "prelu"},
    {"kind": "autoint", "layers": 2, "units": 3},
]


def small(sharing: dict, graph: str, weighting: dict, interaction: dict | str = "none", **more: Any) -> MultiTask:
    return MultiTask(
        num_field=3,
        sparse_feature_dim=2,
        behaviours=GRAPHS[graph],
        tower_fc_sizes=[6],
        sharing=sharing,
        weighting=weighting,
        interaction=interaction,
        **more,
    )


def labels() -> dict[str, np.ndarray]:
    click = np.array([1, 1, 1, 0, 1, 0], np.float32).reshape(-1, 1)
    cart = np.array([1, 0, 1, 0, 0, 0], np.float32).reshape(-1, 1)
    conversion = np.array([1, 0, 0, 0, 1, 0], np.float32).reshape(-1, 1)
    seconds = np.array([3.0, 10.0, np.nan, 0, 0.5, 0], np.float32).reshape(-1, 1)
    return {"click": click, "cart": cart, "conversion": conversion, "seconds": seconds}


def both_modes(
    sharing: dict, graph: str, weighting: dict, interaction: dict | str = "none", on_host: bool = False, **settings: Any
) -> tuple[dict, dict]:
    def build() -> MultiTask:
        return small(sharing, graph, weighting, interaction, **settings)

    paddle.seed(3)
    net = build()
    random = np.random.default_rng(0)
    vectors = random.normal(size=(6, 3 * net.embedding_dim)).astype(np.float32)
    more = {}
    if "num_number" in settings:
        more["numbers"] = random.normal(size=(6, settings["num_number"])).astype(np.float32)
    if "attend" in interaction:
        lengths = np.array([4, 0, 1, 3, 2, 4])
        there = np.repeat(np.arange(LENGTH) < lengths[:, None], net.embedding_dim, axis=1)
        more["history"] = (random.normal(size=there.shape) * there).astype(np.float32)
        more["lengths"] = lengths
    as_program = static(build, weights_of(net), vectors, labels(), on_host=on_host, more=more)
    return dynamic(net, vectors, labels(), on_host=on_host, more=more), as_program


def check(found: dict, as_program: dict) -> None:
    assert found.keys() == as_program.keys()
    for name, value in found.items():
        assert np.isfinite(value).all(), name
        np.testing.assert_allclose(as_program[name].reshape(value.shape), value, rtol=2e-4, atol=2e-6, err_msg=name)
        if name.startswith("p") and name != "pseconds":
            assert (value >= 0).all(), name
            assert (value <= 1).all(), name
    assert np.abs(found["vectors"]).sum() > 0


@pytest.mark.parametrize(("sharing", "graph"), PAIRS, ids=[f"{s['kind']}-{g}" for s, g in PAIRS])
def test_sharing_and_behaviours_combine(sharing, graph):
    found, as_program = both_modes(sharing, graph, {"kind": "fixed"})
    check(found, as_program)
    # every part is trained: whatever tower or gate has no gradient was forgotten by forward or losses
    net = small(sharing, graph, {"kind": "fixed"})
    assert {f"d {name}" for name, p in net.named_parameters() if p.trainable} <= found.keys()


@pytest.mark.parametrize("sharing", SHARINGS[-2:], ids=lambda s: s["kind"])
def test_common_rows_give_what_joined_ones_give(sharing):
    net, rows = small(sharing, "esmm", {"kind": "fixed"}), np.array([0, 0, 1, 1, 1, 2])
    vectors, user = np.random.default_rng(1).normal(size=(6, 3, net.embedding_dim)).astype(np.float32), 2
    vectors[:, :user] = vectors[rows][:, :user]
    once = paddle.to_tensor(np.stack([vectors[np.argmax(rows == row), :user].ravel() for row in range(3)]))
    item = paddle.to_tensor(vectors[:, user:].reshape(6, -1))
    found = net(Features([once, item], [paddle.to_tensor(rows), None], on_host=True))
    for name, output in net(Features([paddle.to_tensor(vectors.reshape(6, -1))], [None], on_host=True)).items():
        np.testing.assert_allclose(found[name].value.numpy(), output.value.numpy(), rtol=1e-4)


@pytest.mark.parametrize("weighting", WEIGHTINGS[1:], ids=lambda w: w["kind"])
@pytest.mark.parametrize("graph", ["esm2", "flat"])
def test_weightings_combine_with_both(weighting, graph):
    check(*both_modes(SHARINGS[3], graph, weighting))


def name_of(interaction: dict) -> str:
    return "-".join(str(value) for value in interaction.values() if not isinstance(value, dict | list))


@pytest.mark.parametrize("sharing", SHARINGS, ids=lambda s: s["kind"])
@pytest.mark.parametrize("interaction", INTERACTIONS, ids=name_of)
def test_interactions_combine_with_sharing(interaction, sharing):
    """Beside two numbers, on the host and as plain operators; each part is trained."""
    found, as_program = both_modes(sharing, "esmm", {"kind": "fixed"}, interaction, num_number=2)
    check(found, as_program)
    net = small(sharing, "esmm", {"kind": "fixed"}, interaction, num_number=2)
    assert {f"d {name}" for name, p in net.named_parameters() if p.trainable} <= found.keys()
    check(found, both_modes(sharing, "esmm", {"kind": "fixed"}, interaction, on_host=True, num_number=2)[0])


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("interaction", INTERACTIONS, ids=name_of)
def test_interactions_combine_with_behaviours(interaction, graph):
    check(*both_modes(SHARINGS[3], graph, {"kind": "fixed"}, interaction))


@pytest.mark.parametrize("embedding", ["linear", {"kind": "autodis", "buckets": 3}], ids=str)
@pytest.mark.parametrize("interaction", [{"kind": "none"}, *INTERACTIONS], ids=name_of)
def test_numbers_are_fields_where_they_are_embedded(interaction, embedding):
    for sharing in SHARINGS[:2]:
        settings = {"num_number": 2, "number_embedding": embedding}
        found, as_program = both_modes(sharing, "esmm", {"kind": "fixed"}, interaction, **settings)
        check(found, as_program)
        assert np.abs(found[f"d numbers.layers.0.{'weight' if embedding == 'linear' else 'meta'}"]).sum() > 0


def test_numbers_are_embedded_each_as_it_says():
    own = {"a": None, "b": {"kind": "autodis", "buckets": 3}}
    for default in ("none", "linear"):
        settings = {"num_number": 2, "number_embedding": default, "number_embeddings": own}
        found, as_program = both_modes(SHARINGS[0], "esmm", {"kind": "fixed"}, {"kind": "fm"}, **settings)
        check(found, as_program)


@pytest.mark.parametrize("sharing", SHARINGS, ids=lambda s: s["kind"])
def test_sharing_computed_on_the_host_is_the_same(sharing):
    found, as_program = both_modes(sharing, "esm2", {"kind": "fixed"}, on_host=True)
    check(found, as_program)
    check(found, both_modes(sharing, "esm2", {"kind": "fixed"})[0])


@pytest.mark.parametrize("weighting", WEIGHTINGS, ids=lambda w: w["kind"])
@pytest.mark.parametrize("sharing", SHARINGS[:2], ids=lambda s: s["kind"])
def test_towers_computed_on_the_host_are_the_same(sharing, weighting):
    """Weightings go through a tower's backward pass several times."""
    found, as_program = both_modes(sharing, "esm2", weighting, on_host=True)
    check(found, as_program)
    expected, _ = both_modes(sharing, "esm2", weighting)
    if weighting["kind"] != "pcgrad":  # whose random order of tasks need not be the same
        check(found, expected)
