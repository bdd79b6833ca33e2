"""How rows of the training folder are set aside: `data.test` and `data.valid`."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict, Field


class Split(BaseModel):
    """Rows of the training folder that are set aside."""

    model_config = ConfigDict(strict=True, extra="forbid")

    share: float | None = Field(None, gt=0, lt=1, description="so many of them, drawn by a hash")
    by: str | None = Field(
        None,
        description="with share: the column of a group, such as user_id, whose rows all go together (null: the row's "
        "number); with after: the column of the time",
    )
    after: str | int | float | None = Field(
        None, description="those that are later than this: a number, a day such as '2026-05-07', or a day and time"
    )


def split_contradictions(
    test: Split | None, test_share: float, valid: Split | None, valid_share: float
) -> Iterator[str]:
    """What is said twice, by halves, or means nothing, a line each."""
    for part, split, share in (
        ("test", test, test_share),
        ("valid", valid, valid_share),
    ):
        if split and share:
            yield f"data.{part} and data.{part}_share say the same thing twice: leave one out"
        if split and (split.share is None) == (split.after is None):
            yield f"data.{part}: says either share or after, got {split.model_dump(exclude_none=True)}"
        if split and split.after is not None and split.by is None:
            yield f"data.{part}: after needs by, the column of the time"
    yield from _overlap(test, valid)


def _overlap(test: Split | None, valid: Split | None) -> Iterator[str]:
    """A validation part that begins when, or after, the test part does."""
    if not (test and valid and test.by == valid.by and test.after is not None and valid.after is not None):
        return
    if type(test.after) is type(valid.after) and not valid.after < test.after:  # type: ignore[operator]
        yield (
            f"data.valid.after is {valid.after!r}, but data.test takes all rows later than {test.after!r}: validation "
            "comes before testing"
        )
