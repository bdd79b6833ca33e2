"""What the directories with a net.py of their own add, with numbers worked out here, alike in both graph modes."""

import math

import numpy as np
import paddle
import pytest

from modes import dynamic, static, weights_of
from networks import load, set_logits
from rec.errors import UserError
from rec.nn.features import Features

ESMM = {"click": None, "conversion": {"after": "click"}}
SIZES = {"num_field": 2, "sparse_feature_dim": 3, "tower_fc_sizes": [8]}


def column(*values: float):
    return paddle.to_tensor(np.array(values, np.float32).reshape(-1, 1))


def ones(rows: int, width: int = 6) -> Features:
    return Features([paddle.ones([rows, width])], [None])


def logit(p: float) -> float:
    return math.log(p / (1 - p))


def labels(rows: int = 6) -> dict:
    random = np.random.default_rng(4)
    click = (random.random((rows, 1)) < 0.7).astype(np.float32)
    conversion = click * (random.random((rows, 1)) < 0.5).astype(np.float32)
    like = click * (random.random((rows, 1)) < 0.5).astype(np.float32)
    seconds = click * random.exponential(20, (rows, 1)).astype(np.float32)
    price = random.exponential(50, (rows, 1)).astype(np.float32)
    return {"click": click, "conversion": conversion, "like": like, "watch_time": seconds, "price": price}


CASES = {
    "escm2-ips": ("escm2", "ESCM2", {"behaviours": ESMM, "counterfactual": "ips"}),
    "escm2-dr": ("escm2", "ESCM2", {"behaviours": ESMM, "counterfactual": "dr"}),
    "aitm": (
        "aitm",
        "AITM",
        {
            "behaviours": {"click": None, "conversion": {"implies": "click"}},
            "sharing": {"kind": "aitm", "fc_sizes": [8]},
        },
    ),
    "youtube": (
        "youtube",
        "YouTube",
        {
            "behaviours": {"click": None, "watch_time": {"head": "log_regression", "space": "click"}},
            "fields": ["item", "position_id"],
            "position_dropout": 0.5,
        },
    ),
    "youtube, two of each": (
        "youtube",
        "YouTube",
        {
            "behaviours": {"click": None, "like": {"after": "click"}},
            "num_field": 3,
            "sparse_feature_dim": 2,
            "fields": ["device", "item", "position_id"],
            "bias_fields": ["position_id", "device"],
            "biased_behaviours": ["click", "like"],
            "position_dropout": 0.5,
        },
    ),
    "mogujie": ("mogujie", "Mogujie", {"behaviours": ESMM}),
}


@pytest.mark.parametrize("case", CASES)
def test_both_modes_agree(case, monkeypatch):
    directory, name, settings = CASES[case]
    network = load(monkeypatch, directory, name)

    def build():
        return network(**{**SIZES, **settings})

    paddle.seed(3)
    net = build()
    vectors = np.random.default_rng(0).normal(size=(6, 6)).astype(np.float32)
    found, as_program = dynamic(net, vectors, labels()), static(build, weights_of(net), vectors, labels())
    assert found.keys() == as_program.keys()
    assert {f"d {name}" for name, _ in net.named_parameters()} <= found.keys()
    for key, value in found.items():
        np.testing.assert_allclose(as_program[key].reshape(value.shape), value, rtol=2e-4, atol=2e-6, err_msg=key)


@pytest.mark.parametrize("case", CASES)
def test_a_label_that_is_not_known_spoils_no_other_loss(case, monkeypatch):
    """The last two impressions tell of clicks only, the first two of everything else; alike in both modes."""
    directory, name, settings = CASES[case]
    network = load(monkeypatch, directory, name)
    settings = {**SIZES, **settings, **({"position_dropout": 1e-6} if directory == "youtube" else {})}

    def build():
        return network(**settings)

    paddle.seed(3)
    net = build()
    vectors = np.random.default_rng(0).normal(size=(6, 6)).astype(np.float32)
    given = {label: values.copy() for label, values in labels().items()}
    given["click"][:2] = np.nan
    for label in given.keys() - {"click"}:
        given[label][4:] = np.nan
    found, as_program = dynamic(net, vectors, given), static(build, weights_of(net), vectors, given)
    for key, value in found.items():
        assert np.isfinite(value).all(), key
        np.testing.assert_allclose(as_program[key].reshape(value.shape), value, rtol=2e-4, atol=2e-6, err_msg=key)
    alone = dynamic(net, vectors[2:], {label: values[2:] for label, values in given.items()})
    assert found["loss_ctr"] == pytest.approx(alone["loss_ctr"], rel=1e-5)


def test_aitms_calibrator_by_hand(monkeypatch):
    behaviours = {"click": None, "conversion": {"implies": "click"}}
    net = load(monkeypatch, "aitm", "AITM")(**SIZES, behaviours=behaviours, calibrator_weight=0.5)
    given = {"click": column(1, 0), "conversion": column(0, 0)}
    for p, expected in ((0.7, 0.5 * 0.2), (0.3, 0.0)):
        set_logits(net, click=0.0, conversion=logit(p))
        assert net.losses(net(ones(2)), given)["ctcvr_calibrator"].item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("behaviours", [ESMM, {"click": None, "like": None}])
def test_aitm_without_anything_to_calibrate_is_refused(monkeypatch, behaviours):
    with pytest.raises(UserError, match=r"hyper_parameters\.behaviours: the calibrator needs a behaviour that implies"):
        load(monkeypatch, "aitm", "AITM")(**SIZES, behaviours=behaviours)


def youtube(monkeypatch, **settings):
    after_either = {"after": ["click", "no_click"]}
    behaviours = {"click": None, "no_click": {"instead_of": "click"}, "like": None, "conversion": after_either}
    settings = {"fields": ["position_id", "item"], "behaviours": behaviours, **settings}
    return load(monkeypatch, "youtube", "YouTube")(**{**SIZES, **settings})


def test_youtubes_bias_fields_count_in_training_only(monkeypatch):
    """Fields device (1, 1), item, position (1, 1): .5 each in the click's tower, -.25 and 2 in the conversion's."""
    fields, biased = ["device", "item", "position_id"], ["click", "conversion"]
    net = youtube(
        monkeypatch, num_field=3, sparse_feature_dim=2, fields=fields, bias_fields=["position_id", "device"],
        biased_behaviours=biased,
    )  # fmt: skip
    set_logits(net, click=0.5, like=0.5, conversion_after_click=0.1, conversion_after_no_click=0.2)
    net.shallow.weight.set_value(paddle.to_tensor(np.array([[0.5, -0.25, 2.0]] * 4, np.float32)))
    net.shallow.dropout = 0.0
    serving = {"click": 0.5, "like": 0.5, "conversion_after_click": 0.1, "conversion_after_no_click": 0.2}
    added = {"click": 2.0, "like": 0.0, "conversion_after_click": -1.0, "conversion_after_no_click": 8.0}
    training = {name: logit.item() for name, logit in net.logits(ones(1)).items()}
    assert training == pytest.approx({name: serving[name] + added[name] for name in serving}, rel=1e-5)
    net.eval()
    assert {name: logit.item() for name, logit in net.logits(ones(1)).items()} == pytest.approx(serving, rel=1e-5)


def test_youtubes_ranking_does_not_see_the_position(monkeypatch):
    net = youtube(monkeypatch)
    net.eval()
    x = paddle.ones([1, 6])
    x.stop_gradient = False
    net(Features([x], [None]))["ctr"].value.backward()
    assert (x.grad.numpy()[0] != 0).tolist() == [False, False, False, True, True, True]


def test_youtube_finds_bias_fields_by_name(monkeypatch):
    """Prepared data have their fields in another order than the config."""
    net = youtube(monkeypatch)
    net.eval()
    x = paddle.ones([1, 6])
    x.stop_gradient = False
    net(Features([x], [None], names=("item", "position_id")))["ctr"].value.backward()
    assert (x.grad.numpy()[0] != 0).tolist() == [True, True, True, False, False, False]


def test_youtube_below_deepfm(monkeypatch):
    """An item of 3 columns and 4 first orders, one for each tower; serving hides the 7 of the position."""
    net = youtube(monkeypatch, interaction={"kind": "fm", "logit": True})
    set_logits(net, click=0.5, like=0.5, conversion_after_click=0.1, conversion_after_no_click=0.2)
    x = np.concatenate([np.full((1, 7), 9.0), [[1.0, 2.0, 3.0, 0.1, 0.2, 0.3, 0.4]]], axis=1).astype(np.float32)
    net.shallow.weight.set_value(paddle.full([7, 1], 0.01))
    net.shallow.dropout = 0.0
    serving = {"click": 0.6, "like": 0.7, "conversion_after_click": 0.4, "conversion_after_no_click": 0.6}
    training = {**serving, "click": 0.6 + 7 * 9 * 0.01}
    for expected in (training, serving):
        found = {name: logit.item() for name, logit in net.logits(Features([paddle.to_tensor(x)], [None])).items()}
        assert found == pytest.approx(expected, rel=1e-5)
        net.eval()


def test_youtube_without_a_shallow_tower_trains_as_it_serves(monkeypatch):
    net = youtube(monkeypatch, shallow_tower=False, position_dropout=0.0)
    set_logits(net, click=0.5, like=0.5)
    assert net(ones(1))["ctr"].logit.item() == pytest.approx(0.5, rel=1e-5)
    assert not [name for name, _ in net.named_parameters() if "shallow" in name]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bias_fields": ["place"]}, "bias_fields: place is not among hyper_parameters.fields"),
        ({"bias_fields": ["item", "item"]}, "bias_fields: names a field twice: item, item"),
        ({"bias_fields": ["item", "position_id"]}, "bias_fields: holds every field"),
        ({"biased_behaviours": ["tap"]}, "biased_behaviours: tap has no tower; the towers are: click, like"),
        ({"biased_behaviours": ["no_click"]}, "biased_behaviours: no_click has no tower"),
        ({"interaction": {"attend": {"item": "position_id"}}}, "bias_fields: position_id is in interaction.attend"),
        ({"position_dropout": 0.0}, "position_dropout is 0: .* set it above 0"),
    ],
)
def test_youtube_says_what_it_lacks(monkeypatch, settings, message):
    with pytest.raises(UserError, match=message):
        youtube(monkeypatch, **settings)
