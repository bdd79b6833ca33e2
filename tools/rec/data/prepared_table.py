"""A table whose rows are ids already: what tools/prepare.py writes, and readers take in a table's place.

OUT/prepared.json     what was read and how: settings, files, the values that training has not seen
OUT/vocabulary.json   what the ids mean
OUT/train.arrow       rows of a part, a record batch for each piece of the table, so that the same rows come in the
OUT/valid.arrow       same order as from the table itself
OUT/test.arrow
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rec.data.unseen import Unseen
from rec.errors import UserError

MANIFEST = "prepared.json"

AGAIN = "prepare the table again"


class PartFacts(BaseModel):
    """What a part's rows were read from.

    Attributes:
        source: fingerprint of the files.
        file_rows: rows of each file.
        rows: of each record batch.
        unseen: as in `Reader`.
    """

    model_config = ConfigDict(strict=True, extra="forbid")

    source: str
    file_rows: dict[str, int]
    rows: list[Annotated[int, Field(gt=0)]]
    unseen: dict[str, Unseen] = {}


class PreparedTable(BaseModel):
    """A folder's prepared.json.

    Attributes:
        settings: the `data` section, and what else the ids depend on, by name.
        vocabulary_sha256: of vocabulary.json.
        column_types: as in `Reader`.
        parts: those that are there.
    """

    model_config = ConfigDict(strict=True, extra="forbid")

    format: Literal["rec-table"] = "rec-table"
    version: Literal[1] = 1
    settings: dict[str, Any]
    vocabulary_sha256: str
    column_types: dict[str, list[str]]
    parts: dict[Literal["train", "valid", "test"], PartFacts]

    @classmethod
    def read(cls, folder: Path) -> PreparedTable:
        """That of a folder.

        Raises:
            UserError: it is missing, damaged, or of another version.
        """
        path = folder / MANIFEST
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            raise UserError(f"{path}: missing; tools/prepare.py writes it") from None
        except OSError as error:
            raise UserError(f"{path}: cannot be read: {error.strerror}") from None
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"])) or "its text"
            raise UserError(f"{path}: {place}: {first['msg']}: {AGAIN}") from None


def is_prepared(place: Path) -> bool:
    """Whether a folder is one."""
    return (place / MANIFEST).is_file()
