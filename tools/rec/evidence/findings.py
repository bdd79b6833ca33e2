"""Everything that a page tells of one run, gathered before it is written."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rec.config.metrics import Column
from rec.console import log
from rec.evidence.gates import Gates, gates
from rec.evidence.importance import Importance, importance, pool_of
from rec.evidence.left_out import LeftOut, leave_out
from rec.evidence.opened import Opened
from rec.evidence.options import Options
from rec.evidence.quadrants import Quadrants, quadrants
from rec.evidence.scored import Scored, score
from rec.evidence.seen import seen_in_training
from rec.report.history import read_history


@dataclass(frozen=True)
class Findings:
    """Of one run.

    Attributes:
        history: lines of history.jsonl; none where there is none.
        recorded: metrics.json beside the checkpoint; empty where there is none.
        importance: of each field; None: it was not asked for.
        gates: of a network with experts.
        quadrants: of items; None: no field holds them, or they tell nothing.
        left_out: what leaving each task out changes; none where nobody asked.
    """

    opened: Opened
    scored: Scored
    history: Sequence[Mapping[str, Any]]
    recorded: Mapping[str, Any]
    importance: Importance | None
    gates: Sequence[Gates]
    quadrants: Quadrants | None
    left_out: Sequence[LeftOut] = ()

    @property
    def user(self) -> Column | None:
        """The column of users, where there is one."""
        name = self.opened.columns.user
        column = Column(name, "group") if name else None
        return column if column is not None and self.scored.has(column) else None


def gather(opened: Opened, options: Options) -> Findings:
    """Score the test rows, and whatever else takes a while."""
    scored, columns = score(opened), opened.columns
    left_out = leave_out(opened, scored, options) if options.leave_out else ()
    found = None
    if columns.item is not None:
        found = quadrants(scored, columns.item, columns.is_new, seen_in_training(opened))
    pool = pool_of(opened, options.rows)
    important = importance(opened, pool, scored.tasks, options) if options.permutations else None
    history, others = read_history(opened.checkpoint.parent), gates(opened, pool)
    return Findings(opened, scored, history, _recorded(opened), important, others, found, left_out)


def _recorded(opened: Opened) -> dict[str, Any]:
    """What tools/infer.py wrote beside the checkpoint."""
    path = opened.checkpoint / "metrics.json"
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        log.warning("%s: damaged: left out; tools/infer.py writes it anew", path)
        return {}
    return content if isinstance(content, dict) else {}
