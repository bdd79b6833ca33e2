"""The reader of a directory that brings none: a table, prepared impressions or lines of text, by what there is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rec.config.config import Config
from rec.config.hyper import Declared
from rec.data.batch import Batch
from rec.data.columnar import ColumnarReader
from rec.data.plan import ReadPlan
from rec.data.prepared_reader import PreparedTableReader
from rec.data.prepared_schema import Grown
from rec.data.prepared_table import MANIFEST
from rec.data.reader import Reader
from rec.data.table_rows import TableRows
from rec.data.tabular import TabularReader
from rec.data.text import TextReader
from rec.data.unseen import Unseen

LINE_LABELS = ("click", "conversion")
"""What every line of text and all prepared data have, first of all."""


class NativeReader(Reader):
    """A table where the config has a `data` section; else prepared Ali-CCP if the files are Parquet, or PaddleRec's
    lines.

    Attributes:
        chosen: which of them it is.
    """

    samples = True
    divides = True

    def open(self, file_list: list[str]) -> None:
        kind: type[Reader] = TextReader
        if self.config.describes_table:
            kind = PreparedTableReader if Path(file_list[0]).name == MANIFEST else TabularReader
        elif any(path.endswith(".parquet") for path in file_list):
            kind = ColumnarReader
        rules = self.rules
        if not self.config.describes_table:
            rules = replace(rules, columns=tuple(dict.fromkeys((*LINE_LABELS, *rules.columns))))
        self.chosen = kind(file_list, self.config, self.part, self.vocabulary, rules)
        self.labels, self.blocks, self.num_id = self.chosen.labels, self.chosen.blocks, self.chosen.num_id
        self.vocabulary, self.numbers = self.chosen.vocabulary, self.chosen.numbers
        self.vocabulary_checksum, self.file_rows = self.chosen.vocabulary_checksum, self.chosen.file_rows
        self.column_types = self.chosen.column_types
        self.threads, self.if_slow = self.chosen.threads, self.chosen.if_slow
        self.may_fork, self.negatives = self.chosen.may_fork, self.chosen.negatives

    @classmethod
    def files(cls, config: Config, places: Sequence[Path]) -> list[str]:
        return (TabularReader if config.describes_table else Reader).files(config, places)

    @classmethod
    def declared(cls, config: Config) -> Declared | None:
        return TabularReader.declared(config) if config.describes_table else None

    @property
    def unseen(self) -> Mapping[str, Unseen]:  # type: ignore[override]
        """See the reader of a table: it takes a moment, and not everybody asks."""
        return self.chosen.unseen

    @property
    def rows(self) -> TableRows:
        return self.chosen.rows

    def reading(self) -> dict[str, Any]:
        return self.chosen.reading()

    def grown_since(self, reading: Mapping[str, Any]) -> Grown | None:
        return self.chosen.grown_since(reading)

    def __len__(self) -> int:
        return len(self.chosen)

    def batches(self, plan: ReadPlan) -> Iterator[Batch]:
        return self.chosen.batches(plan)
