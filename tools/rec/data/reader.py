"""What the package's readers have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import Field

from rec.config.config import Config
from rec.config.hyper import Declared
from rec.config.interaction import attended
from rec.config.paths import is_remote
from rec.data.batch import Batch
from rec.data.labels import LabelRules
from rec.data.lines import data_files
from rec.data.negatives import Negatives
from rec.data.plan import ReadPlan
from rec.data.prepared_schema import Grown
from rec.data.table_rows import TableRows
from rec.data.unseen import Unseen
from rec.data.vocabulary import Vocabulary
from rec.errors import UserError

Part: TypeAlias = Literal["train", "valid", "test"]
"""What data are read for."""

_USER = ("101", "109_14", "110_14", "127_14", "150_14", "121", "122", "124", "125", "126", "127", "128", "129")
_ITEM = ("205", "206", "207", "210", "216", "508", "509", "702", "853", "301")
ALI_CCP_FIELDS = (*_USER, *_ITEM)
"""Ali-CCP's 23 fields, the user's first."""


@dataclass(frozen=True)
class ReaderSettings:
    """The hyper-parameters that readers read.

    Attributes:
        sparse_feature_number: ids must be below it; None: as many as the data has, where the data can tell.
        fields: field names, in the order the network sees them; tokens of other fields are skipped.
        max_len: tokens kept per row and field, in the data's order; 0 keeps all.
        hash_ids: lines hold ids of up to 20 digits, which are hashed with their fields into sparse_feature_number rows.
        pooling: how a field's vectors become one: their sum, their mean, or their sum weighted by the data's values.
    """

    sparse_feature_number: Annotated[int, Field(gt=0)] | None = None
    fields: Sequence[str | int] = ALI_CCP_FIELDS
    max_len: Annotated[int, Field(ge=0)] = 0
    hash_ids: bool = False
    pooling: Literal["sum", "mean", "weighted"] = "sum"


@dataclass(frozen=True)
class Block:
    """A block of fields as the network sees it: how many, whether its rows serve several impressions, their names.

    A sequence's one field is seen token by token, `num_field` of them; the rest as in `rec.data.batch.Bags`.
    """

    num_field: int
    shared: bool
    fields: tuple[str, ...] = ()
    sequence: bool = False
    dim: int = 0
    largest: bool = False


class Reader(ABC):
    """A reader that makes whole batches. PaddleRec's readers yield rows instead; `rec.data.rows` adapts them.

    A model directory's `RecDataset` is a subclass; its constructor takes

        file_list: the files of a data folder, sorted.
        config: of the run; read only.
        part: what the files are read for; a table may set rows aside.
        vocabulary: the ids that a checkpoint was trained with; None: they are made from these files.
        rules: the label columns that the network needs, and what is known of them; None: the class's own.

    Attributes:
        settings: the hyper-parameters it reads, a class or function by its parameters.
        rules, labels: label columns, in a line's order, and what follows for them.
        blocks: fields as the network sees them.
        numbers: names of the fields that are numbers.
        attended: the histories that the network sees token by token.
        num_id: ids are below it; the embedding table has so many rows.
        vocabulary: what turns values into ids, where values are not ids already.
        vocabulary_checksum: of the original ids behind prepared ids, where they say it.
        file_rows: how many rows each file has, those for other parts among them.
        unseen: by field what a vocabulary that was given does not know of the values, where there is one.
        column_types: by field the types that a table's files have its column in.
        may_fork: whether reader processes may make batches: what talks to an object store may not be forked.
        if_slow: what to try where the steps wait for it.
        negatives: which rows an epoch leaves out; None: none. A reader that knows of no such thing is refused.
        samples: whether it knows.
        divides: whether it knows of several trainers (`ReadPlan.share`); one that does not is for one trainer.
        threads: how many may make batches side by side, each of them every so-manieth; one where batches share work.
    """

    settings: ClassVar[Any] = ReaderSettings
    rules: LabelRules = LabelRules()
    labels: tuple[str, ...]
    blocks: tuple[Block, ...]
    numbers: tuple[str, ...] = ()
    num_id: int
    vocabulary: Vocabulary | None = None
    vocabulary_checksum: str | None = None
    file_rows: Mapping[str, int] = MappingProxyType({})
    unseen: Mapping[str, Unseen] = MappingProxyType({})
    column_types: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    may_fork: bool = True
    negatives: Negatives | None = None
    samples: ClassVar[bool] = False
    divides: ClassVar[bool] = False
    threads: int = 1
    if_slow: str = "the disk, or the processor's other work, holds it up"

    def __init__(
        self,
        file_list: list[str],
        config: Config,
        part: Part = "train",
        vocabulary: Vocabulary | None = None,
        rules: LabelRules | None = None,
    ) -> None:
        self.config, self.part, self.vocabulary = config, part, vocabulary
        self.rules = self.rules if rules is None else rules
        self.labels = self.rules.columns
        self.attended = attended(config.hyper_parameters)
        self.open(file_list)

    @abstractmethod
    def open(self, file_list: list[str]) -> None:
        """Look at the files and settle `blocks`, `num_id`, `labels` and `vocabulary`.

        Raises:
            UserError: they hold nothing, or not what the config says.
        """

    @classmethod
    def files(cls, config: Config, places: Sequence[Path]) -> list[str]:
        """The files of a part, which lie in these places.

        Raises:
            UserError: a place is missing, or holds no file.
        """
        far = next((place for place in places if is_remote(place)), None)
        if far:
            raise UserError(f"{far}: only tables, which a data section describes, are read from there")
        return [file for place in places for file in data_files(place)]

    @classmethod
    def declared(cls, config: Config) -> Declared | None:
        """The fields, where another section than `hyper_parameters` declares them.

        Raises:
            UserError: the section is wrong.
        """
        return None

    def reading(self) -> dict[str, Any]:
        """What ids depend on, by the setting's name: plain data, kept in checkpoints and compared on loading."""
        return {}

    def grown_since(self, reading: Mapping[str, Any]) -> Grown | None:
        """What has become of the ids of a checkpoint that read with a vocabulary, as its `reading` says, which this one
        goes on from; None: it does not, or it is the same."""
        return None

    @property
    def rows(self) -> TableRows:
        """What the embedding table's rows are."""
        return TableRows(self.num_id)

    @abstractmethod
    def __len__(self) -> int:
        """Impressions in the data."""

    def count(self, plan: ReadPlan) -> int:
        """Impressions that a plan's epoch goes through."""
        return len(self) if self.negatives is None else int(self.negatives.kept(plan).sum())

    @abstractmethod
    def batches(self, plan: ReadPlan) -> Iterator[Batch]:
        """The batches of a plan, in order."""


def reading_of(fields: Iterable[str], pooling: str, max_len: int) -> dict[str, Any]:
    """What every reader's ids depend on."""
    return {
        "hyper_parameters.fields": list(fields),
        "hyper_parameters.pooling": pooling,
        "hyper_parameters.max_len": max_len,
    }
