"""Test rows that were trained on."""

from __future__ import annotations

import math

import numpy as np

from rec.doctor.finding import Finding, Severity
from rec.doctor.rows import FEW
from rec.doctor.sample import Sample

CHECK = "train/test overlap"
MANY = 0.05


def check_overlap(train: Sample, test: Sample) -> list[Finding]:
    """Whether more test rows were seen in training than chance explains.

    People who are alike make equal rows: with few fields most test rows have a twin in training, and no harm is done.
    How many would, of rows drawn as the training rows were, is known: one minus the share of rows that occur once (Good
    1953, Biometrika 40:237-264). More than that share of training and of test rows, by over 5 standard errors, was
    copied. So was an impression whose id, tokens and labels are all in training, beyond what ids that merely count rows
    would give.
    """
    rows = test.rows(with_labels=False)
    seen = float(np.isin(rows, train.rows(with_labels=False)).mean())
    expected = max(_chance_of_a_twin(train), _chance_of_a_twin(test))
    spread = math.sqrt(expected * (1 - expected) / len(rows) + (1 - expected) / len(train) + 1 / len(rows) ** 2)
    found = f"{seen:.1%} of test rows have a twin in training; rows drawn at random would have {expected:.1%}"
    if not (train.whole and test.whole):
        found += " (of samples: copies may go unseen)"
    values = {"seen": seen, "expected": expected}
    copied, by_chance = _same_impressions(train, test)
    if copied > by_chance + 5 * math.sqrt(by_chance) + 2:
        found = f"{copied:,} of {len(test):,} test impressions are in training too, with id, tokens and labels"
        share = copied / len(test)
    else:
        share = seen - expected if seen - expected > 5 * spread else 0.0
    if share > FEW:
        severity: Severity = "wrong" if share > MANY else "warn"
        return [Finding(CHECK, severity, found, "metrics on these say nothing: split the data anew", values)]
    return [Finding(CHECK, "ok", found, "", values)]


def _chance_of_a_twin(sample: Sample) -> float:
    """Good's estimate of the chance that one more row drawn alike repeats a row of the sample."""
    _, times = np.unique(sample.rows(with_labels=False), return_counts=True)
    return 1 - float(np.count_nonzero(times == 1)) / len(sample)


def _same_impressions(train: Sample, test: Sample) -> tuple[int, float]:
    """Test impressions whose id, tokens and labels are in training, and how many of the common ids agree by chance."""
    if train.sample_ids is None or test.sample_ids is None or train.sample_ids.dtype.kind != test.sample_ids.dtype.kind:
        return 0, 0.0
    _, in_train, in_test = np.intersect1d(train.sample_ids, test.sample_ids, return_indices=True)
    a, b = train.rows(with_labels=True), test.rows(with_labels=True)
    values, counts = np.unique(a, return_counts=True)
    place = np.minimum(np.searchsorted(values, b), len(values) - 1)
    agreeing = np.where(values[place] == b, counts[place], 0).mean() / len(a)
    return int(np.count_nonzero(a[in_train] == b[in_test])), len(in_train) * float(agreeing)
