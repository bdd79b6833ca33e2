"""The methods of delayed feedback on a small world whose every row and chance is enumerated."""

from __future__ import annotations

import numpy as np
import paddle
import pytest
from scipy.integrate import quad

from modes import dynamic, static, weights_of
from rec.errors import UserError
from rec.nn.delay import METHODS
from rec.nn.delay.network import DelayedConversion

# Three kinds of clicks: P(y = 1), and of it what comes after the wait.
F, DP = np.array([0.3, 0.05, 0.8]), np.array([0.12, 0.04, 0.2])
IP, RN = F - DP, (1 - F) / (1 - F + DP)
# By some time after the click, this share of the conversions has come.
BY = np.array([0.25, 0.6, 0.9])
UNSEEN = 1 - F * BY
S0, G = (1 - F) / UNSEEN, F * (1 - BY) / UNSEEN

ES_DFM = [(1, 0, IP), (0, 0, 1 - IP), (1, 1, DP)]
FAKE = [(0, 0, np.ones(3)), (1, 1, F)]
DEFER = [(1, 0, IP), (0, 0, 1 - IP), (1, 1, F), (0, 1, 1 - F)]
SNAPSHOT = [(1, 0, F * BY), (0, 0, UNSEEN)]
FINAL = [(1, 0, F), (0, 0, 1 - F)]
"""Label, whether the click was there before, and the mass of such rows for each kind of click."""

STREAMS = {
    "fnw": FAKE, "fnc": FAKE, "es_dfm": ES_DFM, "defer": DEFER, "defuse": ES_DFM, "bi_defuse": ES_DFM,
    "fsiw": SNAPSHOT, "ulc": SNAPSHOT,
}  # fmt: skip
EXACT = {"late": DP, "negative": RN}
OF_TIME = {"seen": BY, "negative": S0}


def logit(p):
    return np.log(p) - np.log1p(-p)


def log_loss(a, f):
    return -a * np.log(f) - (1 - a) * np.log(1 - f)


def expected(method, stream, given, **towers):
    """The loss's mean over the stream by kind of click, and its derivatives by the towers' logits."""
    tensors = {name: paddle.to_tensor(value.reshape(-1, 1), "float64") for name, value in towers.items()}
    columns = {name: paddle.to_tensor(value.reshape(-1, 1), "float64") for name, value in given.items()}
    for tensor in [*tensors.values(), *columns.values()]:
        tensor.stop_gradient = False
    total = 0.0
    for v, again, mass in stream:
        ones = paddle.ones([3, 1], "float64")
        loss = METHODS[method].loss(tensors, v * ones, {**columns, "again": again * ones})
        total = total + loss * paddle.to_tensor(mass.reshape(-1, 1))
    total.sum().backward()
    helpers = [column for name, column in columns.items() if name in ("late", "negative", "seen")]
    assert all(column.grad is None or not column.grad.numpy().any() for column in helpers), "weights move"
    return total.numpy()[:, 0], {name: tensor.grad.numpy()[:, 0] for name, tensor in tensors.items()}


def columns_of(method):
    return OF_TIME if method in ("fsiw", "ulc") else EXACT


@pytest.mark.parametrize("method", ["fnw", "es_dfm", "defer", "defuse", "fsiw", "ulc"])
def test_the_optimum_is_the_truth(method):
    _, slopes = expected(method, STREAMS[method], columns_of(method), conversion=logit(F))
    assert slopes["conversion"] == pytest.approx(0, abs=1e-12)
    _, slopes = expected(method, STREAMS[method], columns_of(method), conversion=logit(F) + 0.1)
    assert (slopes["conversion"] > 1e-3).all()


@pytest.mark.parametrize(
    ("method", "factor"), [("es_dfm", 1 + DP), ("defuse", 1 + DP), ("fsiw", np.ones(3)), ("ulc", np.ones(3))]
)
def test_the_expectation_is_that_of_final_labels(method, factor):
    """Whatever the network says, and not only at the optimum: (1 + dp) says how much a kind of click counts."""
    said = np.array([0.6, 0.2, 0.4])
    found, _ = expected(method, STREAMS[method], columns_of(method), conversion=logit(said))
    assert found == pytest.approx(factor * log_loss(F, said))


def test_what_streams_without_correction_end_at():
    """Vanilla at ip, vanilla-win at f / (1 + dp), the oracle at f."""
    waited = [(1, 0, IP), (0, 0, 1 - IP)]
    for stream, end in ((waited, IP), (ES_DFM, F / (1 + DP)), (FINAL, F)):
        _, slopes = expected("plain", stream, {}, conversion=logit(end))
        assert slopes["conversion"] == pytest.approx(0, abs=1e-12)


def test_fnc_is_calibrated():
    """b = f / (1 + f) is the optimum, and serves f; b above 1/2 serves 1."""
    _, slopes = expected("fnc", FAKE, {}, conversion=logit(F / (1 + F)))
    assert slopes["conversion"] == pytest.approx(0, abs=1e-12)
    b = np.append(F / (1 + F), 0.7).astype(np.float32).reshape(-1, 1)
    served = METHODS["fnc"].served({"conversion": paddle.to_tensor(logit(b))})
    assert served.value.numpy()[:, 0] == pytest.approx([*F, 1], rel=1e-5)


def test_bi_defuse_ends_at_both_parts():
    _, slopes = expected("bi_defuse", ES_DFM, {}, within=logit(IP), after=logit(DP))
    assert slopes["within"] == pytest.approx(0, abs=1e-12)
    assert slopes["after"] == pytest.approx(0, abs=1e-12)
    towers = {"within": np.append(IP, 0.6), "after": np.append(DP, 0.7)}
    served = METHODS["bi_defuse"].served(
        {name: paddle.to_tensor(logit(p).reshape(-1, 1), "float32") for name, p in towers.items()}
    )
    assert served.value.numpy()[:, 0] == pytest.approx([*F, 1], rel=1e-5)


def test_a_wrong_helper_of_es_dfm():
    """Ends at f / (f + rn (1 - f + dp)); a wrong dp alone changes nothing."""
    rn, dp = np.array([0.5, 0.9, 0.99]), np.array([0.3, 0.01, 0.5])
    for given, end in (({"late": DP, "negative": rn}, F / (F + rn * (1 - IP))), ({"late": dp, "negative": RN}, F)):
        _, slopes = expected("es_dfm", ES_DFM, given, conversion=logit(end))
        assert slopes["conversion"] == pytest.approx(0, abs=1e-12)


NOTHING_LATE = {"late": np.zeros(3), "negative": np.ones(3)}


@pytest.mark.parametrize(
    ("method", "given"),
    [
        ("es_dfm", NOTHING_LATE),  # waited for ever
        ("defer", NOTHING_LATE),
        ("defuse", NOTHING_LATE),
        ("fsiw", {"seen": np.ones(3), "negative": np.ones(3)}),  # no delay
        ("ulc", {"negative": np.ones(3)}),  # g = 0: vanilla
    ],
)
def test_reductions_to_the_log_loss(method, given):
    said = logit(np.array([0.6, 0.2, 0.4]))
    for v in (0, 1):
        own, slope = expected(method, [(v, 0, np.ones(3))], given, conversion=said)
        plain, plain_slope = expected("plain", [(v, 0, np.ones(3))], {}, conversion=said)
        assert own == pytest.approx(plain)
        assert slope["conversion"] == pytest.approx(plain_slope["conversion"])


def test_es_dfm_without_a_wait_is_fnw():
    """dp = f and rn = 1 - f."""
    said = np.array([0.6, 0.2, 0.4])
    given = {"late": said, "negative": 1 - said}
    for v in (0, 1):
        own, slope = expected("es_dfm", [(v, 0, np.ones(3))], given, conversion=logit(said))
        other, other_slope = expected("fnw", [(v, 0, np.ones(3))], {}, conversion=logit(said))
        assert own == pytest.approx(other)
        assert slope["conversion"] == pytest.approx(other_slope["conversion"])


@pytest.mark.parametrize("method", ["fnw", "defer"])
def test_weights_of_the_network_itself_are_detached(method):
    """The slope is that of fixed weights: -w1 (1 - f) for a positive, w0 f for a negative."""
    f, half = np.array([0.6, 0.2, 0.4]), DP / 2
    weights = {
        "fnw": (1 + f, (1 - f) * (1 + f)),
        "defer": (np.minimum(f / (f - half), 3), (1 - f) / (1 - f + half)),
    }[method]
    for v, slope in ((1, -weights[0] * (1 - f)), (0, weights[1] * f)):
        _, found = expected(method, [(v, 0, np.ones(3))], EXACT, conversion=logit(f))
        assert found["conversion"] == pytest.approx(slope)


def test_defer_cuts_a_positive_at_three():
    f, late = np.array([0.1, 0.1, 0.1]), np.array([0.15, 0.2, 0.9])  # f / (f - dp / 2) is 4, infinite, below 0
    found, _ = expected("defer", [(1, 0, np.ones(3))], {"late": late, "negative": RN}, conversion=logit(f))
    assert found == pytest.approx(-3 * np.log(f))


def test_dfm_ends_at_the_truth():
    """Over exponential delays, each integrated: known by time el, with the chance f (1 - e^(-la el))."""
    rate, elapsed = np.array([2.0, 0.5, 1.0]), np.array([0.3, 2.0, 1.0])

    def mean(f, log_rate):
        """The expectation in NumPy."""
        total = []
        for k, (la, el, true) in enumerate(zip(np.exp(log_rate), elapsed, rate, strict=True)):

            def cost(h, k=k, la=la, true=true):
                return F[k] * true * np.exp(-true * h) * (-np.log(f[k]) - np.log(la) + la * h)

            unseen = 1 - F[k] * (1 - np.exp(-true * el))
            total.append(quad(cost, 0, el)[0] - unseen * np.log(1 - f[k] + f[k] * np.exp(-la * el)))
        return np.array(total)

    def found(f_logit, log_rate):
        """The same of the loss: linear in h, so that a row with the mean delay of what has come stands for all."""
        come = F * (1 - np.exp(-rate * elapsed))
        h = (1 / rate) - elapsed * np.exp(-rate * elapsed) / (1 - np.exp(-rate * elapsed))
        given = {"elapsed": elapsed, "delay": h}
        return expected("dfm", [(1, 0, come), (0, 0, 1 - come)], given, conversion=f_logit, rate=log_rate)

    value, slopes = found(logit(F), np.log(rate))
    assert value == pytest.approx(mean(F, np.log(rate)))
    assert slopes["conversion"] == pytest.approx(0, abs=1e-12)
    assert slopes["rate"] == pytest.approx(0, abs=1e-12)
    _, slopes = found(logit(F) + 0.1, np.log(rate))
    assert (slopes["conversion"] > 1e-4).all()


def test_dfm_of_long_ago_is_the_log_loss_and_the_delays():
    said, rate, h = np.array([0.6, 0.2, 0.4]), np.array([2.0, 0.5, 1.0]), np.array([0.1, 3.0, 1.0])
    given = {"elapsed": np.full(3, 1e4), "delay": h}
    for v, delays in ((1, -np.log(rate) + rate * h), (0, np.zeros(3))):
        found, _ = expected("dfm", [(v, 0, np.ones(3))], given, conversion=logit(said), rate=np.log(rate))
        assert found == pytest.approx(log_loss(v, said) + delays)


P, WINDOW = np.array([0.4, 0.1, 0.7]), 4.0
MASS = np.array([[0.1, 0.2, 0.1, 0.3, 0.2, 0.1], [0.5, 0.1, 0.1, 0.1, 0.1, 0.1], [0.05, 0.05, 0.1, 0.1, 0.2, 0.5]])
"""P(click), days of the window, and how likely delays of up to 1/16, 1/4, 1/2, 1, 2 and 4 days are."""
MIDDLES = np.array([1 / 32, 5 / 32, 3 / 8, 3 / 4, 1.5, 3.0])


def of_esdf(by, by_middle, towers):
    """ESDF's mean loss over impressions, clicks and delays, as known `by` days after the click, and its slopes.

    by_middle: the share of the conversions with a delay of an interval that have come by then, [6].
    """
    ones, total, slopes = np.ones(3), 0.0, {name: np.zeros(3) for name in towers}
    rows = [(0, 0, 0.0, 0.0, 1 - P)]
    rows += [(1, 1, delay, 0.0, P * F * MASS[:, k] * by_middle[k]) for k, delay in enumerate(MIDDLES)]
    rows += [(1, 0, 0.0, by, P * (1 - F * (MASS @ by_middle)))]
    for clicked, v, delay, elapsed, mass in rows:
        given = {"clicked": clicked * ones, "delay": delay * ones, "elapsed": elapsed * ones, "window": WINDOW * ones}
        value, slope = expected("esdf", [(v, 0, mass)], given, **towers)
        total, slopes = total + value, {name: slopes[name] + slope[name] for name in towers}
    return total, slopes


def esdf_towers(p=P, f=F):
    return {"click": logit(p), "conversion": logit(f), **{f"delay_{k}": np.log(MASS[:, k]) for k in range(6)}}


@pytest.mark.parametrize(
    ("by", "come"),
    [(0.5, [1, 1, 1, 0, 0, 0]), (1.25, [1, 1, 1, 1, 0.25, 0]), (1 / 64, [0.25, 0, 0, 0, 0, 0]), (4.0, np.ones(6))],
)
def test_esdf_ends_at_the_truth(by, come):
    """Known some days after the click: at an interval's end, within one, a quarter of which has come, and at last."""
    come = np.array(come)
    value, slopes = of_esdf(by, come, esdf_towers())
    for name, slope in slopes.items():
        assert slope == pytest.approx(0, abs=1e-10), name
    seen = F * (MASS @ come)
    sold = -F * ((MASS * np.log(F[:, None] * MASS)) @ come)
    assert value == pytest.approx(log_loss(P, P) + P * (sold - (1 - seen) * np.log(1 - seen)))
    _, slopes = of_esdf(by, come, esdf_towers(f=F + 0.1))
    assert (slopes["conversion"] > 1e-5).all()


@pytest.mark.parametrize(("clicked", "v"), [(0, 0), (1, 0), (1, 1)])
def test_esdf_of_closed_windows_is_two_log_losses(clicked, v):
    """l(click, p) + click l(conversion, f), and beside it what says how late a conversion was."""
    p, f = np.array([0.6, 0.3, 0.2]), np.array([0.6, 0.2, 0.4])
    given = {"clicked": np.full(3, clicked), "elapsed": np.full(3, WINDOW), "delay": np.full(3, 0.7 * v)}
    given = {name: np.asarray(values, float) for name, values in {**given, "window": np.full(3, WINDOW)}.items()}
    found, _ = expected("esdf", [(v, 0, np.ones(3))], given, **esdf_towers(p, f))
    late = -np.log(MASS[:, 3]) if v else 0
    assert found == pytest.approx(log_loss(clicked, p) + clicked * (log_loss(v, f) + late), rel=1e-9)


RANDOM = np.random.default_rng(5)
ROWS = 16
LABELS = {
    "conversion": (RANDOM.random((ROWS, 1)) < 0.4).astype(np.float32),
    "again": (RANDOM.random((ROWS, 1)) < 0.2).astype(np.float32),
    **{name: RANDOM.uniform(0.1, 0.9, (ROWS, 1)).astype(np.float32) for name in ("late", "negative", "seen")},
    **{name: RANDOM.exponential(1, (ROWS, 1)).astype(np.float32) for name in ("elapsed", "delay")},
    "clicked": (RANDOM.random((ROWS, 1)) < 0.5).astype(np.float32),
    "window": np.full((ROWS, 1), 3, np.float32),
}


@pytest.mark.parametrize("method", METHODS)
def test_both_modes_train_alike(method):
    """Losses, predictions and gradients of the network of each method."""

    def build():
        return DelayedConversion(method, num_field=2, sparse_feature_dim=4, tower_fc_sizes=[6])

    vectors, net = RANDOM.normal(size=(ROWS, 8)).astype(np.float32), build()
    first, second = dynamic(net, vectors, LABELS), static(build, weights_of(net), vectors, LABELS)
    assert first.keys() == second.keys()
    assert {"loss", "pcvr", "vectors"} < first.keys()
    for name, value in first.items():
        assert np.isfinite(value).all()
        assert second[name] == pytest.approx(value, abs=1e-6), name


def test_only_clicks_with_a_known_label_count():
    """The mean is over them: rows 0 and 1 of four, among clicks."""
    net = DelayedConversion("plain", "click", num_field=1, sparse_feature_dim=2, tower_fc_sizes=[3])
    vectors = RANDOM.normal(size=(4, 2)).astype(np.float32)
    labels = {"conversion": np.float32([[1], [0], [np.nan], [0]]), "click": np.float32([[1], [1], [1], [0]])}
    found = dynamic(net, vectors, labels)
    assert found["loss"] == pytest.approx(log_loss(np.array([1, 0]), found["pcvr"][:2, 0]).mean(), rel=1e-5)


def test_a_method_without_its_columns_is_refused():
    net = DelayedConversion("es_dfm", num_field=1, sparse_feature_dim=2, tower_fc_sizes=[3])
    labels = {"conversion": LABELS["conversion"]}
    with pytest.raises(UserError, match="es_dfm reads late, negative of each row, which tools/stream"):
        dynamic(net, RANDOM.normal(size=(ROWS, 2)).astype(np.float32), labels)
