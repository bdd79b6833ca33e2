"""The clicks of a table, in the order of time, without a label: these are made of times, as of when they are needed.

Where a method learns from them, impressions without a click come after these, in the order of time too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from rec.config.config import Config
from rec.config.stream import StreamSettings
from rec.console import log
from rec.data import columns
from rec.data.batch import Batch
from rec.data.distinct import DistinctIds
from rec.data.encode import Encoder
from rec.data.encoded import Encoded
from rec.data.encoded_reader import EncodedReader
from rec.data.field_settings import FieldColumn
from rec.data.labels import Judged, LabelRules
from rec.data.plan import ReadPlan
from rec.data.prepared_table import MANIFEST
from rec.data.shared import keys_of
from rec.data.survey import Survey
from rec.data.table import Table
from rec.data.tables.source import TableSource
from rec.errors import UserError
from rec.nn.delay.method import FINAL
from rec.numeric import Array
from rec.stream.columns import check_columns
from rec.stream.events import Events
from rec.stream.log import DAY, NEVER, AsOf, Log
from rec.stream.methods import STREAM_METHODS
from rec.stream.times import time_of, times_of

_NO_LABELS = LabelRules((), {}, (), implies=(), first=None)


class StreamReader(EncodedReader):
    """All clicks, encoded and in memory. The vocabulary, scales and buckets are of those before `stream.start`.

    Args:
        file_list: the table's files.
        config: with the table's `data` section.
        stream: which columns are times.

    Attributes:
        stream: as given.
        log: when clicks and conversions came; its click i is row i.
        start: `stream.start`, in microseconds.
        shown: int64 [m], when impressions without a click were shown, ascending; impression j is row n + j.
        truth: float32 [n] of `stream.truth`; None: nobody knows.
        unclicked: how many rows have no click.

    Raises:
        UserError: a column tells the future, a time is none or missing, or a conversion comes before its click.
    """

    def __init__(self, file_list: list[str], config: Config, stream: StreamSettings) -> None:
        self.stream, self.start = stream, time_of(stream.start, "stream.start")
        self.truth: Array | None = None
        self.shown = np.empty(0, np.int64)
        super().__init__(file_list, config, "train", None, _NO_LABELS)

    def open(self, file_list: list[str]) -> None:
        if Path(file_list[0]).name == MANIFEST:
            raise UserError(f"{file_list[0]}: a prepared table has no times: name the table that it was prepared from")
        super().open(file_list)
        settings, stream = self._settings, self.stream
        check_columns(settings, stream)
        times = [stream.click_time, stream.conversion_time, *filter(None, (stream.clicked, stream.truth))]
        nothing: dict[str, Any] = {"labels": {}, "numbers": {}, "keep": times, "sample_id": None}
        self._source = source = TableSource(file_list, settings.model_copy(update=nothing), keep=True)
        survey = Survey(settings, self._dims, self._pretrained)
        pairs: list[tuple[Array, Array]] = []
        for table in self._clicks(source):
            pairs.append(self._times(table))
            survey.add(table.filter(pairs[-1][0] < self.start))
        nobody = (np.empty(0, np.int64), np.empty(0, np.int64))
        click, conversion = (np.concatenate(side) for side in zip(nobody, *pairs, strict=True))
        if click.min(initial=NEVER) >= self.start:
            raise UserError(f"stream.start: no row of {file_list[0]} and others is clicked before {stream.start}")
        self.log, order = Log.of(click, conversion, int(stream.attribution_days * DAY))
        self.settle(survey.vocabulary())
        assert self.vocabulary is not None
        self._encode = Encoder(
            settings, self.vocabulary, (), self.rules, "keep", "weighted" in self._poolings, self._max_len
        )
        self.unclicked = sum(source.file_rows.values()) - len(order)
        truths: list[Array] = []
        parts = [self._encoded(table, truths) for table in self._clicks(source)]
        if truths:
            self.truth = np.concatenate(truths)[order].astype(np.float32)
        if any(STREAM_METHODS[name].impressions for name in stream.methods):
            order = np.concatenate([order, len(order) + self._take_unclicked(source, parts)])
        self.labels, self._distinct = (FINAL,), DistinctIds(self.num_id)
        self.begin(replace(Encoded.join(parts).take(order), places=np.arange(len(order))))

    @property
    def fields(self) -> Mapping[str, FieldColumn]:
        """What the config says of each field."""
        return self._settings.columns_of

    @property
    def known(self) -> AsOf:
        """What is known at `stream.start` of the clicks whose windows have closed by then: final labels."""
        return self.log.as_of(self.start, -NEVER).closed()

    def __len__(self) -> int:
        """Of `known`, which this reader delivers as any other does."""
        return len(self.known.rows)

    def batches(self, plan: ReadPlan) -> Iterator[Batch]:
        """Batches of `known`, with their labels."""
        known = self.known
        label = (known.conversion != NEVER).astype(np.float32)
        for which in plan.rows(len(label)):
            yield self.batch(known.rows[which], {FINAL: label[which]}, plan)

    def read(self, part: object) -> Encoded:
        """It has no parts."""
        raise NotImplementedError

    def batch(self, rows: Array, labels: Mapping[str, Array], plan: ReadPlan) -> Batch:
        """A batch of clicks, int64 [B] by their numbers in the log, with labels, float32 [B] by name."""
        assert self._whole is not None
        return replace(self._batch(self._whole.take(rows), plan, self._distinct), labels=dict(labels))

    def first_clicks(self) -> Table:
        """Some of the table's rows that were clicked, as they stand there."""
        return next(self._clicks(self._source))

    def shown_in(self, since: int, until: int) -> Events:
        """The impressions without a click of [since, until), as rows of a stream."""
        first, last = np.searchsorted(self.shown, [since, until])
        return Events.unclicked(len(self.log) + np.arange(first, last), self.shown[first:last])

    def _take_unclicked(self, source: TableSource, parts: list[Encoded]) -> Array:
        """Put impressions without a click behind the clicks; the order of time, int64 [m]."""
        times, without = [np.empty(0, np.int64)], 0
        for table in self._tables(source, clicked=False):
            time = times_of(table, self.stream.click_time)
            without += int((time == NEVER).sum())
            parts.append(self._encoded(table.filter(time != NEVER), []))
            times.append(time[time != NEVER])
        if without or len(times) == 1:
            log.warning(
                "%s learn from impressions without a click: %s",
                ", ".join(name for name in self.stream.methods if STREAM_METHODS[name].impressions),
                f"{without:,} are left out, whose {self.stream.click_time} is empty"
                if without
                else "there are none; stream.clicked names a column that tells",
            )
        shown = np.concatenate(times)
        order = np.argsort(shown, kind="stable")
        self.shown = shown[order]
        return order

    def _clicks(self, source: TableSource) -> Iterator[Table]:
        """The rows of each fragment that were clicked."""
        return self._tables(source, clicked=True)

    def _tables(self, source: TableSource, clicked: bool) -> Iterator[Table]:
        """The rows of each fragment that were clicked, or those that were not."""
        for fragment in source.fragments if clicked or self.stream.clicked else ():
            table = source.read([fragment])
            if self.stream.clicked:
                table = table.filter((columns.label_column(table, self.stream.clicked, "binary") == 1) == clicked)
            if len(table):
                yield table

    def _times(self, table: Table) -> tuple[Array, Array]:
        click, conversion = (times_of(table, name) for name in (self.stream.click_time, self.stream.conversion_time))
        for row in np.flatnonzero(click == NEVER)[:1].tolist():
            raise UserError(
                f"{table.where(row)}: column {self.stream.click_time} is empty: stream.clicked names a column that is "
                "1 where a row was clicked"
            )
        for row in np.flatnonzero(conversion < click)[:1].tolist():
            raise UserError(
                f"{table.where(row)}: its conversion ({self.stream.conversion_time}) comes before its click "
                f"({self.stream.click_time})"
            )
        return click, conversion

    def _encoded(self, table: Table, truths: list[Array]) -> Encoded:
        if self.stream.truth:
            truths.append(columns.numbers(table, self.stream.truth))
        tokens, number = self._encode.tokens(table), np.arange(len(table))
        return Encoded(
            tokens, Judged({}, np.zeros(len(table), bool), {}), pa.array(table.number), None, number,
            self._encode.numbers(table), keys=keys_of(table, self._settings, tokens),
        )  # fmt: skip
