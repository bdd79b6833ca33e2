"""ESCM2's counterfactual regulariser on a small world that can be enumerated, alike in both graph modes."""

import math

import numpy as np
import paddle
import pytest

from modes import dynamic, static, weights_of
from networks import load, set_logits
from rec.errors import UserError
from rec.nn.features import Features

ESMM = {"click": None, "conversion": {"after": "click"}}

# Two kinds of impressions, 50 each: of the first 40 are clicked and 20 of these convert, of the second 10 and 1. So
# p(click) is (.8, .2), p(conversion | click) (.5, .1): .3 over all impressions, 21 / 50 = .42 over the clicked ones.
KIND = np.repeat([0, 1], 50)
PLACE = np.tile(np.arange(50), 2)
CLICK = (np.where(KIND == 0, 40, 10) > PLACE).astype(np.float32)
CONVERSION = (np.where(KIND == 0, 20, 1) > PLACE).astype(np.float32)
LABELS = {"click": CLICK.reshape(-1, 1), "conversion": CONVERSION.reshape(-1, 1)}
VECTORS = np.eye(2, dtype=np.float32)[KIND]
RIGHT_P, RIGHT_M = (0.8, 0.2), (0.5, 0.1)
WRONG_P, WRONG_M = (0.5, 0.5), (0.2, 0.7)


def logit(p):
    return np.log(np.asarray(p) / (1 - np.asarray(p)))


@pytest.fixture
def network(monkeypatch):
    """ESCM2 on the kinds' one-hot vectors, with towers that are one layer."""
    escm2 = load(monkeypatch, "escm2", "ESCM2")
    return lambda **settings: escm2(
        **{"num_field": 1, "sparse_feature_dim": 2, "tower_fc_sizes": [], "behaviours": ESMM, **settings}
    )


def tell(net, p, m, q):
    """Give a network its pCTR and pseudo-labels by kind, and one pCVR for all impressions.

    A CVR that cannot tell the kinds apart needs every impression's right share in its loss.
    """
    set_logits(net, conversion=float(logit(q)))
    for tower, chances in ((net.towers["click"], p), (net.method.heads.get("imputation"), m)):
        if tower is not None:
            tower.logit.weight.set_value(paddle.to_tensor(logit(chances).astype(np.float32).reshape(2, 1)))
            tower.logit.bias.set_value(paddle.zeros([1, 1]))
    return net


def losses(net, labels=LABELS) -> dict:
    given = {name: paddle.to_tensor(label) for name, label in labels.items()}
    return net.losses(net(Features([paddle.to_tensor(VECTORS)], [None])), given)


def optimum(net, part: str) -> float:
    """The pCVR at which a part of the loss is least; it is convex in the logit."""
    low, high, bias = -6.0, 6.0, net.towers["conversion"].logit.bias
    for _ in range(40):
        middle = (low + high) / 2
        set_logits(net, conversion=middle)
        bias.clear_gradient()
        losses(net)[part].backward()
        low, high = (middle, high) if bias.grad.item() < 0 else (low, middle)
    return 1 / (1 + math.exp(-low))


@pytest.mark.parametrize(
    ("counterfactual", "p", "m", "expected"),
    [
        ("ips", RIGHT_P, None, 0.3),
        ("ips", WRONG_P, None, 0.42),  # the clicked ones' mean
        ("dr", WRONG_P, RIGHT_M, 0.3),
        ("dr", RIGHT_P, WRONG_M, 0.3),
        ("dr", WRONG_P, WRONG_M, 0.57),  # neither: 1/2 [.2 + .8 / .5 (.5 - .2) + .7 + .2 / .5 (.1 - .7)]
    ],
)
def test_what_pcvr_is_trained_towards(network, counterfactual, p, m, expected):
    net = tell(network(counterfactual=counterfactual), p, m, 0.5)
    assert optimum(net, f"cvr_{counterfactual}") == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("p", "m"), [(WRONG_P, RIGHT_M), (RIGHT_P, WRONG_M), (WRONG_P, WRONG_M)])
def test_what_the_regulariser_adds_to_the_gradients_in_both_modes(network, p, m):
    """q - mean(m + o (z - m) / p) to pCVR's logit; 2 o (m - z) logit(q)^2 m (1 - m) / p to m's; nothing to pCTR's."""
    q, found = 0.2, {}
    for weight in (1.0, 0.0):
        settings = {"counterfactual": "dr", "counterfactual_weight": weight}
        net = tell(network(**settings), p, m, q)
        found[weight] = dynamic(net, VECTORS, LABELS)
        program = static(lambda settings=settings: network(**settings), weights_of(net), VECTORS, LABELS)
        assert program.keys() == found[weight].keys()
        for name, value in found[weight].items():
            np.testing.assert_allclose(program[name].reshape(value.shape), value, rtol=1e-4, atol=2e-6, err_msg=name)
    added = {name: found[1.0][name] - found[0.0][name] for name in found[0.0]}
    m, p = np.take(m, KIND), np.take(p, KIND)
    to_q = q - (m + CLICK * (CONVERSION - m) / p).mean()
    to_m = (2 * CLICK * (m - CONVERSION) * logit(q) ** 2 * m * (1 - m) / p).mean()
    assert added["d towers.conversion.logit.bias"].item() == pytest.approx(to_q, abs=1e-5)
    assert added["d imputation.logit.bias"].item() == pytest.approx(to_m, abs=1e-5)
    assert not added["d towers.click.logit.bias"].any()
    assert not added["d towers.click.logit.weight"].any()


def test_each_term_trains_its_own(network):
    net = tell(network(counterfactual="dr"), RIGHT_P, WRONG_M, 0.2)
    conversion, imputation = (tower.logit.bias for tower in (net.towers["conversion"], net.imputation))
    losses(net)["cvr_dr"].backward()
    assert conversion.grad.item() != 0
    assert imputation.grad is None
    conversion.clear_gradient()
    losses(net)["cvr_imputation"].backward()
    assert imputation.grad.item() != 0
    assert conversion.grad is None or conversion.grad.item() == 0


def test_the_imputation_is_best_at_the_clicked_ones_rate(network):
    net = tell(network(counterfactual="dr"), WRONG_P, RIGHT_M, 0.2)
    losses(net)["cvr_imputation"].backward()
    assert net.imputation.logit.weight.grad.numpy()[:, 0] == pytest.approx([0.0, 0.0], abs=1e-6)


@pytest.mark.parametrize("counterfactual", ["ips", "dr"])
def test_losses_and_gradients_are_finite(network, counterfactual):
    """Whatever towers say, with clicks and without one."""
    nobody = {name: np.zeros_like(label) for name, label in LABELS.items()}
    for sign in (1, -1):
        net = network(counterfactual=counterfactual, counterfactual_weight=1.0)
        set_logits(net, click=-90.0, conversion=80.0 * sign)
        if counterfactual == "dr":
            net.imputation.logit.bias.set_value(paddle.full([1, 1], -80.0 * sign))
        for labels in (LABELS, nobody):
            assert all(np.isfinite(value).all() for value in dynamic(net, VECTORS, labels).values())
            program = static(
                lambda: network(counterfactual=counterfactual, counterfactual_weight=1.0),
                weights_of(net), VECTORS, labels,
            )  # fmt: skip
            assert all(np.isfinite(value).all() for value in program.values())


@pytest.mark.parametrize("counterfactual", ["ips", "dr"])
def test_labels_that_are_not_known(network, counterfactual):
    """A conversion that nobody clicked need not be known; what should be and is not leaves the means."""
    net = tell(network(counterfactual=counterfactual), RIGHT_P, WRONG_M, 0.2)
    whole = losses(net)
    of_clicks_only = {**LABELS, "conversion": np.where(LABELS["click"] == 1, LABELS["conversion"], np.float32("nan"))}
    names = [name for name in whole if name.startswith("cvr_")]
    for name in names:
        assert losses(net, of_clicks_only)[name].item() == pytest.approx(whole[name].item(), rel=1e-6)
    # Of the first kind's clicked ones, of one the conversion and of one the click is not known: as if they were not.
    gaps = {name: label.copy() for name, label in LABELS.items()}
    gaps["conversion"][0], gaps["click"][1] = np.nan, np.nan
    fewer = {name: paddle.to_tensor(label[2:]) for name, label in LABELS.items()}
    expected = net.losses(net(Features([paddle.to_tensor(VECTORS[2:])], [None])), fewer)
    found = losses(net, gaps)
    for name in names:
        assert found[name].item() == pytest.approx(expected[name].item(), rel=1e-5)
    paddle.add_n([found[name] for name in names]).backward()
    assert math.isfinite(net.towers["conversion"].logit.bias.grad.item())


def test_ips_by_hand(network):
    """pCTR .5, pCVR .4: clicked ones weigh 2; pCTR .001 would weigh 1,000, and is taken for .01."""
    net = network(counterfactual_weight=0.5)
    set_logits(net, click=0.0, conversion=float(logit(0.4)))
    error = -21 * math.log(0.4) - 29 * math.log(0.6)
    assert losses(net)["cvr_ips"].item() == pytest.approx(0.5 * error / 0.5 / 100, rel=1e-5)
    set_logits(net, click=float(logit(0.001)))
    assert losses(net)["cvr_ips"].item() == pytest.approx(0.5 * error / 0.01 / 100, rel=1e-5)


def test_the_share_of_clicks_whose_propensity_is_clipped(network):
    """Of 50 clicks the second kind's 10 have a pCTR of .2; of 50 other impressions 40 do, which count for nothing."""
    for least, clipped in ((0.3, 10.0), (0.1, 0.0), (0.9, 50.0)):
        net = tell(network(propensity_min=least), RIGHT_P, None, 0.5)
        given = {name: paddle.to_tensor(label) for name, label in LABELS.items()}
        found = net.diagnostics(net(Features([paddle.to_tensor(VECTORS)], [None])), given)
        assert [value.item() for value in found["clipped_clicks"]] == [clipped, 50.0]


def test_serving_needs_no_imputation(network):
    net = network(counterfactual="dr")
    net.eval()
    assert set(net(Features([paddle.to_tensor(VECTORS)], [None]))) == {"ctr", "cvr", "ctcvr"}


def test_deepfm_adds_to_the_logits_here_too(network):
    """One field has no pairs: of its 4 columns the last two, a first order for each tower, are what is added."""
    net = network(interaction={"kind": "fm", "logit": True})
    set_logits(net, click=0.5, conversion=-0.5)
    vectors = np.concatenate([VECTORS, np.full((100, 1), 0.2), np.full((100, 1), 0.3)], axis=1).astype(np.float32)
    outputs = net(Features([paddle.to_tensor(vectors)], [None]))
    assert outputs["ctr"].logit.numpy() == pytest.approx(np.full((100, 1), 0.7), rel=1e-5)
    assert outputs["cvr"].logit.numpy() == pytest.approx(np.full((100, 1), -0.2), rel=1e-5)


def test_labels_and_codes_may_have_other_names(network):
    behaviours = {"click": {"label": "seen", "code": "x"}, "conversion": {"after": "click", "label": "sold"}}
    net = tell(network(behaviours=behaviours), RIGHT_P, None, 0.5)
    named = losses(net, {"seen": LABELS["click"], "sold": LABELS["conversion"]})["cvr_ips"].item()
    assert named == losses(tell(network(), RIGHT_P, None, 0.5))["cvr_ips"].item()


@pytest.mark.parametrize(
    "behaviours",
    [
        {"click": {"given": True}, "conversion": {"after": "click"}},
        {"click": None},
        {"conversion": None},
        {"click": None, "conversion": {"implies": "click"}},
        {"click": None, "conversion": {"head": "regression", "space": "click"}},
        {"click": None, "cart": {"after": "click"}, "conversion": {"after": "cart", "space": "click"}},
        {
            "click": None,
            "cart": {"after": "click"},
            "other": {"instead_of": "cart"},
            "conversion": {"after": ["cart", "other"]},
        },
    ],
)
def test_graphs_that_it_cannot_train_are_refused(network, behaviours):
    with pytest.raises(UserError, match=r"hyper_parameters\.behaviours: ESCM2 needs a click .* these predict "):
        network(behaviours=behaviours)
