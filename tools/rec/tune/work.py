"""A whole search: its folder, its trials, and what is written of them."""

from __future__ import annotations

from functools import partial

from rec.checkpoint.lock import only_writer
from rec.console import log
from rec.errors import UserError
from rec.output import whole_file
from rec.tune.figure import draw
from rec.tune.plan import Plan
from rec.tune.report import importances, print_importances, print_trials, rows, to_csv
from rec.tune.search import Search, clear
from rec.tune.space import drawn
from rec.tune.study import BEST, DATABASE, FIGURE, IMPORTANCE, TABLE, Study, forget
from rec.tune.training import make_folder


def search(plan: Plan, restart: bool) -> None:
    """Do what is left of a search, and print and write what it has found.

    Args:
        plan: what is searched.
        restart: delete a study that is there.

    Raises:
        UserError: another search's study is there, or its trials fail.
    """
    make_folder(plan.out)
    with only_writer(plan.out, "search", "tune.out"):
        if restart:
            forget(plan.out)
        study = Study(plan)
        note = partial(_note, study)
        note()  # it may have been killed before that
        Search(plan, study, note).work()
        _conclude(study)


def dry_run(plan: Plan) -> None:
    """Say how much is left to do."""
    there = (plan.out / DATABASE).is_file()
    done = len(Study(plan).trials()) if there else 0
    log.info("%d of %d trials are done or were begun", done, plan.tune.budget.trials)
    log.info("dry run: nothing was trained or written")


def _note(study: Study) -> None:
    """Write the table and the best config, and delete checkpoints that are not the best's: in this order, so that the
    best config never names some that are gone."""
    table, best, tune = rows(study), study.best(), study.plan.tune
    if table:
        whole_file(study.folder / TABLE, to_csv(table))
    if best is not None:
        title = f"The best of {len(table)} trials, {best.number}: {tune.objective} {best.value:.6f}"
        content = study.plan.best_yaml(drawn(best.params, tune.ranges), study.folder_of(best), title)
        whole_file(study.folder / BEST, content.encode())
    clear(study)


def _conclude(study: Study) -> None:
    best, trials, tune = study.best(), study.trials(), study.plan.tune
    if best is None:
        raise UserError(f"{study.folder}: no trial was trained to its end; {study.folder / TABLE} says why")
    found, table = importances(study), rows(study)
    print_trials(table, best.number)
    print_importances(found)
    if found is not None:
        lines = [{"setting": key, "importance": value} for key, value in found.items()]
        whole_file(study.folder / IMPORTANCE, to_csv(lines))
    whole_file(study.folder / FIGURE, draw(trials, tune.objective))
    log.info("the best is trial %d: %s %.4f", best.number, tune.objective, best.value)
    for name in (BEST, TABLE, FIGURE):
        log.info("written: %s", (study.folder / name).resolve())
