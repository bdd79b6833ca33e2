"""Impressions in either form: lines of text, or a directory that prepare.py wrote."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import ClassVar

from rec.config.config import Config
from rec.data.batch import Batch
from rec.data.columnar import ColumnarReader
from rec.data.plan import ReadPlan
from rec.data.reader import Reader, ReaderSettings
from rec.data.text import TextReader
from rec.errors import UserError
from rec.nn.behaviours import LabelKind


class ImpressionReader:
    """The reader of a model directory: Parquet files are read as prepared Ali-CCP, others as PaddleRec's lines.

    A model directory's `RecDataset` is a subclass that names its labels.

    Attributes:
        settings: the hyper-parameters it reads.
        labels: label columns, in a line's order. Of prepared data also others that schema.json declares (`cart`,
            `watch_time`, `price`, ...); a subclass may set them from the config before it calls this constructor.
        columns: what a batch should hold besides, as stored (`Batch.columns`); of prepared data only.
        implies: (effect, cause): an exposure whose effect label is 1 and cause label 0 is noise; see
            `runner.label_policy`. Preparation has dropped such exposures already.
        label_kinds: what the values of prepared labels may be, if it is known; click and conversion are binary, and in
            lines of text all are.
        vocabulary_checksum: of prepared data, as in `ColumnarReader`; None for lines of text.
    """

    settings: ClassVar = ReaderSettings
    labels: tuple[str, ...] = ("click", "conversion")
    columns: tuple[str, ...] = ()
    implies: tuple[str, str] | None = ("conversion", "click")
    label_kinds: Mapping[str, LabelKind] = MappingProxyType({})

    def __init__(self, file_list: list[str], config: Config) -> None:
        self._reader: Reader
        self.vocabulary_checksum: str | None = None
        if any(path.endswith(".parquet") for path in file_list):
            self._reader = prepared = ColumnarReader(file_list, config, self.labels, self.columns, self.label_kinds)
            self.vocabulary_checksum = prepared.vocabulary_checksum
        elif self.columns:
            raise UserError(f"{file_list[0]}: lines of text have no {', '.join(self.columns)}; prepared data have")
        else:
            self._reader = TextReader(file_list, config, self.labels, self.implies)
        self.blocks = self._reader.blocks

    def __len__(self) -> int:
        return len(self._reader)

    def batches(self, plan: ReadPlan) -> Iterator[Batch]:
        """The batches of a plan, in order."""
        return self._reader.batches(plan)
