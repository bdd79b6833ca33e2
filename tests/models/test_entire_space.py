"""The axis `unclicked:` within a network: alike in both modes under any sharing, and what it must leave alone."""

import numpy as np
import paddle
import pytest

from modes import dynamic, static, weights_of
from rec.errors import UserError
from rec.nn.entire_space import EntireSpace
from rec.nn.features import Features
from rec.nn.unclicked import REGISTRY

KINDS = list(REGISTRY.classes)
RANDOM = np.random.default_rng(5)
VECTORS = RANDOM.normal(size=(40, 6)).astype(np.float32)
CLICK = (np.arange(40) < 16).astype(np.float32).reshape(-1, 1)
CONVERSION = (np.arange(40) % 16 < 5).astype(np.float32).reshape(-1, 1) * CLICK
LABELS = {"click": CLICK, "conversion": CONVERSION}
NOBODY = {name: np.zeros_like(label) for name, label in LABELS.items()}
SHARINGS = [
    {"kind": "none"},
    {"kind": "mmoe", "num_expert": 2, "fc_sizes": [5]},
    {"kind": "share_bottom", "fc_sizes": [5]},
    {"kind": "separate"},
]
STILL = {"ukd": {"head_dropout": 0.0}}
"""Random numbers of programs are others."""


def network(kind, sharing=SHARINGS[0], **settings):
    """On three fields of two columns, or with embeddings of their own for either tower on one of three."""
    own = sharing["kind"] == "separate"
    return EntireSpace(
        num_field=1 if own else 3, sparse_feature_dim=3 if own else 2, tower_fc_sizes=[4, 3], sharing=sharing,
        behaviours={"click": None, "conversion": {"after": "click"}},
        unclicked={"kind": kind, **STILL.get(kind, {}), **settings},
    )  # fmt: skip


def outputs_and_losses(net, labels=LABELS):
    outputs = net(Features([paddle.to_tensor(VECTORS)], [None]))
    return outputs, net.losses(outputs, {name: paddle.to_tensor(label) for name, label in labels.items()})


@pytest.mark.parametrize("kind", KINDS)
def test_a_method_trains_alike_in_both_modes(kind):
    """Each under one of the sharings, and with the batch's products on the host or not."""
    sharing, on_host = SHARINGS[KINDS.index(kind) % len(SHARINGS)], bool(KINDS.index(kind) % 2)
    net = network(kind, sharing)
    weights = weights_of(net)
    found = dynamic(net, VECTORS, LABELS, on_host=on_host)
    program = static(lambda: network(kind, sharing), weights, VECTORS, LABELS, on_host=on_host)
    assert program.keys() == found.keys()
    for name, value in found.items():
        np.testing.assert_allclose(program[name].reshape(value.shape), value, rtol=1e-3, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_infinite_without_clicks_or_at_the_ends(kind):
    for labels in (LABELS, NOBODY, {**LABELS, "conversion": np.zeros_like(CONVERSION)}):
        for sign in (0.0, 80.0, -80.0):
            net = network(kind)
            for name, tower in net.towers.items():
                tower.logit.bias.set_value(paddle.full([1, 1], sign if name == "click" else -sign))
            assert all(np.isfinite(value).all() for value in dynamic(net, VECTORS, labels).values()), (kind, sign)


OF_CLICKS = {"chorus": {"ctuncvr"}}
"""Terms that train pCTR, as the product over the entire space does."""
TEACHERS = {
    "evi": {"cvr_evi"},
    "escim": {"cvr_imagined"},
    "ukd": {"cvr_distilled"},
    "ddpo": {"cvr_ddpo"},
    "dr": {"cvr_dr"},
    "mrdr": {"cvr_dr"},
}
"""Terms in which a head is a teacher's."""


@pytest.mark.parametrize("kind", KINDS)
def test_weights_and_pseudo_labels_pass_no_gradient(kind):
    net = network(kind)
    outputs, parts = outputs_and_losses(net)
    own = set(parts) - {"ctr", "ctcvr"}
    assert own
    for name in own:
        gradients = paddle.grad(
            parts[name],
            [*net.towers["click"].parameters(), *head_parameters(net)],
            retain_graph=True,
            allow_unused=True,
        )
        count = len(net.towers["click"].parameters())
        moved = [gradient is not None and bool((gradient != 0).any()) for gradient in gradients]
        assert any(moved[:count]) == (name in OF_CLICKS.get(kind, ())), name
        if name in TEACHERS.get(kind, ()) and kind != "ukd":  # whose second head is part of this term
            assert not any(moved[count:]), name
    served = {"ctr", "cvr", "ctcvr"}
    assert served <= outputs.keys()
    net.eval()
    assert set(net(Features([paddle.to_tensor(VECTORS)], [None]))) == served


def head_parameters(net):
    return [p for head in net.method.heads.values() for p in head.parameters() if not p.stop_gradient]


def test_a_teacher_of_ukd_leaves_embeddings_and_student_alone_and_its_discriminator_turns_round():
    net = network("ukd")
    vectors = paddle.to_tensor(VECTORS)
    vectors.stop_gradient = False
    outputs = net(Features([vectors], [None]))
    parts = net.losses(outputs, {name: paddle.to_tensor(label) for name, label in LABELS.items()})
    bottom = net.method.heads["teacher_bottom"].parameters()[0]
    (to_vectors, turned) = paddle.grad(
        parts["cvr_teacher"] + parts["discriminator"], [vectors, bottom], retain_graph=True, allow_unused=True
    )
    assert to_vectors is None or not to_vectors.numpy().any()
    (of_conversions,) = paddle.grad(parts["cvr_teacher"], [bottom])
    hidden = net.method.heads["teacher_bottom"](Features([paddle.to_tensor(VECTORS)], [None]))
    logit = net.method.heads["discriminator"](hidden)
    plain = paddle.nn.functional.binary_cross_entropy_with_logits(logit, paddle.to_tensor(CLICK))
    (straight,) = paddle.grad(plain, [bottom])
    np.testing.assert_allclose((turned - of_conversions).numpy(), -straight.numpy(), rtol=1e-3, atol=1e-6)


def test_the_product_of_the_entire_space_is_on_or_off():
    assert set(outputs_and_losses(network("ips"))[1]) == {"ctr", "ctcvr", "cvr_ips"}
    assert set(outputs_and_losses(network("ips", product=False))[1]) == {"ctr", "cvr_ips"}
    assert set(outputs_and_losses(network("nise"))[1]) == {"ctr", "cvr_nise"}
    found = dynamic(network("ips", product=False, weight=0.5), VECTORS, LABELS)
    assert found["loss"] == pytest.approx(found["loss_ctr"] + found["loss_cvr_ips"], rel=1e-6)
    learned = EntireSpace(
        num_field=3, sparse_feature_dim=2, tower_fc_sizes=[4], weighting={"kind": "gradnorm"},
        behaviours={"click": None, "conversion": {"after": "click"}},
        unclicked={"kind": "ips", "product": False},
    )  # fmt: skip
    assert learned.weighting.names == ["ctr"]
    assert np.isfinite(dynamic(learned, VECTORS, LABELS)["loss"])


def test_true_propensities_are_a_column_and_weigh_instead_of_pctr():
    given = {**LABELS, "chance": np.where(CLICK == 1, np.float32(0.25), np.float32(0.5))}
    net = network("ips", propensity="chance", propensity_min=0.3, product=False)
    outputs, parts = outputs_and_losses(net, given)
    error = outputs["cvr"].loss(paddle.to_tensor(CONVERSION)).numpy()
    assert parts["cvr_ips"].item() == pytest.approx((CLICK * error / 0.3).mean(), rel=1e-5)
    (clipped, of) = net.diagnostics(outputs, {name: paddle.to_tensor(x) for name, x in given.items()})["clipped_clicks"]
    assert (clipped.item(), of.item()) == (16, 16)
    assert "chance" in net.needed_labels
    section = {"behaviours": {"click": None, "conversion": {"after": "click"}}}
    rules = EntireSpace.label_rules({**section, "unclicked": {"kind": "ips", "propensity": "chance"}})
    assert (rules.columns, rules.kinds["chance"]) == (("click", "conversion", "chance"), "not negative")
    assert not rules.inputs
    # What is not known is in no mean.
    gaps = {**given, "chance": given["chance"].copy()}
    gaps["chance"][:15] = np.nan
    found = outputs_and_losses(net, gaps)[1]["cvr_ips"].item()
    assert found == pytest.approx(error[15, 0] / 0.3 / 25, rel=1e-5)


def test_both_sides_of_a_clip_are_shown():
    net = network("dcmt", propensity_min=0.3)
    for tower, logit in (("click", 2.0),):  # p = .88: 1 - p is below .3
        net.towers[tower].logit.weight.set_value(paddle.zeros_like(net.towers[tower].logit.weight))
        net.towers[tower].logit.bias.set_value(paddle.full([1, 1], logit))
    outputs, _ = outputs_and_losses(net)
    found = net.diagnostics(outputs, {name: paddle.to_tensor(label) for name, label in LABELS.items()})
    shown = {name: [value.item() for value in pair] for name, pair in found.items()}
    assert shown == {"clipped_clicks": [0, 16], "clipped_others": [24, 24]}
    assert network("nise").diagnostics(outputs, {}) == {}


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"kind": "isp"}, r"kind should be one of .*did you mean ips"),
        ({"kind": "nise", "propensity_min": 0.1}, "propensity_min is not a setting of nise"),
        ({"kind": "ips", "propensity_min": 0}, "should be greater than 0"),
        ({"kind": "dr_mse", "gamma": 2.0}, "less than or equal to 1"),
        ({"kind": "ddpo", "room": 1}, "room is not a setting of ddpo"),
    ],
)
def test_a_wrong_section_is_refused(section, said):
    with pytest.raises(ValueError, match=said):
        REGISTRY.check(section)


def test_a_graph_without_a_click_is_refused():
    with pytest.raises(UserError, match="unclicked needs a click"):
        EntireSpace(
            num_field=3, sparse_feature_dim=2, tower_fc_sizes=[4], behaviours={"conversion": None},
            unclicked={"kind": "ips"},
        )  # fmt: skip


def test_true_propensities_and_sampled_negatives_are_refused():
    with pytest.raises(UserError, match=r"unclicked\.propensity: chance is p\(click\) among all impressions"):
        EntireSpace(
            num_field=3, sparse_feature_dim=2, tower_fc_sizes=[4], negative_rate=0.5,
            behaviours={"click": None, "conversion": {"after": "click"}},
            unclicked={"kind": "ips", "propensity": "chance"},
        )  # fmt: skip
