"""The streaming protocol: train on the rows of an hour, test on the clicks of the next one with their final labels.

As in ES-DFM (arXiv 2012.03245): all methods begin with models pretrained on what is known at `stream.start`. What
cannot be pretrained on, the clicks whose windows are open then, is taken in first: hours are trained on from one
attribution window before `stream.start`, and tested on from it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rec.checkpoint.store import Store
from rec.config.config import Config
from rec.config.stream import StreamName, StreamSettings
from rec.console import Bar
from rec.errors import UserError
from rec.nn.delay import METHODS
from rec.nn.delay.method import ELAPSED, FINAL
from rec.nn.delay.network import TASK, Name
from rec.run.model import Mode
from rec.stream.events import Events
from rec.stream.hours import Hours
from rec.stream.ingest import Snapshot, oracle
from rec.stream.judge import judge
from rec.stream.learner import Learner
from rec.stream.log import HOUR, NEVER
from rec.stream.methods import HELPERS, STREAM_METHODS, HelperName
from rec.stream.pretrained import columns_of, pretrain, train_helper
from rec.stream.reader import StreamReader
from rec.stream.record import Record

PRETRAINED = "pretrained"
"""The folder of what runs begin with: models and helpers."""


class Walk:
    """A log, and what is done with it.

    Args:
        config: as it was read.
        settings: its stream section.
        mode: graph mode.
        reader: of the clicks.
    """

    def __init__(self, config: Config, settings: StreamSettings, mode: Mode, reader: StreamReader) -> None:
        self._config, self._settings, self._mode, self._reader = config, settings, mode, reader
        self.hours, self._log = Hours.of(reader.log, reader.start, settings), reader.log
        self._wait = round(settings.wait_hours * HOUR)
        self._known = reader.known
        if not len(self._known.rows):
            raise UserError(
                f"stream.start: no click is {settings.attribution_days:g} days old then, so that there is nothing to "
                "pretrain on: begin later, or with a shorter stream.attribution_days"
            )

    def folder(self, name: str, seed: int) -> Path:
        """Where the record and the checkpoint of a run are, or of what runs begin with."""
        return Path(self._config.runner.model_save_path) / f"{name}-{seed}"

    def done(self, name: StreamName, seed: int) -> bool:
        """Whether a run has come to its end."""
        newest = Store(self.folder(name, seed)).latest()
        return newest is not None and newest.epoch == self.hours.last

    def run(self, name: StreamName, seed: int) -> None:
        """A method with a seed, from where it stands."""
        method, store, record = STREAM_METHODS[name], Store(self.folder(name, seed)), Record(self.folder(name, seed))
        learner = self._learner(method.loss, seed)
        newest = learner.restore(store)
        if newest is None:
            self._begin(learner, name, seed)
        helper = self._helper(method.helper, seed) if method.helper else None
        first = newest.epoch if newest else 0
        record.keep(first)
        with Bar(f"{name}, seed {seed}", len(self._log)) as bar:
            for hour in range(first, self.hours.last):
                if hour >= self.hours.first:
                    self._test(learner, hour, record)
                self._train(name, learner, helper, hour)
                if (hour + 1) % self._settings.save_hours == 0 or hour + 1 == self.hours.last:
                    learner.save(store, hour + 1)
                bar.advance(len(self._log.clicked(self._time(hour), self._time(hour + 1))))

    def _time(self, hour: int) -> int:
        return self.hours.begin + hour * HOUR

    def _test(self, learner: Learner, hour: int, record: Record) -> None:
        """Of the clicks of an hour, before anything of it is trained on."""
        rows = self._log.clicked(self._time(hour), self._time(hour + 1))
        if not len(rows):
            return
        truth = None if self._reader.truth is None else self._reader.truth[rows]
        figures = judge(learner.predict(rows)[TASK], self._log.final(rows), truth)
        begins = str(np.datetime64(self._time(hour), "us").astype("datetime64[m]"))
        record.add({"hour": hour, "begins": begins, **figures})

    def _train(self, name: StreamName, learner: Learner, helper: Learner | None, hour: int) -> None:
        events = self._events(name, hour, learner.config.runner.seed)
        if not len(events):
            return
        columns = columns_of(events, self._log.window)
        if helper is not None:
            given = {ELAPSED: events.elapsed} if ELAPSED in helper.columns else {}
            columns |= helper.predict(events.rows, given)
        learner.train(events.rows, columns, self.hours.last + hour)

    def _events(self, name: StreamName, hour: int, seed: int) -> Events:
        """What a method takes in during an hour, of clicks that nothing was pretrained on."""
        method, clicks, wait = STREAM_METHODS[name], self._log, self._wait
        since, now, opened = self._time(hour), self._time(hour + 1), self._reader.start - self._log.window
        if method.takes == "final":
            return oracle(clicks, max(since, opened), now)
        reach = method.ingestion.reach(clicks.window, wait)
        if method.takes == "rows":
            return method.ingestion(clicks.as_of(now, max(since - reach, opened)), since, wait)
        period = self._settings.retrain_hours
        if method.takes == "nothing" or (hour + 1) % period:
            return method.ingestion(clicks.as_of(now, now), now, wait)
        # With those whose windows have closed since the last time, so that each click's last word is heard.
        begin = max(now - reach - period * HOUR, opened)
        events = self._with_unclicked(name, method.ingestion(clicks.as_of(now, begin), since, wait), begin, now)
        return events.take(np.random.default_rng([seed, hour]).permutation(len(events)))

    def _begin(self, learner: Learner, name: StreamName, seed: int) -> None:
        """Pretrain a method's network, or the one that all begin with whose tower says f."""
        method, window = STREAM_METHODS[name], self._log.window
        if method.own_start:
            events = method.ingestion(self._known, -NEVER, self._wait)
            events = self._with_unclicked(name, events, -NEVER, self._reader.start - window)
            pretrain(learner, events, window, self._pretrained(name, seed))
        else:
            plain = learner if method.loss == "plain" else self._learner("plain", seed)
            pretrain(plain, Snapshot()(self._known, -NEVER, self._wait), window, self._pretrained("plain", seed))
            learner.load(plain.state())
        learner.step = 0

    def _with_unclicked(self, name: StreamName, events: Events, since: int, until: int) -> Events:
        """Rows of clicks, and of the impressions without one in [since, until) where the method learns from them."""
        if not STREAM_METHODS[name].impressions:
            return events
        return Events.in_order([events, self._reader.shown_in(since, until)])

    def _helper(self, name: HelperName, seed: int) -> Learner:
        kind, config = HELPERS[name], self._config.merged({"runner": {"seed": seed}})
        helper = Learner(config, self._mode, self._reader, kind.label_rules({}).columns, kind)
        train_helper(helper, kind, self._known, self._wait, self._pretrained(name, seed))
        return helper

    def _learner(self, loss: Name, seed: int) -> Learner:
        config = self._config.merged({"runner": {"seed": seed}, "hyper_parameters": {"method": loss}})
        return Learner(config, self._mode, self._reader, (FINAL, *METHODS[loss].columns))

    def _pretrained(self, name: str, seed: int) -> Path:
        return self.folder(f"{PRETRAINED}/{name}", seed)
