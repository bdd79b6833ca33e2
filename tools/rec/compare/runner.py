"""What each run of a comparison needs, and how it is done unless it is done already."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import rec
from rec.compare import fit
from rec.compare.judge import Facts, content_of, divided
from rec.compare.plan import RANDOM, Plan
from rec.compare.propensity import HALVES, Propensities, half_of, merge
from rec.compare.rows import Choose, ChosenRows, usable
from rec.compare.rules import copies, digests, inverse_propensity
from rec.compare.runs import CTCVR, CTR, HELP, Run
from rec.compare.store import RunStore, code_of, fingerprint, key_of
from rec.compare.systems import Built, describe
from rec.config.config import Config
from rec.data.batch import Batch
from rec.hashing import uniform
from rec.metrics.auc import auc
from rec.numeric import Array

PATIENCE = 2
"""Epochs without a better one after which a run ends."""

_VALID, _SHARE, _RULE = 1, 2, 3  # salts, as in `rec.compare.propensity`


class Runner:
    """Does runs, or finds them done.

    Args:
        advance: told the impressions of each step.
    """

    def __init__(self, plan: Plan, store: RunStore, advance: fit.Advance) -> None:
        self.plan, self.store, self._advance = plan, store, advance
        self._data = {part: fingerprint(places) for part, places in plan.places.items()}
        self._library = code_of(Path(rec.__file__).parent)  # now, as it is being run

    def key(self, run: Run) -> str:
        """What its result is called: a hash of all that it depends on, its name not among it."""
        config = self.plan.config(run.system, run.seed, run.target)
        needs = [self.key(replace(run, name=name, system=HELP, rate=None)) for name in run.needs]
        return key_of({
            "target": run.target, "half": run.half,
            "system": run.system.model_dump(exclude={"published", "rates"}),
            "rate": run.rate, "share": run.share, "valid_share": self.plan.compare.valid_share,
            "config": describe(config), "code": self._code(config), "data": self._data, "needs": needs,
        })  # fmt: skip

    def _code(self, config: Config) -> list[str]:
        """Hashes of this library, and of the modules beside the plan, the network and the reader."""
        reader = config.resolve(config.runner.train_reader_path).resolve()
        return [self._library, *map(code_of, (self.plan.folder, config.model_dir, reader.parent))]

    def result(self, run: Run) -> dict[str, Any] | None:
        """A finished run's content."""
        return self.store.load(self.key(run))

    def do(self, run: Run) -> dict[str, Any]:
        """A run's content: figures, rate, impressions trained on, best epoch ...; it is done now unless it was before.

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

    def scores(self, run: Run, part: str = "test") -> dict[str, Array]:
        """What a finished run gave a part's impressions, float [n]: pCVR, and pCTCVR with the CTR net of its seed."""
        ctr = self.store.arrays(self.key(replace(run, name=CTR, system=HELP, rate=None)))
        p_cvr = self.store.arrays(self.key(run))[part].astype(np.float64)
        return {"cvr": p_cvr, "ctcvr": p_cvr * ctr[part]}

    def facts(self, part: str = "test") -> Facts:
        """What is known of a part's impressions, once a CTR net is trained."""
        compare = self.plan.compare
        ctr = Run(CTR, HELP, compare.seeds[0], max(compare.shares))
        return Facts.from_arrays(part, self.store.arrays(self.key(ctr)))

    def _helper(self, run: Run, name: str) -> dict[str, Array]:
        """The arrays of a net that this run needs, of the same seed and share."""
        helper = replace(run, name=name, system=HELP, rate=None)
        self.do(helper)
        return self.store.arrays(self.key(helper))

    def _divide(self, run: Run) -> tuple[dict[str, Any], dict[str, Array]]:
        """DIVISION: pCVR = pCTCVR / pCTR."""
        ctr, ctcvr = self._helper(run, CTR), self._helper(run, CTCVR)
        (valid, _), (test, above) = (divided(ctcvr[part], ctr[part]) for part in ("valid", "test"))
        p_cvr = {"test": test} | ({RANDOM: divided(ctcvr[RANDOM], ctr[RANDOM])[0]} if self.plan.random else {})
        content = content_of(p_cvr, valid, ctr, above)
        return content, {part: values.astype(np.float32) for part, values in p_cvr.items()}

    def _train(self, run: Run) -> tuple[dict[str, Any], dict[str, Array]]:
        target: Any = run.target
        # Helpers first: training one loads another model directory.
        needed = {name: self._helper(run, name) for name in run.needs}
        choose = self._choose(run, merge([needed[name] for name in HALVES if name in needed]))
        built = Built(self.plan, run.system, target, run.seed)
        valid = ChosenRows(built.train_reader, self._valid_rows)
        if run.name == CTR and run.system is HELP:
            parts = {"valid": valid, **built.test_readers}
            known = {k: v for part, rows in parts.items() for k, v in fit.facts(built, rows).to_arrays(part).items()}
        else:
            known = needed[CTR]
        best, arrays = self._fit(built, run, target or "cvr", valid, known, choose)
        if target not in ("ctr", "ctcvr"):
            own = {part: arrays[part] for part in built.test_readers}
            return {**best, **content_of(own, arrays["valid"], known, 0)}, own
        label = known["test_click" if target == "ctr" else "test_conversion"]
        content = {**best, "figures": {target: auc(arrays["test"], label).value}}
        return content, arrays if needed else known | arrays

    def _fit(
        self,
        built: Built,
        run: Run,
        target: str,
        valid: ChosenRows,
        known: dict[str, Array],
        choose: Callable[[int], Choose],
    ) -> tuple[dict[str, Any], dict[str, Array]]:
        """Train, and keep the predictions of the epoch that is best on validation data, by the target's AUC.

        Systems trained on a tenth of the rows need more epochs than others: each is judged at its own best.
        """
        label = known["valid_click" if target == "ctr" else "valid_conversion"]
        counts = known["valid_click"] == 1 if target == "cvr" else np.ones(len(label), bool)
        best, highest, impressions, arrays = 0, -1.0, 0, dict[str, Array]()
        for epoch in range(built.config.runner.epochs):
            impressions += fit.train_epoch(built, epoch, choose(epoch), self._advance)
            predicted = fit.predict(built, target, valid, self._advance)
            area = auc(predicted[counts], label[counts]).value or 0.0
            if area > highest:
                best, highest = epoch, area
                tests = {part: fit.predict(built, target, r, self._advance) for part, r in built.test_readers.items()}
                arrays = {"valid": predicted, **tests}
                if run.half is not None:
                    arrays |= self._clicks_of_other_half(built, run)
            elif epoch - best >= PATIENCE:
                break
        return {"impressions": impressions, "epoch": best}, arrays

    def _kept(self, run: Run, digest: Array) -> Array:
        """bool [B]: not held out, and within the run's share."""
        kept = uniform(digest, _VALID) >= self.plan.compare.valid_share
        return kept & (uniform(digest, _SHARE, run.seed) < run.share)

    def _valid_rows(self, batch: Batch) -> Array:
        held_out = uniform(digests(batch.sample_ids), _VALID) < self.plan.compare.valid_share
        return np.flatnonzero(held_out & usable(batch))

    def _choose(self, run: Run, propensities: Propensities | None) -> Callable[[int], Choose]:
        """The training rows of each epoch."""
        rule = run.system.rows or "all"

        def choose(batch: Batch, epoch: int) -> Array:
            digest = digests(batch.sample_ids)
            kept = self._kept(run, digest) & usable(batch)
            if run.half is not None:
                kept &= half_of(digest, run.seed) == run.half
            weight = None
            if propensities is not None:
                weight = inverse_propensity(propensities.of(digest), propensities.click_rate, run.system.clip)
            # What is rounded up differs from epoch to epoch.
            salts = (_RULE, run.seed, epoch) if rule == "unbias" else (_RULE, run.seed)
            count = copies(rule, batch.labels, uniform(digest, *salts), run.rate, weight)
            return np.repeat(np.arange(len(batch)), np.where(kept, count, 0))

        return lambda epoch: partial(choose, epoch=epoch)

    def _clicks_of_other_half(self, built: Built, run: Run) -> dict[str, Array]:
        """pCTR of the clicked training rows that the net has not been trained on, by digest, and how many rows."""
        impressions = 0
        found: list[Array] = []

        def clicked(batch: Batch) -> Array:
            nonlocal impressions
            digest = digests(batch.sample_ids)
            others = self._kept(run, digest) & usable(batch) & (half_of(digest, run.seed) != run.half)
            rows = np.flatnonzero(others & (batch.labels["click"] == 1))
            impressions += int(others.sum())
            found.append(digest[rows])
            return rows

        p_click = fit.predict(built, "ctr", ChosenRows(built.train_reader, clicked), self._advance, in_process=True)
        return {"digests": np.concatenate(found), "p_click": p_click, "impressions": np.array(impressions)}
