"""The runs of a comparison: which there are, what each needs, and how one is done unless it is done already."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rec.compare import fit
from rec.compare.judge import Facts, Figures, clipped, judge
from rec.compare.rows import Choose, ChosenRows
from rec.compare.rules import copies, digests, inverse_propensity, uniform
from rec.compare.settings import System
from rec.compare.store import RunStore, code_of, fingerprint, key_of
from rec.compare.systems import Built, Net, Plan, describe
from rec.data.batch import Batch
from rec.metrics.auc import auc
from rec.numeric import Array

FORMAT = 2
"""Counts up when a run of the same settings would come out otherwise."""

PATIENCE = 2
"""Epochs without a better one after which a run ends."""

CTR, CTCVR = "CTR", "CTCVR"
_HELP = System(rows="all")  # the two nets that others need
_VALID, _SHARE, _RULE = 1, 2, 3  # salts


@dataclass(frozen=True)
class Run:
    """One network trained with one seed on a share of the data; `rate` is what its rule is told."""

    name: str
    system: System
    seed: int
    share: float
    rate: float | None = None

    @property
    def title(self) -> str:
        """For people."""
        rate = "" if self.rate is None else f" at {self.rate:g}"
        return f"{self.name}{rate}, {100 * self.share:g} % of the data, seed {self.seed}"


def plan_runs(plan: Plan, chosen: dict[str, float | None]) -> Iterator[Run]:
    """All runs, the CTR net of each seed and share first; `chosen` is each system's rate."""
    systems = plan.compare.systems
    for share in sorted(plan.compare.shares, reverse=True):
        for seed in plan.compare.seeds:
            yield Run(CTR, _HELP, seed, share)
            if any(system.division for system in systems.values()):
                yield Run(CTCVR, _HELP, seed, share)
            for name, system in systems.items():
                yield Run(name, system, seed, share, chosen.get(name))


def searches(plan: Plan) -> dict[str, list[Run]]:
    """The runs among whose rates validation chooses, by system: with the first seed on the largest share."""
    compare = plan.compare
    first = (compare.seeds[0], max(compare.shares))
    return {
        name: [Run(name, system, *first, rate) for rate in system.rates]
        for name, system in compare.systems.items()
        if system.rates
    }


class Runner:
    """Does runs, or finds them done.

    Args:
        advance: told the exposures of each step.
    """

    def __init__(self, plan: Plan, store: RunStore, advance: fit.Advance) -> None:
        self.plan, self.store, self._advance = plan, store, advance
        runner = plan.tree["runner"]
        self._data = {n: fingerprint(Path(runner[f"{n}_data_dir"])) for n in ("train", "test")}

    def key(self, run: Run) -> str:
        """What its result is called: a hash of all that it depends on, its name not among it."""
        config = self.plan.config(run.system, run.seed)
        needs = [self.key(replace(run, name=name, system=_HELP, rate=None)) for name in self._needs(run)]
        return key_of({
            "format": FORMAT, "target": self._target(run),
            "system": run.system.model_dump(exclude={"published", "rates"}),
            "rate": run.rate, "share": run.share, "valid_share": self.plan.compare.valid_share,
            "config": describe(config), "code": None if run.system.model is None else code_of(config.model_dir),
            "data": self._data, "needs": needs,
        })  # fmt: skip

    @staticmethod
    def _target(run: Run) -> str | None:
        """What a single-task network is to predict; None: a model directory's network, or none at all."""
        if run.name in (CTR, CTCVR) and run.system is _HELP:
            return run.name.lower()
        return "cvr" if run.system.rows else None

    def _needs(self, run: Run) -> list[str]:
        if run.system is _HELP:
            return [] if run.name == CTR else [CTR]
        return [CTR, CTCVR] if run.system.division else [CTR]

    def result(self, run: Run) -> dict[str, Any] | None:
        """A finished run's content."""
        return self.store.load(self.key(run))

    def do(self, run: Run) -> dict[str, Any]:
        """A run's content: figures, rate, exposures trained on, best epoch ...; it is done now unless it was before.

        Raises:
            UserError: see `fit.train_epoch`.
        """
        found = self.result(run)
        if found is not None:
            return found
        content, arrays = self._divide(run) if run.system.division else self._train(run)
        content = {"name": run.name, "seed": run.seed, "share": run.share, "rate": run.rate, **content}
        self.store.save(self.key(run), content, arrays)
        return content

    def _helper(self, run: Run, name: str) -> dict[str, Array]:
        """The arrays of the CTR or CTCVR net of the same seed and share."""
        helper = replace(run, name=name, system=_HELP, rate=None)
        self.do(helper)
        return self.store.arrays(self.key(helper))

    def _divide(self, run: Run) -> tuple[dict[str, Any], dict[str, Array]]:
        """DIVISION: pCVR = pCTCVR / pCTR."""
        ctr, ctcvr = self._helper(run, CTR), self._helper(run, CTCVR)
        with np.errstate(divide="ignore", invalid="ignore"):
            p_cvr, above = clipped(np.nan_to_num(ctcvr["test"] / ctr["test"].astype(np.float64), nan=0.0))
            valid, _ = clipped(np.nan_to_num(ctcvr["valid"] / ctr["valid"].astype(np.float64), nan=0.0))
        return self._content(p_cvr, valid, ctr, above), {}

    def _train(self, run: Run) -> tuple[dict[str, Any], dict[str, Array]]:
        target: Any = self._target(run)
        # The helper first: training it loads another model directory.
        ctr = {} if target == "ctr" else self._helper(run, CTR)
        built = Built(self.plan, Net(run.system, target), run.seed)
        valid = ChosenRows(built.train_reader, self._valid_rows)
        known = ctr
        if target == "ctr":
            known = _columns("test", fit.facts(built, built.test_reader)) | _columns("valid", fit.facts(built, valid))
        best, arrays = self._fit(built, run, target or "cvr", valid, known, ctr)
        if target == "ctr":
            return {**best, "figures": {"ctr": auc(arrays["test"], known["test_click"]).value}}, known | arrays
        if target == "ctcvr":
            return {**best, "figures": {"ctcvr": auc(arrays["test"], known["test_conversion"]).value}}, arrays
        return {**best, **self._content(arrays["test"], arrays["valid"], known, 0)}, {}

    def _fit(
        self, built: Built, run: Run, target: str, valid: ChosenRows, known: dict[str, Array], ctr: dict[str, Array]
    ) -> tuple[dict[str, Any], dict[str, Array]]:
        """Train, and keep the predictions of the epoch that is best on validation data, by the target's AUC.

        Systems trained on a tenth of the rows need more epochs than others, so each is judged at its own best; none
        goes on after PATIENCE epochs without a better one.
        """
        label = known["valid_click" if target == "ctr" else "valid_conversion"]
        counts = known["valid_click"] == 1 if target == "cvr" else np.ones(len(label), bool)
        best, highest, exposures, arrays = 0, -1.0, 0, dict[str, Array]()
        for epoch in range(built.config.runner.epochs):
            exposures += fit.train_epoch(built, epoch, self._choose(run, ctr, epoch), self._advance)
            predicted = fit.predict(built, target, valid, self._advance)
            area = auc(predicted[counts], label[counts]).value or 0.0
            if area > highest:
                best, highest = epoch, area
                arrays = {"valid": predicted, "test": fit.predict(built, target, built.test_reader, self._advance)}
                if target == "ctr":
                    arrays |= self._propensities(built, run)
            elif epoch - best >= PATIENCE:
                break
        return {"exposures": exposures, "epoch": best}, arrays

    @staticmethod
    def _content(p_cvr: Array, valid: Array, ctr: dict[str, Array], above: int) -> dict[str, Any]:
        figures: Figures = judge(p_cvr, ctr["test"], _facts("test", ctr))
        of_valid = _facts("valid", ctr)
        clicked = of_valid.click == 1
        valid_cvr = auc(valid[clicked], of_valid.conversion[clicked]).value
        return {"figures": figures, "valid_cvr": valid_cvr, "above_one": above, "test_exposures": len(p_cvr)}

    def _kept(self, run: Run, batch: Batch, digest: Array) -> Array:
        """bool [B]: not held out, within the run's share, and labelled."""
        kept = uniform(digest, _VALID) >= self.plan.compare.valid_share
        kept &= uniform(digest, _SHARE, run.seed) < run.share
        return kept if batch.noise is None else kept & ~batch.noise

    def _valid_rows(self, batch: Batch) -> Array:
        held_out = uniform(digests(batch.sample_ids), _VALID) < self.plan.compare.valid_share
        return np.flatnonzero(held_out if batch.noise is None else held_out & ~batch.noise)

    def _choose(self, run: Run, ctr: dict[str, Array], epoch: int) -> Choose:
        """The training rows of an epoch."""
        rule = run.system.rows or "all"

        def choose(batch: Batch) -> Array:
            digest = digests(batch.sample_ids)
            weight = None
            if rule == "unbias":  # what is rounded up differs from epoch to epoch
                p_click = _look_up(digest, ctr["click_digests"], ctr["click_p"])
                weight = inverse_propensity(p_click, float(ctr["click_rate"]), run.system.clip)
            salts = (_RULE, run.seed, epoch) if rule == "unbias" else (_RULE, run.seed)
            count = copies(rule, batch.labels, uniform(digest, *salts), run.rate, weight)
            return np.repeat(np.arange(len(batch)), np.where(self._kept(run, batch, digest), count, 0))

        return choose

    def _propensities(self, built: Built, run: Run) -> dict[str, Array]:
        """pCTR of the clicked training rows by digest, ascending, and the click rate: what UNBIAS needs."""
        clicks = exposures = 0
        found: list[Array] = []

        def clicked(batch: Batch) -> Array:
            nonlocal clicks, exposures
            digest = digests(batch.sample_ids)
            kept = self._kept(run, batch, digest)
            rows = np.flatnonzero(kept & (batch.labels["click"] == 1))
            clicks, exposures = clicks + len(rows), exposures + int(kept.sum())
            found.append(digest[rows])
            return rows

        p_click = fit.predict(built, "ctr", ChosenRows(built.train_reader, clicked), self._advance, in_process=True)
        digest, first = np.unique(np.concatenate(found), return_index=True)
        rate = np.array(clicks / max(exposures, 1))
        return {"click_digests": digest, "click_p": p_click[first], "click_rate": rate}


def _look_up(digest: Array, known: Array, values: Array) -> Array:
    """float [n]: the values of digests; 1 of those that are not known, which are not clicked."""
    if not len(known):
        return np.ones(len(digest), np.float32)
    place = np.minimum(np.searchsorted(known, digest), len(known) - 1)
    return np.where(known[place] == digest, values[place], np.float32(1))


def _columns(part: str, facts: Facts) -> dict[str, Array]:
    return {f"{part}_{name}": values for name, values in vars(facts).items() if values is not None}


def _facts(part: str, arrays: dict[str, Array]) -> Facts:
    names = ("click", "conversion", "p_click", "p_conversion")
    return Facts(**{name: arrays[f"{part}_{name}"] for name in names if f"{part}_{name}" in arrays})
