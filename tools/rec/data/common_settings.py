"""What rows of a table have in common: `data.common`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator


class Common(BaseModel):
    """Fields that are the same in all rows of a user, a request or the like: they are pulled and pooled once."""

    model_config = ConfigDict(strict=True, extra="forbid")

    by: str | list[str] = Field(description="the column, or columns, whose rows are alike, which follow each other")
    fields: list[str] = Field(min_length=1, description="the fields, such as the user's and his history")

    @field_validator("fields")
    @classmethod
    def _once(cls, fields: list[str]) -> list[str]:
        if twice := [name for number, name in enumerate(fields) if name in fields[:number]]:
            raise ValueError(f"lists {twice[0]} twice")
        return fields

    @property
    def columns(self) -> list[str]:
        """Those of `by`."""
        return [self.by] if isinstance(self.by, str) else self.by
