"""What a trial says of the model: loss, gradients, towers, and the collapse of CVR."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import numpy as np

from rec.doctor.chance import beyond
from rec.doctor.finding import Finding, Severity
from rec.doctor.ids import binary, task_rows
from rec.doctor.trial import Trial
from rec.metrics.task import Task
from rec.numeric import Array

SURE = 3.0
"""Standard errors by which the loss of the same batches must have moved to be said to have moved."""

EXPLODED = 3.0
"""Times the loss of the untrained model: so far below ignorance no learning leads."""

MOSTLY_DEAD = 0.9
"""Share of a layer's ReLUs. Half of them dying at a brisk learning rate does no harm that shows; nine in ten leave a
layer a few units wide, whatever the config says."""

SATURATED = 15.0
"""Distance of a logit from that of the label's rate: odds 3 million times the usual. Nothing that 20 steps can have
taught is that certain, and sums of float32 lose what small gradients are left there."""

COLLAPSED = 0.1
"""Share of the clicked impressions' conversion rate below which the mean pCVR has collapsed."""


def judge(trial: Trial, tasks: Sequence[Task]) -> list[Finding]:
    """Findings about a trial."""
    findings = [_loss(trial)]
    if findings[0].found.startswith("not finite"):
        return findings
    findings += [*_gradients(trial, bool(tasks)), *_idle(trial), *_towers(trial, tasks)]
    return findings + [finding for task in binary(tasks) if task.among for finding in _collapse(trial, task)]


def _loss(trial: Trial) -> Finding:
    first, last = statistics.fmean(trial.before), statistics.fmean(trial.after)
    values = {"before": first, "after": last}
    advice = "lower hyper_parameters.optimizer.learning_rate"
    if not np.isfinite([first, last, *trial.during]).all():
        found = f"not finite: {first:.4g} before the first step, {last:.4g} after {len(trial.after)}"
        return Finding("trial: loss", "wrong", found, advice, values)
    peak = max(trial.during) / first if first > 0 else 0.0
    if peak > EXPLODED:
        found = f"explodes: up to {peak:.3g} times what it was before the first step ({first:.4f})"
        return Finding("trial: loss", "wrong", found, advice, values | {"peak": peak})
    changes = np.subtract(trial.after, trial.before)
    error = float(changes.std(ddof=1)) / math.sqrt(len(changes)) if len(changes) > 1 else 0.0
    found = f"{first:.4f} before, {last:.4f} after {len(trial.after)} steps, on the same batches"
    if last - first > SURE * error and last > first:
        return Finding("trial: loss", "wrong", f"rises: {found}", advice, values)
    if first - last <= SURE * error:
        return Finding("trial: loss", "warn", f"does not fall: {found}", "look at learning rate and labels", values)
    return Finding("trial: loss", "ok", f"falls: {found}", "", values)


def _gradients(trial: Trial, native: bool) -> list[Finding]:
    medians = {part: statistics.median(norms) for part, norms in trial.gradients.items()}
    found = ", ".join(f"{part} {norm:.2g}" for part, norm in medians.items())
    findings = [Finding("trial: gradients", "ok", f"median norms: {found}", "", medians)] if medians else []
    for part, norms in trial.gradients.items():
        if not all(map(math.isfinite, norms)):
            advice = "lower hyper_parameters.optimizer.learning_rate, or look for log(0)"
            findings.append(Finding("trial: gradients", "wrong", f"{part}: not finite", advice))
        elif not any(norms):
            advice = "find out why the loss does not reach it"
            # PaddleRec's models may define what a config does not use.
            severity: Severity = "wrong" if native else "warn"
            findings.append(Finding("trial: gradients", severity, f"{part} gets no gradient", advice))
    return findings


def _idle(trial: Trial) -> list[Finding]:
    findings = []
    advice = "lower the learning rate, or look at initial weights and biases"
    for layer, share in trial.idle.items():
        if share > 0.5:
            found = f"{layer}: {share:.0%} of its ReLUs fire for none of {trial.impressions:,} impressions"
            severity: Severity = "wrong" if share == 1 else "warn" if share > MOSTLY_DEAD else "note"
            findings.append(Finding("trial: towers", severity, found, advice if severity != "note" else ""))
    return findings


def _towers(trial: Trial, tasks: Sequence[Task]) -> list[Finding]:
    findings = []
    for task in tasks:
        name, p = task.name, trial.predicted[task.name]
        outputs, beyond_reach = p, 0.0
        if task.kind == "binary":
            outputs = _logits(p)
            beyond_reach = float((np.abs(outputs - _usual_logit(trial, task)) > SATURATED).mean())
            outputs = np.clip(outputs, -100, 100)
        if not np.isfinite(p).all():
            findings.append(Finding("trial: towers", "wrong", f"p{name} is not finite", "lower the learning rate"))
        elif beyond_reach > 0.01:
            found = (
                f"p{name} is saturated: {beyond_reach:.0%} of its logits are over {SATURATED:g} from the label's rate"
            )
            # With long histories and a rare label the first steps push some impressions that far: no fault by itself.
            severity: Severity = "wrong" if beyond_reach > 0.5 else "note"
            advice = "lower the learning rate, or look at initial weights, biases and token weights"
            findings.append(Finding("trial: towers", severity, found, advice if severity == "wrong" else ""))
        elif float(np.ptp(outputs)) <= 1e-6 * max(1.0, float(np.abs(outputs).max())):
            found = f"p{name} is {p[0]:.4g} for every impression"
            findings.append(Finding("trial: towers", "wrong", found, "its tower is dead or has no input"))
    if trial.predicted and not findings:
        means = ", ".join(f"p{name} {p.mean():.3g}" for name, p in trial.predicted.items())
        findings.append(Finding("trial: towers", "ok", f"none dead or saturated; means {means}"))
    return findings


def _collapse(trial: Trial, task: Task) -> list[Finding]:
    """Whether a conditional probability is far below its label's rate, beyond what few positives can say."""
    counted = task_rows(task, trial.labels)
    mean = float(trial.predicted[task.name][counted].mean()) if counted.any() else math.nan
    positive, total = int(np.count_nonzero(trial.labels[task.label][counted] == 1)), int(np.count_nonzero(counted))
    if not total or not math.isfinite(mean):
        return []
    check, rate = f"trial: p{task.name}", positive / total
    found = f"mean {mean:.3g} among {total:,} {task.among}s, {task.label} rate {rate:.3g}"
    if beyond(positive, total, min(max(mean / COLLAPSED, 1e-12), 0.999999)):
        return [Finding(check, "wrong", f"collapsed: {found}", f"look at the {task.name} tower and its loss")]
    return [Finding(check, "ok", found)]


def _usual_logit(trial: Trial, task: Task) -> float:
    """The logit of a label's rate; half a positive and half a negative are added, so that it is finite."""
    counted = task_rows(task, trial.labels)
    positive = np.count_nonzero(trial.labels[task.label][counted] == 1)
    return math.log((positive + 0.5) / (np.count_nonzero(counted) - positive + 0.5))


def _logits(p: Array) -> Array:
    """float64 [n], infinite where p is 0 or 1."""
    exact = p.astype(np.float64)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(exact) - np.log1p(-exact))
