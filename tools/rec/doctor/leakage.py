"""A field, a number or a single id that alone predicts a label too well."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rec.doctor.chance import ALARM, auc_standard_error, log_chance, sigmas
from rec.doctor.finding import Finding, Severity
from rec.doctor.ids import binary, task_rows
from rec.doctor.sample import Sample
from rec.metrics.auc import AUC, auc
from rec.metrics.task import Task
from rec.numeric import Array

CHECK = "leakage"
SUSPICIOUS, TOO_GOOD = 0.8, 0.9
"""Published click and conversion models reach AUCs of .6 to .85 with all their fields together. One field that alone
passes .8 deserves a look; one that passes .9 was written down after the label, or from it."""

RATE = 0.9
"""No ad is clicked, and no item bought, in nine of ten impressions: an id of which that is true says the label."""

FOLDS, PRIOR = 5, 10.0
"""Folds of the target means, and how many impressions of the mean rate each value starts with."""


def check_leakage(sample: Sample, tasks: Sequence[Task]) -> list[Finding]:
    """Findings of the fields and ids that are too good to be true, the best of each binary task."""
    tasks = binary(tasks)
    if not tasks or not len(sample):
        return []
    fields = _fields(sample, tasks)
    findings = [finding for finding, _ in fields if finding] + _ids(sample, tasks)
    if findings:
        return findings
    best = max((value for _, value in fields), default=0.5)
    return [Finding(CHECK, "ok", f"no field or id says a label; the best field's AUC is {best:.3f}")]


def _fields(sample: Sample, tasks: Sequence[Task]) -> list[tuple[Finding | None, float]]:
    """For each field and task a finding, if it is too good, and its AUC."""
    random = np.random.default_rng(0)
    fold = random.integers(0, FOLDS, len(sample))
    codes = [np.unique(values, return_inverse=True)[1] for values in sample.fields.T]
    sigma = sigmas((len(codes) + len(sample.numbers)) * len(tasks))
    found = []
    for task in tasks:
        counted = task_rows(task, sample.labels)
        label = (sample.labels[task.label][counted] == 1).astype(np.float64)
        if not 0 < label.sum() < len(label):
            continue
        results = [
            (name, auc(target_means(code[counted], label, fold[counted]), label))
            for name, code in zip(sample.names, codes, strict=True)
        ]
        results += [(name, _either_way(numbers[counted], label)) for name, numbers in sample.numbers.items()]
        for name, result in results:
            error, value = result.standard_error or 0.0, result.value or 0.5
            severity = _severity(value, error, result.positives, result.negatives, sigma)
            found.append((_field_finding(name, task, value, severity) if severity else None, value))
    return found


def _either_way(numbers: Array, label: Array) -> AUC:
    """The AUC of a number, or of its opposite, whichever is larger."""
    up = auc(numbers, label)
    return up if (up.value or 0.0) >= 0.5 else auc(-numbers, label)


def _severity(value: float, error: float, positives: int, negatives: int, sigma: float) -> Severity | None:
    """`wrong` or `warn` where an AUC's lower bound passes a threshold.

    The bound uses the larger of DeLong's standard error and Hanley and McNeil's at the threshold: DeLong's is 0 for
    two positives that happen to stand on top.
    """
    thresholds: dict[Severity, float] = {"wrong": TOO_GOOD, "warn": SUSPICIOUS}
    for severity, threshold in thresholds.items():
        if value - sigma * max(error, auc_standard_error(threshold, positives, negatives)) > threshold:
            return severity
    return None


def _field_finding(name: str, task: Task, value: float, severity: Severity) -> Finding:
    return Finding(
        CHECK, severity,
        f"field {name} alone predicts {task.label} ({task.name}) with AUC {value:.3f}",
        "find out whether it is known before the label is; if not, leave it out",
        {"field": name, "task": task.name, "auc": value},
    )  # fmt: skip


def target_means(code: Array, label: Array, fold: Array) -> Array:
    """float64 [n], the mean label of the rows with the same value in the other folds.

    Args:
        code: int [n], the value of each row, 0 to K - 1.
        label: float64 [n], 0 or 1.
        fold: int [n], 0 to FOLDS - 1; a row's own fold is left out, so that a value seen once predicts nothing.
    """
    size = int(code.max()) + 1
    cell = code * FOLDS + fold
    count = np.bincount(cell, minlength=size * FOLDS).reshape(size, FOLDS)
    positive = np.bincount(cell, label, size * FOLDS).reshape(size, FOLDS)
    others = count.sum(axis=1, keepdims=True) - count
    means = (positive.sum(axis=1, keepdims=True) - positive + PRIOR * label.mean()) / (others + PRIOR)
    return np.asarray(means[code, fold])


def _ids(sample: Sample, tasks: Sequence[Task]) -> list[Finding]:
    """Ids whose presence tells the label: by AUC, or by a rate that nothing real has."""
    findings = []
    comparisons = max(len(sample.ids.ids), 1) * len(tasks)
    for index, task in enumerate(tasks):
        counted = task_rows(task, sample.labels)
        positives = float(np.count_nonzero(sample.labels[task.label][counted] == 1))
        negatives = float(np.count_nonzero(counted)) - positives
        if not positives or not negatives:
            continue
        held, hits = sample.ids.impressions[:, index], sample.ids.positives[:, index]
        areas = 0.5 + np.abs(hits / positives - (held - hits) / negatives) / 2
        lower = areas - sigmas(comparisons) * auc_standard_error(TOO_GOOD, positives, negatives)
        told = lower > TOO_GOOD
        if positives < negatives:
            told |= log_chance(hits, held, RATE) < np.log(ALARM / comparisons)
        for place in np.flatnonzero(told)[np.argsort(-areas[told])][:3]:
            findings.append(_id_finding(sample, task, int(place), held[place], hits[place], areas[place]))
    return findings


def _id_finding(sample: Sample, task: Task, place: int, held: float, hits: float, area: float) -> Finding:
    name, value = sample.names[int(sample.ids.field[place])], int(sample.ids.ids[place])
    return Finding(
        CHECK, "wrong",
        f"id {value} of field {name} alone tells {task.label} ({task.name}): it is in {int(held):,} impressions, "
        f"{int(hits):,} of them positive (AUC {area:.3f})",
        "find out whether it is known before the label is; if not, leave it out",
        {"id": value, "field": name, "task": task.name, "auc": float(area)},
    )  # fmt: skip
