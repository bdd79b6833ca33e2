"""What prepared data say of themselves: schema.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from rec.errors import UserError
from rec.numeric import Array


class PreparedField(BaseModel):
    """A field of prepared data, whether it belongs to common rows, and its first id, that of unknown values."""

    model_config = ConfigDict(strict=True, extra="ignore")

    name: str
    common: bool
    offset: int = 0
    size: int = 0


class EarlierField(BaseModel):
    """A field of data that these go on from: its first id and how many it had."""

    model_config = ConfigDict(strict=True, extra="ignore")

    name: str
    offset: Annotated[int, Field(ge=0)]
    size: Annotated[int, Field(gt=0)]


class EarlierData(BaseModel):
    """Data whose ids these go on from (`prepare.py --extend`): a known id has kept its place within its field."""

    model_config = ConfigDict(strict=True, extra="ignore")

    vocabulary_sha256: str
    id_space: Annotated[int, Field(gt=0)]
    fields: list[EarlierField]


class PreparedSchema(BaseModel):
    """What a reader needs of schema.json: every id is below `id_space`.

    `columns` are numbers that travel with an impression; `truth` what simulated labels were drawn from. Data of the
    same `vocabulary_sha256` mean the same by the same ids; data prepared long ago have none. `extends`: the data that
    the ids go on from, the latest first.
    """

    model_config = ConfigDict(strict=True, extra="ignore")

    fields: list[PreparedField]
    labels: list[str]
    columns: list[str] = []
    truth: list[str] = ["p_click", "p_conversion"]
    id_space: Annotated[int, Field(gt=0, le=2**31)]
    vocabulary_sha256: str | None = None
    extends: list[EarlierData] = []

    @field_validator("extends")
    @classmethod
    def _grew(cls, extends: list[EarlierData], info: ValidationInfo) -> list[EarlierData]:
        """Refuse what `since` could not follow: fields that are gone or have shrunk since, or lie outside the ids."""
        sizes = {field.name: field.size for field in info.data.get("fields", ())}
        for before in extends:
            for field in before.fields:
                if not field.size <= sizes.get(field.name, 0) or field.offset + field.size > before.id_space:
                    raise ValueError(f"field {field.name} is not one that has grown")
        return extends

    def since(self, checksum: str) -> Grown | None:
        """What has become of the ids of a vocabulary that this one goes on from; None: it does not."""
        before = next((each for each in self.extends if each.vocabulary_sha256 == checksum), None)
        if before is None:
            return None
        now = {field.name: field for field in self.fields}
        old, new, fresh, unknown = ([np.empty(0, np.int64)] for _ in range(4))
        for field in before.fields:
            offset, size = now[field.name].offset, now[field.name].size
            old.append(field.offset + np.arange(field.size))
            new.append(offset + np.arange(field.size))
            fresh.append(offset + np.arange(field.size, size))
            unknown.append(np.full(size - field.size, field.offset))
        return Grown(before.id_space, *(np.concatenate(each) for each in (old, new, fresh, unknown)))


class Grown(NamedTuple):
    """A vocabulary that has grown: `num_id` ids became more.

    old, new: int64 [n], the ids that were there and what they are now.
    fresh, unknown: int64 [m], ids that are new, and the one that stood for them before, that of unknown values.
    """

    num_id: int
    old: Array
    new: Array
    fresh: Array
    unknown: Array


def read_schema(path: Path) -> PreparedSchema:
    """The schema of a prepared folder.

    Raises:
        UserError: it is missing, damaged or of another version.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: missing; Parquet files are read from a folder that prepare.py wrote") from None
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from None
    if not isinstance(content, dict) or (content.get("format"), content.get("version")) != ("ali-ccp-columnar", 1):
        given = content if isinstance(content, dict) else {}
        found = f"{given.get('format')} {given.get('version')}"[:60]
        raise UserError(f"{path}: expected format ali-ccp-columnar 1, found {found}: prepare the data again")
    try:
        return PreparedSchema(**{str(name): value for name, value in content.items()})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UserError(f"{path}: {place}: {first['msg']}: prepare the data again") from None
