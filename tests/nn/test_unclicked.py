"""What un-clicked impressions are told: expectations enumerated on a small world, fixed points, reductions.

Two kinds of impressions, two clicks drawn: p0 is (.5, .2), the conversion rate after a click (.5, .1). What a method
says in the mean over all outcomes is computed outcome by outcome.
"""

import math
from itertools import product

import numpy as np
import paddle
import pytest

from rec.nn.probability import Probability
from rec.nn.unclicked import REGISTRY
from rec.nn.unclicked.base import Carried, Impressions, Room
from rec.nn.unclicked.escim import NOISE, VECTORS, bought
from rec.nn.unclicked.evi import DISTANCE, Transfer
from rec.nn.unclicked.idefn import Memory, plan, positive

ROOM = Room(2, ())
P0, Q0 = (0.5, 0.2), (0.5, 0.1)
RIGHT, WRONG = P0, (0.4, 0.4)


def column(*values: float):
    return paddle.to_tensor(np.array(values, np.float32).reshape(-1, 1))


def probability(*values: float, trained: bool = False) -> Probability:
    logit = column(*(math.log(v / (1 - v)) for v in values))
    logit.stop_gradient = not trained
    return Probability(logit)


def impressions(click, conversion, p, q, propensity=None, told=None, least=1e-6) -> Impressions:
    """A batch whose weights are made of `propensity`, (None: of p)."""
    chance = p.value.detach() if propensity is None else column(*propensity)
    clipped = [paddle.clip(each, min=least, max=1.0) for each in (chance, 1.0 - chance)]
    o = column(*click)
    return Impressions(o, column(*conversion) * o, paddle.ones_like(o), p, q, *clipped, told or {})


def outcomes():
    """Clicks, conversions of the clicked ones, and the chance of both."""
    for click in product((0, 1), repeat=2):
        for conversion in product((0, 1), repeat=2):
            chance = math.prod(
                (p if o else 1 - p) * (q if r else 1 - q) for o, r, p, q in zip(click, conversion, P0, Q0, strict=True)
            )
            yield click, conversion, chance


def expected(method, name, q, propensity, told=None, least=1e-6, power=1) -> float:
    total = 0.0
    for click, conversion, chance in outcomes():
        batch = impressions(click, conversion, probability(*P0), probability(*q), propensity, told, least)
        total += chance * method.terms(batch)[name].item() ** power
    return total


def risk(q, target=Q0) -> float:
    """M[l(q0, q)]."""
    return float(np.mean([-a * math.log(f) - (1 - a) * math.log(1 - f) for a, f in zip(target, q, strict=True)]))


def made(kind, **settings):
    return REGISTRY.build({"kind": kind, **settings}, room=ROOM)


def gradient(value, *of):
    """Of a scalar, [n] each, by the logits of probabilities."""
    found = paddle.grad(value, [each.logit for each in of], allow_unused=True)
    return [np.zeros(len(x.logit)) if g is None else g.numpy()[:, 0] for g, x in zip(found, of, strict=True)]


Q = (0.3, 0.6)


def test_ips_is_right_with_true_propensities_and_biased_by_what_is_clipped():
    assert expected(made("ips"), "cvr_ips", Q, RIGHT) == pytest.approx(risk(Q), rel=1e-5)
    errors = [risk(Q[:1], Q0[:1]), risk(Q[1:], Q0[1:])]
    less = (1 - 0.2 / 0.25) * errors[1] / 2  # p0 = .2 is raised to .25
    assert expected(made("ips"), "cvr_ips", Q, RIGHT, least=0.25) == pytest.approx(risk(Q) - less, rel=1e-5)


@pytest.mark.parametrize("kind", ["dr", "mrdr", "dr_bias", "dr_mse"])
def test_dr_is_right_where_propensities_or_imputations_are(kind):
    wrong, right = ({"imputed_conversion": probability(*m)} for m in ((0.2, 0.7), Q0))
    assert expected(made(kind), "cvr_dr", Q, RIGHT, wrong) == pytest.approx(risk(Q), rel=1e-5)
    assert expected(made(kind), "cvr_dr", Q, WRONG, right) == pytest.approx(risk(Q), rel=1e-5)
    assert expected(made(kind), "cvr_dr", Q, WRONG, wrong) != pytest.approx(risk(Q), rel=1e-2)


def test_the_variance_that_mrdr_trains_its_imputation_for():
    """Of o (e - e^) / p over clicks it is (1 - p) / p (e - e^)^2: with e of a conversion that is certain."""
    p, q, m = 0.2, 0.3, 0.6
    batch = impressions([1], [1], probability(p), probability(q), None, {"imputed_conversion": probability(m)})
    e, imputed = -math.log(q), -m * math.log(q) - (1 - m) * math.log(1 - q)
    second, mean = p * ((e - imputed) / p) ** 2, e - imputed
    variance = second - mean**2
    # The loss is a mean over clicks with probability p.
    assert p * made("mrdr").terms(batch)["cvr_imputation"].item() == pytest.approx(variance, rel=1e-4)


def test_what_the_imputations_are_weighed_with():
    """p = (.5, .2): odds against a click are 1 and 4, and each error is weighed by 1 / p besides."""
    q, m = (0.3, 0.6), (0.2, 0.7)
    each = [
        (-math.log(f) - (-a * math.log(f) - (1 - a) * math.log(1 - f))) ** 2 / p
        for p, f, a in zip(P0, q, m, strict=True)
    ]
    weights = {"dr": (1, 1), "mrdr": (1, 4), "dr_bias": (1, 16), "dr_mse": (1, 0.25 * 16 + 0.75 * 4)}
    for kind, weight in weights.items():
        settings = {"gamma": 0.25} if kind == "dr_mse" else {}
        told = {"imputed_conversion": probability(*m)}
        batch = impressions((1, 1), (1, 1), probability(*P0), probability(*q), None, told)
        found = made(kind, **settings).terms(batch)["cvr_imputation"].item()
        assert found == pytest.approx(np.dot(weight, each) / 2, rel=1e-4), kind


def test_with_one_propensity_for_all_the_imputations_are_trained_in_one_direction():
    directions = []
    for kind in ("dr", "mrdr", "dr_bias", "dr_mse"):
        imputed = probability(0.2, 0.7, 0.4, trained=True)
        batch = impressions(
            (1, 1, 0), (1, 0, 0), probability(0.3, 0.3, 0.3), probability(0.3, 0.6, 0.2), None,
            {"imputed_conversion": imputed},
        )  # fmt: skip
        (slope,) = gradient(made(kind).terms(batch)["cvr_imputation"], imputed)
        directions.append(slope / np.linalg.norm(slope))
    for direction in directions[1:]:
        assert direction == pytest.approx(directions[0], abs=1e-5)


def snips(errors_logit, propensity, click=(1, 1, 0)):
    q = Probability(column(*errors_logit))
    return made("snips").terms(impressions(click, (0, 0, 0), probability(0.5, 0.5, 0.5), q, propensity))["cvr_snips"]


def test_snips():
    """Errors of no conversion are softplus(logit): about the logit itself where that is large."""
    errors, p = (40.0, 50.0, 60.0), (0.5, 0.2, 0.9)
    assert snips(errors, p).item() == pytest.approx((40 / 0.5 + 50 / 0.2) / (1 / 0.5 + 1 / 0.2), rel=1e-5)
    assert snips(errors, [x / 2 for x in p]).item() == pytest.approx(snips(errors, p).item(), rel=1e-5)
    assert snips(errors, (0.3, 0.3, 0.3)).item() == pytest.approx(45, rel=1e-5)
    assert snips([x + 7 for x in errors], p).item() == pytest.approx(snips(errors, p).item() + 7, rel=1e-5)
    assert snips(errors, p, click=(0, 0, 0)).item() == 0


def test_the_plain_answers():
    """Of three, one bought, one clicked: e is l(1, .3), l(0, .6); the third's is l(0, .2)."""
    batch = impressions((1, 1, 0), (1, 0, 1), probability(0.5, 0.5, 0.5), probability(0.3, 0.6, 0.2))
    e = [-math.log(0.3), -math.log(0.4), -math.log(0.8)]
    assert made("ignore").terms(batch)["cvr_clicked"].item() == pytest.approx(sum(e[:2]) / 2, rel=1e-5)
    assert made("negative").terms(batch)["cvr_negative"].item() == pytest.approx(sum(e) / 3, rel=1e-5)


@pytest.mark.parametrize("normalized", [False, True])
def test_dcmt_without_its_constraint_trains_q_as_ips_and_its_twin_to_1_where_nobody_clicked(normalized):
    q, twin = probability(0.3, 0.6, 0.2, trained=True), probability(0.4, 0.4, 0.4, trained=True)
    told = {"counterfactual_conversion": twin}
    batch = impressions((1, 1, 0), (1, 0, 0), probability(0.5, 0.2, 0.3), q, None, told)
    terms = made("dcmt", lam=0.0, normalized=normalized).terms(batch)
    to_q, to_twin = gradient(sum(terms.values()), q, twin)
    reference = made("snips" if normalized else "ips").terms(batch)
    (expected_of_q,) = gradient(sum(reference.values()), q)
    assert to_q == pytest.approx(expected_of_q, abs=1e-6)
    assert to_twin[:2].tolist() == [0, 0]
    assert to_twin[2] == pytest.approx(-0.6 if normalized else -0.6 / 0.7 / 3, rel=1e-5)  # (s - 1) / (1 - p)


def test_dcmt_s_constraint():
    """lam M[|1 - (q + s)|] = .5 (|1 - .7| + |1 - 1.2|) / 2."""
    told = {"counterfactual_conversion": probability(0.4, 0.6)}
    batch = impressions((1, 0), (1, 0), probability(*P0), probability(0.3, 0.6), None, told)
    assert made("dcmt", lam=0.5).terms(batch)["cvr_constraint"].item() == pytest.approx(0.125, rel=1e-5)


def test_ddpo_with_truth_is_twice_the_risk():
    told = {"conversion_propensity": probability(*Q0)}
    method = made("ddpo", soft=False, normalized=False)
    assert expected(method, "cvr_ddpo", Q, RIGHT, told) == pytest.approx(2 * risk(Q), rel=1e-5)


def test_ddpo_as_published():
    """Weights sum to 1 on either side, and the mean is over the batch besides; clicked non-buyers have soft labels."""
    m, q, p = (0.3, 0.2, 0.4), (0.3, 0.6, 0.2), (0.5, 0.25, 0.2)
    told = {"conversion_propensity": probability(*m)}
    batch = impressions((1, 1, 0), (1, 0, 0), probability(*p), probability(*q), None, told)
    loss = [-a * math.log(f) - (1 - a) * math.log(1 - f) for a, f in zip((1, 0.2, 0.4), q, strict=True)]
    terms = made("ddpo").terms(batch)
    assert terms["cvr_ddpo"].item() == pytest.approx(((2 * loss[0] + 4 * loss[1]) / 6 + loss[2]) / 3, rel=1e-5)
    assert terms["cvr_propensity"].item() == pytest.approx((-math.log(0.3) - math.log(0.8)) / 3, rel=1e-5)


def nise(mode, f, **settings):
    """The gradient to one q = f for all 50,000 impressions, of which 4 % are clicked; .55 % of these convert."""
    click, conversion = (np.arange(50_000) < count for count in (2_000, 11))
    q = probability(*[f] * 50_000, trained=True)
    batch = impressions(click, conversion, probability(*[0.04] * 50_000), q)
    (slope,) = gradient(made("nise", mode=mode, **settings).terms(batch)["cvr_nise"], q)
    return slope.sum()


def test_nise_s_optimum_where_its_target_is_not_detached():
    """p (q0 - f) / (f (1 - f)) = (1 - p) log((1 - f) / f): far below q0; detached it is q0."""
    from scipy.optimize import brentq

    def balance(f):
        return 0.04 * (0.0055 - f) / (f * (1 - f)) - 0.96 * math.log((1 - f) / f)

    low = brentq(balance, 1e-7, 1e-3)
    assert low == pytest.approx(2e-5, rel=0.2)
    assert nise("entropy", low * 0.98) < 0 < nise("entropy", low * 1.02)
    assert nise("detached", 0.0054) < 0 < nise("detached", 0.0056)


def test_nise_s_weight_is_the_ratio_of_losses_and_has_a_most():
    q, p = probability(0.3, 0.6, trained=True), probability(0.5, 0.2, trained=True)
    batch = impressions((1, 0), (1, 0), p, q)
    ctr = (-math.log(0.5) - math.log(0.8)) / 2
    loss = made("nise", alpha=3.0).terms(batch)["cvr_nise"]
    assert loss.item() == pytest.approx(3 * ctr, rel=1e-5)  # a loss times what brings it to the other's size
    to_q, to_p = gradient(loss, q, p)
    assert not to_p.any()
    own = (-math.log(0.3) - 0.6 * math.log(0.6) - 0.4 * math.log(0.4)) / 2
    assert to_q == pytest.approx([3 * ctr / own * (0.3 - 1) / 2, 0.0], abs=1e-6)
    capped = made("nise", beta=0.1).terms(batch)["cvr_nise"].item()
    assert capped == pytest.approx(0.1 * own, rel=1e-5)


def chorus(q, u, bought, lam):
    """Of 20 impressions 10 are clicked and `bought` converted; p is .5, and one u for all."""
    click, conversion = (np.arange(20) < count for count in (10, bought))
    tower = probability(*[u] * 20, trained=True)
    batch = impressions(click, conversion, probability(*[0.5] * 20), q, None, {"refused_conversion": tower})
    return made("chorus", lam=lam).terms(batch), tower


def test_chorus_towers_agree_at_the_optimum():
    """At q = .3 and u = .7, what the clicks say; q + u = 1, so that p q + p u = p."""
    for first, second in ((0.3, 0.7), (0.4, 0.7), (0.3, 0.6)):
        q = probability(*[first] * 20, trained=True)
        terms, u = chorus(q, second, 3, 1.0)
        total = terms["cvr_ips"] + terms["uncvr_ips"] + terms["cvr_agreement"]
        slopes = [slope.sum() for slope in gradient(total, q, u)]
        assert (slopes == pytest.approx([0.0, 0.0], abs=1e-5)) == (first + second == 1.0)


def test_chorus_without_its_tower_is_a_weighed_mean_over_clicks():
    q = probability(*[0.4] * 20, trained=True)
    terms, u = chorus(q, 0.7, 3, 0.0)
    to_q, _ = gradient(sum(terms.values()), q, u)
    assert to_q.sum() == pytest.approx((0.4 - 0.3) / 0.5, rel=1e-4)
    assert not to_q[10:].any()


def test_chorus_by_hand():
    """p = .5, q = .4, u = .7; clicks without conversion, and as many impressions without click."""
    terms, _ = chorus(probability(*[0.4] * 20), 0.7, 0, 2.0)
    log = math.log
    agree = -0.3 * log(0.4) - 0.7 * log(0.6) - 0.6 * log(0.7) - 0.4 * log(0.3)
    assert {name: term.item() for name, term in terms.items()} == pytest.approx({
        "cvr_ips": -log(0.6) / 0.5,
        "ctuncvr": (-log(0.35) - log(0.65)) / 2,
        "uncvr_ips": -log(0.7) / 0.5,
        "cvr_agreement": 2 * (agree / 0.5 + agree / 0.5),
    }, rel=1e-5)  # fmt: skip


def ukd(q, second=(0.3, 0.3), **settings):
    told = {
        "teacher_conversion": probability(0.2, 0.9), "teacher_click": probability(0.5, 0.5),
        "second_conversion": probability(*second),
    }  # fmt: skip
    return made("ukd", **settings).terms(impressions((1, 0), (1, 0), probability(0.5, 0.5), q, None, told))


def test_ukd_without_distillation_is_base_and_without_distrust_plain_distillation():
    q = probability(0.4, 0.6, trained=True)
    terms = ukd(q, distill_weight=0.0)
    (slope,) = gradient(sum(terms.values()), q)
    assert slope == pytest.approx([(0.4 - 1) / 2, 0.0], abs=1e-6)
    same = ukd(q, second=(0.4, 0.6), trust=0.0)["cvr_distilled"].item()  # KL is 0
    assert same == pytest.approx((-0.9 * math.log(0.6) - 0.1 * math.log(0.4)) / 2, rel=1e-5)
    apart = 0.6 * math.log(0.6 / 0.3) + 0.4 * math.log(0.4 / 0.7)
    torn = ukd(q, trust=2.0)["cvr_distilled"].item()
    assert torn == pytest.approx(math.exp(-2 * apart) * same + apart / 2, rel=1e-4)


def test_evi_without_the_others_is_ips_beside_a_teacher():
    """Where all are clicked nobody needs the teacher's word; it is trained as a tower of t."""
    q, teacher = probability(0.3, 0.6, trained=True), probability(0.2, 0.4, trained=True)
    told = {"teacher_conversion": teacher, DISTANCE: Carried(column(0.0, 0.0))}
    batch = impressions((1, 1), (1, 0), probability(*P0), q, None, told)
    to_q, to_teacher = gradient(sum(made("evi").terms(batch).values()), q, teacher)
    (of_ips,) = gradient(made("ips").terms(batch)["cvr_ips"], q)
    assert to_q == pytest.approx(of_ips, abs=1e-6)
    assert to_teacher == pytest.approx([0.4 * (0.2 - 1) / 2, 0.4 * 0.4 / 2], abs=1e-6)
    nobody = impressions((0, 0), (0, 0), probability(*P0), q, None, told)
    (slope,) = gradient(made("evi").terms(nobody)["cvr_evi"], q)
    assert slope == pytest.approx([(0.3 - 0.2) / 0.5 / 2, (0.6 - 0.4) / 0.8 / 2], abs=1e-6)


def test_a_distance_of_layers_with_one_variance_is_a_squared_error():
    layer = Transfer(2)
    layer.map.weight.set_value(paddle.eye(2))
    constant = math.log1p(math.exp(5.0)) + 1e-3
    found = layer(paddle.to_tensor([[1.0, 2.0]]), paddle.to_tensor([[0.5, 4.0]])).item()
    assert found == pytest.approx(0.5 * (math.log(constant) + (0.25 + 4.0) / 2 / constant), rel=1e-5)


RANDOM = np.random.default_rng(3)


def transport(mass, step=0.5):
    buyers, z = (paddle.to_tensor(RANDOM.normal(size=(n, 3)).astype(np.float32)) for n in (4, 9))
    known, others = column(1, 1, 1, 0), column(*[1] * 7, 0, 0)
    return plan(buyers, known, z, others, mass, step, 4, 200)


def test_a_plan_meets_its_marginals():
    found = np.exp(transport(0.3).numpy())
    assert found.sum(axis=0) == pytest.approx([1 / 7] * 7 + [0, 0], abs=1e-5)
    assert found.sum(axis=1) == pytest.approx([0.1, 0.1, 0.1, 0, 0.7], abs=1e-4)
    assert positive(transport(0.3, 0.01)).sum().item() >= 1


def test_idefn_without_mass_says_negative_and_with_all_the_share_is_base():
    assert not positive(transport(0.0)).numpy().any()
    q = probability(0.3, 0.6, trained=True)
    told = {"impression_vectors": Carried(paddle.to_tensor([[1.0, 0.0], [1.0, 0.1]]))}
    batch = impressions((1, 0), (1, 0), probability(*P0), q, None, told)
    (base,) = gradient(sum(made("idefn", clicked_share=1.0, weight=1.0).terms(batch).values()), q)
    assert base == pytest.approx([(0.3 - 1) / 2, 0.0], abs=1e-6)
    (aman,) = gradient(sum(made("idefn", positives=0.0).terms(batch).values()), q)
    assert aman == pytest.approx([0.8 * (0.3 - 1) / 2, 0.2 * 0.6 / 2], abs=1e-6)
    (found,) = gradient(sum(made("idefn", positives=0.9).terms(batch).values()), q)
    assert found == pytest.approx([0.8 * (0.3 - 1) / 2, 0.2 * (0.6 - 1) / 2], abs=1e-6)


def test_a_memory_keeps_the_latest_buyers():
    memory = Memory(3, 1)
    for rows, kind in (((1, 2, 3), (1, 0, 1)), ((4, 5, 6), (0, 0, 0)), ((7, 8, 9), (0, 1, 1))):
        memory.remember(column(*rows), column(*kind))
    assert memory.vectors.numpy()[:, 0].tolist() == [8, 9, 1]
    assert memory.known.numpy()[:, 0].tolist() == [1, 1, 1]


def escim(click, conversion, q, k, **settings):
    """Terms where the generator says k of each impression whatever z is; x is its logit."""
    method = REGISTRY.build({"kind": "escim", "latent": 1, **settings}, room=Room(1, ()))
    (top,) = method.heads["generator"].linears
    top.weight.set_value(paddle.to_tensor([[1.0], [0.0]]))
    ones = column(*[1.0] * len(click))
    told = {VECTORS: Carried(probability(*k).logit), NOISE: Carried(0.0 * ones)}
    return method.terms(impressions(click, conversion, probability(*[0.5] * len(click)), q, None, told))


def test_escim_without_labels_is_ips():
    q = probability(0.3, 0.6, 0.5, trained=True)
    terms = escim((1, 1, 0), (1, 0, 0), q, (0.2, 0.3, 0.4), label_weight=0.0)
    batch = impressions((1, 1, 0), (1, 0, 0), probability(0.5, 0.5, 0.5), q)
    (slope,), (of_ips,) = gradient(sum(terms.values()), q), gradient(made("ips").terms(batch)["cvr_ips"], q)
    assert slope == pytest.approx(of_ips, abs=1e-6)


@pytest.mark.parametrize(
    ("labels", "click", "conversion", "k", "expected"),
    [
        # The surest buyer has .4; of those who did not click two are as sure.
        ("max", (1, 1, 0, 0, 0), (1, 1, 0, 0, 0), (0.3, 0.4, 0.4, 0.6, 0.2), (0, 1, 1, 1, 0)),
        ("max", (1, 1, 0, 0, 0), (0, 0, 0, 0, 0), (0.3, 0.4, 0.4, 0.6, 0.2), (0, 0, 0, 0, 0)),
        # One conversion times floor(5 / 2) clicks: the two highest.
        ("ratio", (1, 1, 0, 0, 0), (1, 0, 0, 0, 0), (0.3, 0.4, 0.5, 0.6, 0.2), (0, 0, 1, 1, 0)),
        ("ratio", (1, 0, 0, 0, 0), (1, 0, 0, 0, 0), (0.3, 0.4, 0.5, 0.6, 0.2), (1, 1, 1, 1, 1)),
        ("ratio", (0, 0, 0, 0, 0), (0, 0, 0, 0, 0), (0.3, 0.4, 0.5, 0.6, 0.2), (0, 0, 0, 0, 0)),
    ],
)
def test_whom_escim_takes_for_buyers(labels, click, conversion, k, expected):
    q = probability(*[0.4] * 5, trained=True)
    batch = impressions(click, conversion, probability(*[0.5] * 5), q)
    assert bought(column(*k), batch, labels).numpy()[:, 0].tolist() == list(expected)
    (slope,) = gradient(escim(click, conversion, q, k, labels=labels)["cvr_imagined"], q)
    others = 5 - sum(click)
    wanted = [0 if o else 0.001 * 2 * (0.4 - y) / others for o, y in zip(click, expected, strict=True)]
    assert slope == pytest.approx(wanted, abs=1e-9)


def test_escim_s_latent_and_what_nobody_passes_on():
    """The generator learns from clicks alone, and labels pass it no gradient; the latent by its formula."""
    method = REGISTRY.build({"kind": "escim", "latent": 2, "spread_weight": 3.0}, room=Room(2, ()))
    x, noise = column(0.5, -1.0, 2.0) @ paddle.to_tensor([[1.0, -0.5]]), column(0.3, -0.2, 0.1) @ paddle.ones([1, 2])
    told, q = {VECTORS: Carried(x), NOISE: Carried(noise)}, probability(0.3, 0.6, 0.5, trained=True)
    batch = impressions((1, 1, 0), (1, 0, 0), probability(0.5, 0.5, 0.5), q, None, told)
    terms = method.terms(batch)
    for name, layer in method.heads.items():
        grads = paddle.grad(terms["cvr_imagined"], layer.parameters(), allow_unused=True, retain_graph=True)
        assert all(grad is None or not grad.numpy().any() for grad in grads), name
    whole = np.array([[0.5, -0.25, 1, 1], [-1.0, 0.5, 1, 0]])
    hidden = np.maximum(method.heads["encoder"](paddle.to_tensor(whole.astype(np.float32))).numpy(), 0)
    both = method.heads["latent"](paddle.to_tensor(hidden)).numpy().astype(np.float64)
    mean, spread = both[:, :2], np.exp(both[:, 2:])
    z = mean + spread * np.array([[0.3], [-0.2]])
    rebuilt = method.heads["decoder"](paddle.to_tensor(z.astype(np.float32))).numpy()
    apart = 0.5 * (mean**2 + spread**2 - 1 - 2 * np.log(spread)).sum(axis=1)
    wanted = (((rebuilt - whole) ** 2).sum(axis=1) + 3 * apart).mean()
    assert terms["autoencoder"].item() == pytest.approx(wanted, rel=1e-4)
