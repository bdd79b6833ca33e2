"""The page of a run, and that of several against each other."""

from __future__ import annotations

from collections.abc import Sequence

from rec.evidence.findings import gather
from rec.evidence.opened import Opened
from rec.evidence.options import Options
from rec.evidence.pairs import check_same_rows
from rec.evidence.scored import score
from rec.evidence.sections import calibration, comparison, fields, groups, items, learning, made, metrics, summary
from rec.report.html.page import render
from rec.report.html.text import Text


def report(opened: Opened, options: Options) -> str:
    """The page of one run.

    Raises:
        UserError: unreadable data, or no row tells a label.
    """
    found = gather(opened, options)
    sections = [
        summary.summary(found), learning.learning(found), metrics.metrics(found), metrics.ranking(found),
        calibration.reliability(found), groups.segments(found), groups.users(found), fields.importance(found),
        fields.gates(found), items.items(found), learning.help_each_other(found),
        comparison.left_out(found), fields.truth(found),
        made.made([(opened, found.scored)]),
    ]  # fmt: skip
    title = Text(f"Report on {opened.name}", f"{opened.name} 的评估报告")
    return render(title, [section for section in sections if section is not None], options.language)


def compare(runs: Sequence[Opened], options: Options) -> str:
    """The page of several runs on the same rows, the first of which the others are held against.

    Raises:
        UserError: unreadable data, or the rows are not the same.
    """
    scored = [score(each) for each in runs]
    check_same_rows([each.name for each in runs], scored)
    pairs = list(zip(runs, scored, strict=True))
    sections = [comparison.overall(pairs), comparison.segments(pairs), made.made(pairs)]
    title = Text(f"{len(runs)} runs compared", f"{len(runs)} 次运行的比较")
    return render(title, [section for section in sections if section is not None], options.language)
