"""What a report is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rec.report.html.page import Language

ITEMS = ("item_id", "item", "video_id", "video", "goods_id", "ad_id", "205")
USERS = ("user_id", "user", "uid", "101")
"""Fields that are taken for items and users where nobody says which; the numbers are Ali-CCP's."""


@dataclass(frozen=True)
class Options:
    """Of a report.

    Attributes:
        item, user: fields; None: the first of `ITEMS` and `USERS` that there is.
        segments: what rows are told apart by, as in `runner.segments`; none: a few fields of few values.
        permutations: of each field; 0: importance is left out.
        rows: test rows that importance is measured on.
        language: that the page shows at first.
        leave_out: whether the config is trained again without each task.
    """

    item: str | None = None
    user: str | None = None
    segments: Sequence[str] = ()
    permutations: int = 5
    rows: int = 50_000
    language: Language = "en"
    leave_out: bool = False
