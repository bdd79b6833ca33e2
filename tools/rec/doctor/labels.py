"""Labels: their values, rates and contradictions, and whether there are enough for an AUC."""

from __future__ import annotations

import math

import numpy as np

from rec.config.behaviours import REQUEST
from rec.doctor.chance import auc_standard_error, beyond
from rec.doctor.finding import Finding, Severity
from rec.doctor.ids import binary, task_rows
from rec.doctor.sample import Sample
from rec.metrics.auc import Z_95
from rec.metrics.task import Task
from rec.numeric import Array

NOISE, TOO_MUCH_NOISE = 0.01, 0.1
"""Share of conversions without a click that is worth a look, and that cannot be excluded any more."""

ORDINARY_AUC = 0.7
"""What the standard error is computed for: between what such models reach for CVR and for CTR."""

COARSE, USELESS = 0.02, 0.05
"""Standard errors of an AUC. Above .02 two models that differ by less than 1.96 * sqrt(2) * .02 = .055 cannot be told
apart, worth knowing and common for CVR. Above .05 the interval is wider than +-.1, and an AUC of .6, good for many a
CVR model, cannot be told from a coin's .5."""


def check_labels(
    sample: Sample, tasks: tuple[Task, ...], implies: tuple[tuple[str, str], ...], policy: str
) -> list[Finding]:
    """What is wrong with the labels of a part.

    Args:
        implies: pairs (effect, cause): an impression with the effect and not the cause is excluded.
        policy: `runner.label_policy`, what becomes of such.
    """
    check = f"{sample.part} labels"
    if not sample.labels:
        return [Finding(check, "note", "not checked: the directory does not say which columns are labels")]
    findings = _values(sample, check, tasks)
    if not findings:
        described = [_describe(name, values) for name, values in sample.labels.items() if name != REQUEST]
        findings.append(Finding(check, "ok", f"rates: {', '.join(described)}"))
    for pair in implies:
        findings += _contradictions(sample, check, pair, policy)
    for task in tasks:
        findings += _counts(sample, task)
    return findings


def _describe(name: str, values: Array) -> str:
    """The rate of a label, or the mean of a number, which may be empty in most rows."""
    known = values[~np.isnan(values)]
    if not len(known):
        return f"{name} empty"
    return f"{name} {known.mean():.3%}" if np.isin(known, (0, 1)).all() else f"{name} {known.mean():.4g} on average"


def _values(sample: Sample, check: str, tasks: tuple[Task, ...]) -> list[Finding]:
    """What is wrong with the labels that should be 0 or 1: those of probabilities, and those that choose rows."""
    findings = []
    names = {task.label for task in binary(tasks)} | {task.among for task in tasks}
    for name, values in sample.labels.items():
        if name not in names:
            continue
        absent = int(np.count_nonzero(np.isnan(values)))
        odd = values[~np.isnan(values) & (values != 0) & (values != 1)]
        if len(odd):
            found = f"{name} should be 0 or 1, found {odd[0]:g} and {len(odd) - 1:,} more"
            findings.append(Finding(check, "wrong", found, "mend the data"))
        if absent:
            found = f"{name} is empty in {absent:,} of {len(sample):,} rows"
            findings.append(
                Finding(check, "warn", found, "its losses and metrics leave them out; fill in what is known")
            )
    return findings


def _contradictions(sample: Sample, check: str, pair: tuple[str, str], policy: str) -> list[Finding]:
    effect, cause = pair
    positive = sample.labels[effect] == 1
    total = int(np.count_nonzero(positive))
    excluded = int(np.count_nonzero(positive & (sample.labels[cause] == 0)))
    if not excluded:
        return [Finding(check, "ok", f"no {effect} without a {cause}")]
    found = f"{excluded:,} of {total:,} impressions with {effect} ({excluded / total:.1%}) have no {cause}"
    values = {"share": excluded / total}
    if policy == "fail":
        return [Finding(check, "wrong", found + "; runner.label_policy is fail", "mend the data or the policy", values)]
    if not beyond(excluded, total, NOISE):
        return [Finding(check, "note", f"{found}; runner.label_policy is {policy}", values=values)]
    advice = f"see that the label columns are in the order that the reader expects (runner.label_policy is {policy})"
    return [Finding(check, "wrong" if beyond(excluded, total, TOO_MUCH_NOISE) else "warn", found, advice, values)]


def _counts(sample: Sample, task: Task) -> list[Finding]:
    """Whether a task has the positives and negatives, or the numbers, to train on or to be judged by."""
    if task.kind != "binary":
        return [_count_numbers(sample, task)]
    counted = task_rows(task, sample.labels)
    positive = int(np.count_nonzero(counted & (sample.labels[task.label] == 1)))
    negative = int(np.count_nonzero(counted)) - positive
    check = f"{sample.part} {task.name}"
    among = f" among {task.among}s" if task.among else ""
    found = f"{positive:,} positives and {negative:,} negatives ({task.label}{among})"
    if not positive or not negative:
        what = "learned" if sample.part == "train" else "judged"
        if not sample.whole:
            return [Finding(check, "warn", f"{found} in a sample", "look at the label's rate in all the data")]
        return [Finding(check, "wrong", found, f"{task.name} cannot be {what} without both")]
    if sample.part == "train":
        return [Finding(check, "ok", found)]
    error = auc_standard_error(ORDINARY_AUC, positive * sample.scale, negative * sample.scale)
    found += f"{'' if sample.whole else ' in a sample'}: the standard error of an AUC of {ORDINARY_AUC} is {error:.3f}"
    values = {"standard_error": error, "positives": positive, "negatives": negative}
    if error > USELESS:
        advice = "too few to tell a model from a coin: evaluate on more data"
        return [Finding(check, "warn", found, advice, values)]
    if error > COARSE:
        told = Z_95 * math.sqrt(2) * error
        return [Finding(check, "note", f"{found}; models that differ by less than {told:.2f} look alike", "", values)]
    return [Finding(check, "ok", found, "", values)]


def _count_numbers(sample: Sample, task: Task) -> Finding:
    """The same of a task that predicts a number."""
    values = sample.labels[task.label][task_rows(task, sample.labels)]
    check = f"{sample.part} {task.name}"
    found = f"{len(values):,} values of {task.label}" + (f" among {task.among}s" if task.among else "")
    if not len(values) or values.min() == values.max():
        found += f", all of them {values[0]:g}" if len(values) else ""
        severity: Severity = "wrong" if sample.whole else "warn"
        return Finding(check, severity, found, f"{task.name} needs values that differ: look at the data")
    return Finding(check, "ok", f"{found}, from {values.min():g} to {values.max():g}, {values.mean():.4g} on average")
