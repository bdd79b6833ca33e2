"""Impressions in either form: lines of text, or a directory that prepare.py wrote."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from rec.config.config import Config
from rec.data.batch import Batch
from rec.data.columnar import ColumnarReader
from rec.data.labels import LabelRules
from rec.data.plan import ReadPlan
from rec.data.reader import Reader, ReaderSettings
from rec.data.text import TextReader
from rec.errors import UserError


class ImpressionReader:
    """The reader of a model directory: Parquet files are read as prepared Ali-CCP, others as PaddleRec's lines.

    A model directory's `RecDataset` is a subclass; other labels than click and conversion are in its `rules`.

    Attributes:
        settings: the hyper-parameters it reads.
        rules: the label columns, in a line's order, and what follows for them. Of prepared data also others that
            schema.json declares (`cart`, `watch_time`, `price`, ...); a subclass may set them from the config before it
            calls this constructor.
        labels: the columns alone.
        columns: what a batch should hold besides, as stored (`Batch.columns`); of prepared data only.
        vocabulary_checksum: of prepared data, as in `ColumnarReader`; None for lines of text.
    """

    settings: ClassVar = ReaderSettings
    rules: LabelRules = LabelRules()
    columns: tuple[str, ...] = ()

    def __init__(self, file_list: list[str], config: Config) -> None:
        self.labels = self.rules.columns
        self._reader: Reader
        self.vocabulary_checksum: str | None = None
        if any(path.endswith(".parquet") for path in file_list):
            self._reader = prepared = ColumnarReader(file_list, config, self.rules, self.columns)
            self.vocabulary_checksum = prepared.vocabulary_checksum
        elif self.columns:
            raise UserError(f"{file_list[0]}: lines of text have no {', '.join(self.columns)}; prepared data have")
        else:
            self._reader = TextReader(file_list, config, self.rules)
        self.blocks = self._reader.blocks

    def __len__(self) -> int:
        return len(self._reader)

    def batches(self, plan: ReadPlan) -> Iterator[Batch]:
        """The batches of a plan, in order."""
        return self._reader.batches(plan)
