"""The reader of a directory that brings none: a table, prepared impressions or lines of text, by what there is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from rec.config.config import Config
from rec.data.batch import Batch
from rec.data.columnar import ColumnarReader
from rec.data.labels import LabelRules
from rec.data.plan import ReadPlan
from rec.data.reader import Part, Reader
from rec.data.tabular import TabularReader
from rec.data.text import TextReader
from rec.data.vocabulary import Vocabulary

LINE_LABELS = ("click", "conversion")
"""What every line of text and all prepared data have, first of all."""


class NativeReader(Reader):
    """A table where the config has a `data` section; else prepared Ali-CCP if the files are Parquet, or PaddleRec's
    lines.
    """

    def __init__(
        self,
        file_list: list[str],
        config: Config,
        part: Part = "train",
        vocabulary: Vocabulary | None = None,
        rules: LabelRules | None = None,
    ) -> None:
        self.rules = self.rules if rules is None else rules
        in_lines = replace(self.rules, columns=tuple(dict.fromkeys((*LINE_LABELS, *self.rules.columns))))
        self._reader: Reader
        if config.data is not None:
            self._reader = TabularReader(file_list, config, part, vocabulary, self.rules)
        elif any(path.endswith(".parquet") for path in file_list):
            self._reader = ColumnarReader(file_list, config, part, vocabulary, in_lines)
        else:
            self._reader = TextReader(file_list, config, part, vocabulary, in_lines)
        self.labels, self.blocks, self.num_id = self._reader.labels, self._reader.blocks, self._reader.num_id
        self.vocabulary = self._reader.vocabulary
        self.vocabulary_checksum, self.file_rows = self._reader.vocabulary_checksum, self._reader.file_rows
        self.unseen, self.column_types = self._reader.unseen, self._reader.column_types

    @classmethod
    def declared_fields(cls, config: Config) -> list[str] | None:
        return None if config.data is None else TabularReader.declared_fields(config)

    def reading(self) -> dict[str, Any]:
        return self._reader.reading()

    def __len__(self) -> int:
        return len(self._reader)

    def batches(self, plan: ReadPlan) -> Iterator[Batch]:
        return self._reader.batches(plan)
