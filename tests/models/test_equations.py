"""The losses that the directories' READMEs state, in NumPy, against what the shipped configs train."""

import numpy as np
import paddle
import pytest

from networks import load as load_network
from rec.config.bind import bind
from rec.config.config import load
from rec.nn.features import Features
from rec.nn.multitask import MultiTask
from rec.nn.probability import Probability
from support import ROOT

RANDOM = np.random.default_rng(6)
ROWS = 12


def log_loss(a, f):
    return -a * np.log(f) - (1 - a) * np.log(1 - f)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def mean(values, *among):
    """Over impressions whose values are known and whose labels `among` are 1."""
    kept = np.isfinite(values) & np.all([label == 1 for label in among], axis=0)
    return values[kept].sum() / max(kept.sum(), 1)


def esm2(y, t, _):
    y1, y2, y3, y4 = (
        sigmoid(t[name]) for name in ("click", "cart", "conversion_after_cart", "conversion_after_other_action")
    )
    p_conversion = y1 * (y2 * y3 + (1 - y2) * y4)
    return (
        mean(log_loss(y["click"], y1))
        + mean(log_loss(y["cart"], y1 * y2))
        + mean(log_loss(y["conversion"], p_conversion))
    )


def esmm(y, t, _):
    p, q = sigmoid(t["click"]), sigmoid(t["conversion"])
    return mean(log_loss(y["click"], p)) + mean(log_loss(y["conversion"], p * q))


def meitu(y, t, s):
    p = sigmoid(t["click"])
    losses = [mean(log_loss(y["click"], p)), *(mean(log_loss(y[n], p * sigmoid(t[n]))) for n in ("like", "conversion"))]
    return sum(np.exp(-s_t) * loss + s_t / 2 for s_t, loss in zip(s, losses, strict=True))


def share_bottom(y, t, _):
    weights = {"click": 1, "like": 0.8, "collect": 0.6, "long_read": 1}
    weights |= dict.fromkeys(("comment", "share", "follow", "thank"), 0.4)
    return sum(weight * mean(log_loss(y[name], sigmoid(t[name]))) for name, weight in weights.items())


def single_task(y, t, _):
    return mean(log_loss(y["conversion"], sigmoid(t["conversion"])), y["click"])


def single_task_ctr(y, t, _):
    return mean(log_loss(y["click"], sigmoid(t["click"])))


def youtube(y, t, _):
    p = sigmoid(t["click"])
    return (
        mean(log_loss(y["click"], p))
        + mean((np.log1p(y["watch_time"]) - np.log1p(35) - t["watch_time"]) ** 2, y["click"])
        + mean(log_loss(y["like"], p * sigmoid(t["like"])))
        + 0.1 * mean((y["rating"] - 3.5 - t["rating"]) ** 2, y["click"])
    )


def aitm(y, t, _):
    p, q = sigmoid(t["click"]), sigmoid(t["conversion"])
    return mean(log_loss(y["click"], p)) + mean(log_loss(y["conversion"], q)) + 0.6 * np.maximum(q - p, 0).mean()


def told(y):
    """Click and conversion of the impressions that tell whether they were clicked and, if so, converted; and which."""
    rows = (y["click"] == 0) | ((y["click"] == 1) & np.isfinite(y["conversion"]))
    return y["click"][rows], np.where(y["click"] == 1, y["conversion"], 0)[rows], rows


def escm2(y, t, _):
    o, r, rows = told(y)
    p, q = (np.maximum(sigmoid(t["click"]), 0.01)[rows], sigmoid(t["conversion"])[rows])
    return esmm(y, t, None) + 0.1 * (o * log_loss(r, q) / p).mean()


def escm2_dr(y, t, _):
    o, r, rows = told(y)
    p, q = (np.maximum(sigmoid(t["click"]), 0.01)[rows], sigmoid(t["conversion"])[rows])
    e, imputed = log_loss(r, q), log_loss(sigmoid(t["imputed"])[rows], q)
    terms = (imputed + o * (e - imputed) / p).mean() + (o * (e - imputed) ** 2 / p).mean()
    return esmm(y, t, None) + 0.1 * terms


def mogujie(y, t, _):
    p, q, w = sigmoid(t["click"]), sigmoid(t["conversion"]), 1 + np.log1p(np.nan_to_num(y["price"], nan=0.0))
    s = sigmoid(np.log(p * q / (1 - p * q)) + np.log(w))
    weight = np.where(y["conversion"] == 1, w, 1)
    return mean(log_loss(y["click"], p)) + mean(weight * log_loss(y["conversion"], s))


CASES = {
    "aitm/config.yaml": aitm,
    "cross_stitch/config.yaml": esmm,
    "escm2/config.yaml": escm2,
    "escm2/dr.yaml": escm2_dr,
    "mogujie/config.yaml": mogujie,
    "esm2/config.yaml": esm2,
    "mmoe/config.yaml": esmm,
    "ple/config.yaml": esmm,
    "hierarchical/config.yaml": esmm,
    "meitu/config.yaml": meitu,
    "share_bottom/config.yaml": share_bottom,
    "single_task/config.yaml": single_task,
    "single_task/ctr.yaml": single_task_ctr,
    "youtube/config.yaml": youtube,
}


NETWORKS = {"aitm": "AITM", "escm2": "ESCM2", "mogujie": "Mogujie", "youtube": "YouTube"}
"""Of directories with a net.py of their own."""


def drawn(name: str) -> np.ndarray:
    """A label of each impression, one of them not known."""
    values = (RANDOM.random(ROWS) < 0.5).astype(np.float32)
    if name in ("watch_time", "rating", "price"):
        values = RANDOM.exponential(5, ROWS).astype(np.float32)
    values[RANDOM.integers(ROWS)] = np.nan
    return values


@pytest.mark.parametrize("case", CASES)
def test_a_readme_s_equation_is_what_its_config_trains(case, monkeypatch):
    config = load(ROOT / "models" / "multitask" / case)
    fields = config.hyper_parameters.get("fields") or list(config.data["fields"])
    values = {**config.hyper_parameters, "fields": fields, "num_field": len(fields)}
    directory = case.split("/", maxsplit=1)[0]
    network = load_network(monkeypatch, directory, NETWORKS[directory]) if directory in NETWORKS else MultiTask
    net = network(**bind(network, values))
    labels = {name: drawn(name) for name in sorted({*net.graph.columns, *net.columns, "click"})}
    logits = {name: RANDOM.normal(size=ROWS).astype(np.float32) for name in net.graph.towers}
    variances = RANDOM.normal(size=3)
    if case.startswith("meitu"):
        net.weighting.log_variance.set_value(paddle.to_tensor(variances.astype(np.float32)))
    given = {name: column(values) for name, values in labels.items()}
    outputs = net.compose({name: column(values) for name, values in logits.items()})
    if directory == "escm2":
        logits["imputed"] = RANDOM.normal(size=ROWS).astype(np.float32)
        outputs["imputed_conversion"] = Probability(column(logits["imputed"]))
    parts = net.losses(outputs, given)
    total = net.combine(parts, given, Features([paddle.zeros([ROWS, 1])], [None]))
    assert total.item() == pytest.approx(CASES[case](labels, logits, variances), rel=1e-5)


def test_esmm_s_equation(monkeypatch):
    net = load_network(monkeypatch, "esmm", "ESMM")(1, 2, [], [])
    labels = {name: drawn(name) for name in ("click", "conversion")}
    vectors = RANDOM.normal(size=(ROWS, 2)).astype(np.float32)
    outputs = net(Features([paddle.to_tensor(vectors)], [None]))
    total = sum(net.losses(outputs, {name: column(values) for name, values in labels.items()}).values())
    logits = {n: vectors @ m.logit.weight.numpy()[:, 0] for n, m in (("click", net.ctr), ("conversion", net.cvr))}
    assert total.item() == pytest.approx(esmm(labels, logits, None), rel=1e-5)


def column(values):
    return paddle.to_tensor(np.array(values, np.float32).reshape(-1, 1))
