"""tools/compare.py: do what is left of a comparison, and write its report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markdown import Markdown
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from rec.compare.figure import draw
from rec.compare.intervals import Difference, difference
from rec.compare.outcome import Outcome, best_rate
from rec.compare.plan import RANDOM, Plan
from rec.compare.report import FIGURE, markdown, page
from rec.compare.runner import Runner
from rec.compare.runs import Run, plan_runs, searches
from rec.compare.store import RunStore
from rec.compare.systems import Built, opened
from rec.console import log
from rec.errors import UserError
from rec.numeric import Array


class Show:
    """A bar of runs on a terminal, and a line per run anywhere."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[what]}"), TimeRemainingColumn())
        self.progress = Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
        self._task = self.progress.add_task("runs", total=None, what="")
        self._title, self._impressions = "", 0

    def begin(self, title: str, number: int, total: int) -> None:
        """A run begins."""
        self._title, self._impressions = title, 0
        self.progress.update(self._task, completed=number, total=total, what=title)

    def advance(self, impressions: int) -> None:
        """Some impressions of it are trained on or scored."""
        self._impressions += impressions
        self.progress.update(self._task, what=f"{self._title}: {self._impressions:,} impressions")

    def done(self, content: dict[str, Any], was_done: bool) -> None:
        """It is over."""
        figures = content["figures"]
        text = ", ".join(f"{name} {figures[name]:.4f}" for name in ("ctr", "cvr", "ctcvr") if figures.get(name))
        log.info("%s: AUC %s%s", self._title, text or "undefined", " (done before)" if was_done else "")


def compare(plan: Plan, dry_run: bool) -> None:
    """Do all runs of a plan that are not done, and write report.md, report.html and figure3.png.

    Raises:
        UserError: anything wrong with config, model directories or data.
    """
    out = Path(plan.compare.out)
    show = Show()
    runner = Runner(plan, RunStore(out / "runs"), show.advance)
    if dry_run:
        _check(plan, runner)
        return
    for system in plan.compare.systems.values():  # before the first run, which may take hours, and not before its own
        opened(plan, system, None if system.model is not None else "cvr", plan.compare.seeds[0])
    runner.store.make()
    with show.progress:
        outcome = _do_all(plan, runner, show)
    _write(outcome, out, f"Comparison of {', '.join(plan.compare.systems)}")


def _check(plan: Plan, runner: Runner) -> None:
    """Build every network once, and say how much is left to do."""
    for system in plan.compare.systems.values():
        Built(plan, system, None if system.model is not None else "cvr", plan.compare.seeds[0])
    tried = [run for tries in searches(plan).values() for run in tries]
    runs = [run for run in plan_runs(plan, {}) if not run.system.rates]
    done = sum(runner.result(run) is not None for run in [*tried, *runs])
    after = len(list(plan_runs(plan, {}))) - len(runs)
    log.info("%d of %d runs are done; %d more follow the search for rates", done, len(tried) + len(runs), after)
    log.info("dry run: nothing was trained or written")


def _do_all(plan: Plan, runner: Runner, show: Show) -> Outcome:
    tries = searches(plan)
    total = sum(map(len, tries.values())) + len(list(plan_runs(plan, {})))
    number = 0

    def do(run: Run) -> dict[str, Any]:
        nonlocal number
        show.begin(run.title, number, total)
        before = runner.result(run)
        content = before or runner.do(run)
        show.done(content, before is not None)
        number += 1
        return content

    searched = {name: [do(run) for run in runs] for name, runs in tries.items()}
    chosen: dict[str, float | None] = {name: best_rate(contents) for name, contents in searched.items()}
    runs = list(plan_runs(plan, chosen))
    done = {(run.name, run.share, run.seed): do(run) for run in runs}
    return Outcome(plan.compare, done, searched, _differences(plan, runner, runs))


def _differences(plan: Plan, runner: Runner, runs: list[Run]) -> dict[tuple[str, str], Difference]:
    """Of each system's AUCs on the largest share from the first system's."""
    found = {}
    for part, prefix in (("test", ""), (RANDOM, f"{RANDOM}_"))[: 2 if plan.random else 1]:
        for (name, figure), apart in _differences_of(plan, runner, runs, part).items():
            found[name, prefix + figure] = apart
    return found


def _differences_of(plan: Plan, runner: Runner, runs: list[Run], part: str) -> dict[tuple[str, str], Difference]:
    full, (reference, *others) = max(plan.compare.shares), plan.compare.systems
    facts = runner.facts(part)
    clicked = facts.click == 1

    def scores(system: str) -> dict[str, list[Array]]:
        of_seeds = [runner.scores(run, part) for run in runs if (run.name, run.share) == (system, full)]
        return {"cvr": [each["cvr"][clicked] for each in of_seeds], "ctcvr": [each["ctcvr"] for each in of_seeds]}

    found, first = {}, scores(reference)
    for name in others:
        own = scores(name)
        for figure, labels in (("cvr", facts.conversion[clicked]), ("ctcvr", facts.conversion)):
            apart = difference(own[figure], first[figure], labels)
            if apart is not None:
                found[name, figure] = apart
    return found


def _write(outcome: Outcome, out: Path, title: str) -> None:
    figure = draw(outcome) if len(outcome.compare.shares) > 1 else None
    text = markdown(outcome, title)
    files = {"report.md": text.encode(), "report.html": page(outcome, title, figure).encode()}
    if figure:
        files["figure3.png"] = figure
    try:
        for name, content in files.items():
            temporary = out / f".{name}"
            temporary.write_bytes(content)
            temporary.replace(out / name)
    except OSError as error:
        raise UserError(f"{out}: cannot be written: {error.strerror}") from None
    console = Console()
    (console if console.is_terminal else Console(width=180)).print(Markdown(text.replace(FIGURE, "")))
    log.info("written: %s", ", ".join(str((out / name).resolve()) for name in files))
