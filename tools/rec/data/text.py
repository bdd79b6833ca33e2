"""The reader of PaddleRec's line format: every token of every listed field, each line once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from rec.config.hyper import build
from rec.config.suggest import did_you_mean
from rec.console import log
from rec.data.batch import Bags, Batch
from rec.data.by import asked_of, check_fields
from rec.data.distinct import DistinctIds
from rec.data.lines import LineIndex
from rec.data.negatives import Negatives
from rec.data.parse import NO_VALUE, FieldNames, LineError, Parsed, check_field_names, fields_of, parse
from rec.data.plan import ReadPlan
from rec.data.pooling import token_weights
from rec.data.reader import Block, Reader, ReaderSettings, reading_of
from rec.data.sequences import Seen, blocks_of, parted
from rec.errors import UserError
from rec.kernels.lines import label_column
from rec.numeric import Array
from rec.parallel import threads

_LOOK_AT = 1000
_PIECE = 1 << 14
_MOST_THREADS = 4
"""Ahead of any step that was seen."""


class TextReader(Reader):
    """`id,label,...,field:id,field:id,...` lines, a token for each id, any number of tokens per field."""

    samples = True
    divides = True
    if_slow = "prepared data are read several times as fast as lines of text (datasets/ali-ccp)"

    def open(self, file_list: list[str]) -> None:
        values = build(ReaderSettings, self.config)
        self.fields = FieldNames.of(check_field_names(values.fields))
        if values.sparse_feature_number is None:
            raise UserError("hyper_parameters.sparse_feature_number is missing: lines of text do not tell how many ids")
        self.num_id, self.max_len, self.pooling = values.sparse_feature_number, values.max_len, values.pooling
        self.hashed = values.hash_ids
        if self.pooling == "weighted":
            raise UserError("hyper_parameters.pooling is weighted, but text lines hold no values: use sum or mean")
        self.blocks: tuple[Block, ...] = blocks_of([(self.fields.names, False)], Seen(self.attended))
        self.policy = self.config.runner.label_policy
        self.index = LineIndex(file_list)
        self.file_rows = self.index.file_rows
        if not len(self.index):
            raise UserError(f"{', '.join(file_list)}: no lines; expected id,{','.join(self.labels)},field:id,...")
        self.threads = max(1, min(_MOST_THREADS, threads() // 2))  # as many are left to the step
        self._check_fields()
        check_fields(asked_of(self.config, self.part), self.fields.names, self.hashed)
        self.negatives = Negatives.of(self.config, self.part, self.rules, self._label)

    def _check_fields(self) -> None:
        """Say which fields the first lines never hold: a misspelt one would be trained on as always missing."""
        lines = np.arange(min(len(self.index), _LOOK_AT))
        text, starts = self.index.read(lines)
        try:
            parsed = parse(text, starts, self.fields, len(self.labels), self.num_id, hashed=self.hashed)
        except LineError:
            return  # reading will say it
        tokens = np.diff(parsed.offsets).reshape(len(lines), -1).sum(axis=0)
        absent = [name for name, count in zip(self.fields.names, tokens, strict=True) if not count]
        if not absent:
            return
        found = fields_of(bytes(text[: starts[-1]]), len(self.labels))
        message = f"{', '.join(absent)} of hyper_parameters.fields in none of the first {len(lines)} lines of "
        message += f"{self.index.paths[0]}, which have {', '.join(found) or 'no fields'}"
        if len(absent) == len(self.fields.names):
            raise UserError(message)
        log.warning("%s%s", message, did_you_mean(absent[0], found))

    def reading(self) -> dict[str, Any]:
        found = reading_of(self.fields.names, self.pooling, self.max_len)
        return found | ({"hyper_parameters.hash_ids": True} if self.hashed else {})

    def __len__(self) -> int:
        return len(self.index)

    def batches(self, plan: ReadPlan) -> Iterator[Batch]:
        """The batches of a plan, in order.

        Raises:
            UserError: at the first malformed line, naming file, line, column and what was found.
        """
        distinct = DistinctIds(self.num_id)  # its scratch memory is for one thread
        kept = None if self.negatives is None else self.negatives.kept(plan)
        for lines in plan.rows(len(self.index), kept):
            yield self._batch(lines, plan.training, distinct)

    def _batch(self, lines: Array, training: bool, distinct: DistinctIds) -> Batch:
        counts = {"impressions": len(lines)}
        parsed, sample_ids = self._parse(lines, counts)
        judged = self.rules.judge(self._labels(parsed), self.policy, lambda row: self.index.where(int(lines[row])))
        counts |= judged.counts()
        labels, excluded = judged.labels, judged.contradicting
        if training and excluded.any():  # rare: read the others again rather than cut them out of the ragged arrays
            lines, labels = lines[~excluded], {name: label[~excluded] for name, label in labels.items()}
            excluded = excluded[:0]
            parsed, sample_ids = self._parse(lines, {})
        rows, (positions,) = distinct(parsed.ids)
        weights = token_weights(self.pooling, parsed.offsets, None)
        bags = Bags(len(self.fields.names), positions, parsed.offsets, weights)
        return Batch(
            rows,
            parted([(bags, self.fields.names)], Seen(self.attended)),
            labels,
            sample_ids,
            excluded if excluded.any() else None,
            counts=counts,
        )

    def _parse(self, lines: Array, counts: dict[str, int]) -> tuple[Parsed, Array]:
        """The lines' tokens and labels, and their sample ids, bytes [B]."""
        text, starts = self.index.read(lines)
        try:
            parsed = parse(text, starts, self.fields, len(self.labels), self.num_id, self.max_len, self.hashed)
        except LineError as error:
            raise UserError(f"{self.index.where(int(lines[error.line]))}: {error.reason}") from None
        if parsed.unlisted:
            counts["tokens of fields that hyper_parameters.fields does not list: passed over"] = parsed.unlisted
        data = text.tobytes()
        return parsed, np.array([data[a:b] for a, b in zip(starts, parsed.id_ends, strict=False)], dtype=np.bytes_)

    def _label(self, name: str) -> Iterator[Array]:
        """A label of all lines, float32 [n] by pieces; what is no label is 1, and refused when its line is read."""
        column = 1 + self.labels.index(name)
        for start in range(0, len(self.index), _PIECE):
            text, starts = self.index.read(np.arange(start, min(start + _PIECE, len(self.index))))
            values = np.empty(len(starts) - 1, np.float32)
            label_column(text, starts, column, values)
            yield values

    def _labels(self, parsed: Parsed) -> dict[str, Array]:
        """float32 [B] each, NaN where a label is empty."""
        values = np.where(parsed.labels == NO_VALUE, np.float32("nan"), parsed.labels.astype(np.float32))
        return {name: np.ascontiguousarray(values[:, column]) for column, name in enumerate(self.labels)}
