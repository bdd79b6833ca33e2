"""Fields, values and repeated rows of a sample."""

from __future__ import annotations

import numpy as np

from rec.doctor.finding import Finding, Severity
from rec.doctor.sample import Sample
from rec.numeric import Array

FEW = 0.01
"""Share of the rows below which repeated ones change neither training nor a metric that anyone could see."""


_SAYS_NOTHING = "it tells the model nothing: find out why, or leave it out"


def check_rows(sample: Sample) -> list[Finding]:
    """What is wrong with the values, the fields and the repetition of rows."""
    check = f"{sample.part} rows"
    findings = [Finding(check, "wrong", problem, "mend the data or the reader") for problem in sample.problems]
    if len(sample):
        findings += [*_fields(sample, check), *_repeats(sample, check)]
    unlisted = [f"{count:,} {what}" for what, count in sample.counts.items() if what.startswith("tokens of fields")]
    findings += [Finding(check, "note", text) for text in unlisted]
    if not any(finding.severity in ("warn", "wrong") for finding in findings):
        findings.insert(0, Finding(check, "ok", _summary(sample), values={"rows": len(sample), "total": sample.total}))
    return findings


def _summary(sample: Sample) -> str:
    of = "all" if sample.whole else f"a sample of {sample.total:,}" if sample.total else "the first"
    shown = f" of {', '.join(sample.columns)}" if sample.columns else f", {len(sample.names)} fields"
    numbers = f" and {len(sample.numbers)} number{'s' * (len(sample.numbers) > 1)}" if sample.numbers else ""
    distinct = len(np.unique(sample.rows(with_labels=False)))
    what = "tokens and numbers" if numbers else "tokens"
    return (
        f"{len(sample):,} rows ({of}){shown}{numbers}; {1 - distinct / len(sample):.1%} repeat an earlier row's {what}"
    )


def _fields(sample: Sample, check: str) -> list[Finding]:
    findings = []
    missing = (sample.fields == 0).mean(axis=0)
    for name, values, share in zip(sample.names, sample.fields.T, missing, strict=True):
        if share == 1:
            found = f"field {name} is missing from all {len(sample):,} rows"
            findings.append(Finding(check, "wrong", found, "mend its name in the config, or leave it out"))
        elif len(sample) > 1 and (values == values[0]).all():
            kind = "" if sample.columns else "field "
            found = f"{kind}{name} has the same value in all {len(sample):,} rows"
            findings.append(Finding(check, "warn", found, _SAYS_NOTHING))
    for name, numbers in sample.numbers.items():
        if len(sample) > 1 and numbers.min() == numbers.max():
            found = f"field {name} is the same number in all {len(sample):,} rows"
            findings.append(Finding(check, "warn", found, _SAYS_NOTHING))
    often = [f"{name} {share:.0%}" for name, share in zip(sample.names, missing, strict=True) if 0.9 < share < 1]
    if often:
        findings.append(Finding(check, "note", f"fields that most rows lack: {', '.join(often)}"))
    return findings


def _repeats(sample: Sample, check: str) -> list[Finding]:
    """Rows that somebody copied, as against people who are alike.

    Two signs: an impression's id that comes again with the same tokens and labels; and more rows that occur exactly k
    times than there can be where rows are drawn at random, whatever the chances of each (see `excess`).
    """
    rows, n = sample.rows(with_labels=True), len(sample)
    if sample.sample_ids is not None:
        named = len(np.unique(sample.sample_ids))
        _, number = np.unique(sample.sample_ids, return_inverse=True)
        again = n - len(np.unique(np.stack([rows, number.astype(np.uint64)], axis=1), axis=0))
        if named > n / 2 and again:  # else ids do not name impressions
            found = f"{again:,} of {n:,} rows ({again / n:.2%}) are the same impression again: id, tokens and labels"
            severity: Severity = "wrong" if again > FEW * n else "warn"
            return [Finding(check, severity, found, "remove the copies", {"share": again / n})]
    surplus = excess(np.unique(rows, return_counts=True)[1])
    if surplus > FEW * n:
        found = f"at least {surplus:,} rows ({surplus / n:.1%}) are copies of others, more than chance would repeat"
        advice = "look for a file that is there twice or a join that multiplied rows"
        return [Finding(check, "warn", found, advice, {"share": surplus / n})]
    return []


def excess(counts: Array) -> int:
    """At least how many rows too many repeat others, from the number of times that each distinct row occurs, int [K].

    Where rows are drawn independently, each with a chance of its own, the expected number N_k of distinct rows that
    occur k times is a mixture of Poisson terms, so by the Cauchy-Schwarz inequality k N_k^2 <= (k + 1) N_(k-1) N_(k+1).
    Copies break this: in a file that is there twice nothing occurs once. Four standard deviations are left to chance.
    """
    often = np.bincount(counts, minlength=8).astype(float)
    surplus = 0.0
    for k in (2, 3, 4):
        below, above = often[k - 1] + 3, often[k + 1] + 3  # 3: the 95 % bound on what a count of 0 may stand for
        allowed = np.sqrt((k + 1) / k * below * above)
        spread = np.sqrt(often[k] + allowed**2 / 4 * (1 / below + 1 / above))
        if often[k] > allowed + 4 * spread:
            surplus += (k - 1) * (often[k] - allowed)
    return int(surplus)
