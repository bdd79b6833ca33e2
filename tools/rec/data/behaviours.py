"""The reader of networks whose labels are those of a `behaviours` section."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import ClassVar

from rec.config.config import Config
from rec.data.batch import Batch
from rec.data.impressions import ImpressionReader
from rec.data.labels import LabelRules, rules_of
from rec.data.plan import ReadPlan
from rec.data.reader import ReaderSettings
from rec.data.tabular import TabularReader
from rec.nn.behaviours import LabelKind

LINE_LABELS = ("click", "conversion")
"""What every line of text and all prepared data have."""


class BehaviourReader:
    """Impressions as lines of text or prepared, or a table if the config has a `data` section.

    Attributes:
        settings: the hyper-parameters it reads.
        vocabulary_checksum: of prepared data, as in `ColumnarReader`; a table's vocabulary is in `files`.
        more: label columns that the network needs besides those that its behaviours name, and what they may hold.
        rules: the label columns, and what follows for them.
    """

    settings: ClassVar = ReaderSettings
    more: ClassVar[Mapping[str, LabelKind]] = {}

    def __init__(self, file_list: list[str], config: Config) -> None:
        self.rules = rules_of(config.hyper_parameters.get("behaviours") or {}, self.more)
        self._reader: ImpressionReader | TabularReader
        self.files: dict[str, str] = {}
        self.vocabulary_checksum: str | None = None
        if config.data is None:
            in_lines = tuple(dict.fromkeys((*LINE_LABELS, *self.rules.columns)))
            self._reader = impressions = _Impressions(file_list, config, replace(self.rules, columns=in_lines))
            self.vocabulary_checksum = impressions.vocabulary_checksum
        else:
            self._reader = _Table(file_list, config, self.rules)
            self.files = self._reader.files
        self.labels, self.blocks = self._reader.labels, self._reader.blocks

    @classmethod
    def prepare(cls, config: Config) -> None:
        """Before the config is checked: the fields of a table are those of the `data` section."""
        if config.data is not None:
            TabularReader.prepare(config)

    def __len__(self) -> int:
        return len(self._reader)

    def batches(self, plan: ReadPlan) -> Iterator[Batch]:
        """The batches of a plan, in order."""
        return self._reader.batches(plan)


class _Impressions(ImpressionReader):
    def __init__(self, file_list: list[str], config: Config, rules: LabelRules) -> None:
        self.rules = rules
        super().__init__(file_list, config)


class _Table(TabularReader):
    def __init__(self, file_list: list[str], config: Config, rules: LabelRules) -> None:
        self.rules = rules
        super().__init__(file_list, config)
