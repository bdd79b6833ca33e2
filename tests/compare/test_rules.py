"""Which rows each competitor trains on, how often, and what DIVISION does with estimates above 1."""

import numpy as np
import pytest

from rec.compare.judge import Facts, divided, judge
from rec.compare.rules import copies, digests, inverse_propensity
from rec.hashing import uniform

CLICK = np.array([1, 1, 0, 0, 1], np.float32)
CONVERSION = np.array([1, 0, 0, 0, 1], np.float32)
LABELS = {"click": CLICK, "conversion": CONVERSION}
U = np.array([0.9, 0.2, 0.05, 0.5, 0.1])


@pytest.mark.parametrize(
    ("rule", "rate", "expected"),
    [
        ("all", None, [1, 1, 1, 1, 1]),
        ("clicked", None, [1, 1, 0, 0, 1]),
        ("aman", 0.1, [1, 1, 1, 0, 1]),
        ("aman", 1.0, [1, 1, 1, 1, 1]),
        ("oversampling", 3.0, [3, 1, 0, 0, 3]),
    ],
)
def test_counts(rule, rate, expected):
    assert copies(rule, LABELS, U, rate).tolist() == expected


def test_unbias_counts_by_inverse_propensity():
    """Click rate .1: p .05 weighs 2, p .4 weighs 1/4, p .001 would weigh 100 and is cut to 10."""
    weight = inverse_propensity(np.array([0.05, 0.4, 0.001]), rate=0.1, clip=10)
    assert weight == pytest.approx([2, 0.25, 10])
    labels = {"click": np.ones(3), "conversion": np.zeros(3)}
    assert copies("unbias", labels, np.array([0.5, 0.74, 0.0]), weight=weight).tolist() == [2, 0, 10]
    assert copies("unbias", labels, np.array([0.5, 0.76, 0.0]), weight=weight).tolist() == [2, 1, 10]
    labels["click"][0] = 0
    assert copies("unbias", labels, np.zeros(3), weight=weight).tolist() == [0, 0, 10]
    u = uniform(digests(np.arange(100_000)), 7)
    mean = copies("unbias", {"click": np.ones(100_000), "conversion": u}, u, weight=np.full(100_000, 1.3)).mean()
    assert mean == pytest.approx(1.3, abs=0.006)  # four standard errors of a share of .3


def test_an_id_s_number_does_not_depend_on_its_type_or_company():
    numbers = digests(np.array([7, 123456, 40]))
    for other in (np.array([b"7", b"123456", b"40"]), np.array(["7", "123456", "40"])):
        assert digests(other).tolist() == numbers.tolist()
    assert digests(np.array([b"40"])).tolist() == numbers[2:].tolist()
    assert digests(np.array([], np.int64)).tolist() == []


def test_ids_in_any_script():
    """FNV-1a of UTF-8, by hand; an ASCII id beside them has the number that it has alone."""
    expected = 0xCBF29CE484222325
    for letter in "商品7".encode():
        expected = ((expected ^ letter) * 0x100000001B3) % 2**64
    texts = ["商品7", "12", ""]
    assert digests(np.array(texts))[:2].tolist() == [expected, digests(np.array([12]))[0]]
    assert digests(np.array(texts)).tolist() == digests(np.array([text.encode() for text in texts])).tolist()
    assert digests(np.array([], str)).tolist() == []


def test_uniform_numbers_are_uniform_and_salts_independent():
    digest = digests(np.arange(50_000))
    one, other = uniform(digest, 1), uniform(digest, 2)
    assert np.histogram(one, 10, (0, 1))[0] == pytest.approx(np.full(10, 5000), abs=4 * np.sqrt(4500))
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.02
    assert abs(np.corrcoef(one, uniform(digest, 1, 0))[0, 1]) < 0.02
    shares = [set(np.flatnonzero(one < share)) for share in (0.01, 0.2, 1.0)]
    assert shares[0] < shares[1] < shares[2], "smaller shares of the data lie within larger ones"


def test_estimates_above_one_are_counted_and_cut():
    p, above = divided(np.array([0.5, 1.0, 1.2, 3.0]), np.ones(4))
    assert p.tolist() == [0.5, 1.0, 1.0, 1.0]
    assert above == 2


def test_figures_worked_out_by_hand():
    facts = Facts(
        np.array([1, 1, 1, 0]), np.array([1, 0, 0, 0]), np.full(4, 0.5), np.array([0.8, 0.4, 0.2, 0.1]),
    )  # fmt: skip
    figures = judge(np.array([0.6, 0.7, 0.1, 0.2]), np.array([1.0, 0.5, 0.5, 1.0]), facts)
    assert figures["cvr"] == 0.5  # of two clicked negatives one lies below the positive
    assert figures["ctcvr"] == 1.0  # .6 against .35, .05 and .2
    assert figures["calibration_clicked"] == pytest.approx((0.6 + 0.7 + 0.1) / 1.4)
    assert figures["calibration_unclicked"] == pytest.approx(0.2 / 0.1)
    p, scores = np.array([0.8, 0.4, 0.2, 0.1]), np.array([0.6, 0.7, 0.1, 0.2])
    pairs = [(i, j) for i in range(4) for j in range(4) if i != j]
    weight = sum(p[i] * (1 - p[j]) for i, j in pairs)
    area = sum(p[i] * (1 - p[j]) for i, j in pairs if scores[i] > scores[j]) / weight
    ceiling = sum(p[i] * (1 - p[j]) for i, j in pairs if p[i] > p[j]) / weight
    assert figures["entire_cvr"] == pytest.approx(area)
    assert figures["share_of_ceiling"] == pytest.approx((area - 0.5) / (ceiling - 0.5))
    assert set(judge(scores, scores, Facts(facts.click, facts.conversion))) == {"cvr", "ctcvr"}
