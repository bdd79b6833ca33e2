"""Results as a table on stdout."""

from collections.abc import Mapping
from typing import TypeVar

from rich.console import Console
from rich.table import Table

from rec.metrics.regression import RegressionResult
from rec.metrics.task import Result, TaskResult
from rec.metrics.truth import TruthResult

R = TypeVar("R", TaskResult, RegressionResult)


def print_results(results: Mapping[str, Mapping[str, Result]]) -> None:
    """One row per checkpoint and task; tasks that predict a number have a table of their own."""
    _print_binary(_of_kind(results, TaskResult))
    _print_numbers(_of_kind(results, RegressionResult))


def _of_kind(results: Mapping[str, Mapping[str, Result]], kind: type[R]) -> dict[str, dict[str, R]]:
    return {
        name: {task: result for task, result in tasks.items() if isinstance(result, kind)}
        for name, tasks in results.items()
    }


def _print_numbers(results: Mapping[str, Mapping[str, RegressionResult]]) -> None:
    """Errors, rank correlation, and means of prediction and label."""
    table = Table(title="Predicted numbers (errors in the label's units; Spearman's rank correlation)")
    table.add_column("checkpoint", overflow="fold")
    table.add_column("task")
    for name in ("MSE", "MAE", "rank correlation", "predicted", "observed", "impressions"):
        table.add_column(name, justify="right")
    rows = 0
    for checkpoint, tasks in results.items():
        for name, r in tasks.items():
            numbers = (r.mse, r.mae, r.rank_correlation, r.predicted, r.observed)
            table.add_row(checkpoint, name, *map(_number, numbers), f"{r.n:,}")
            rows += 1
        table.add_section()
    print_table(table, rows)


def _print_binary(results: Mapping[str, Mapping[str, TaskResult]]) -> None:
    """AUC with its 95 % interval, logloss, calibration, and what they rest on."""
    table = Table(title="Evaluation (AUC exact, 95 % confidence interval by DeLong)")
    table.add_column("checkpoint", overflow="fold")
    table.add_column("task")
    for name in ("AUC", "95 % interval", "logloss", "calibration", "impressions", "positives"):
        table.add_column(name, justify="right")
    rows = 0
    for checkpoint, tasks in results.items():
        for name, result in tasks.items():
            table.add_row(checkpoint, name.upper(), *_cells(result))
            rows += 1
        table.add_section()
    print_table(table, rows)


def print_truth(results: Mapping[str, Mapping[str, TruthResult]]) -> None:
    """One row per checkpoint and task of data whose true probabilities are known; nothing for other data.

    Below stands which columns of the data are a task's truth.
    """
    table = Table(title="Against the known truth, over all impressions, clicked or not")
    for name in ("checkpoint", "task"):
        table.add_column(name)
    for name in ("AUC", "ceiling", "share of ceiling", "RMSE", "calibration", "impressions"):
        table.add_column(name, justify="right")
    rows = 0
    for checkpoint, tasks in results.items():
        for name, r in tasks.items():
            task = "CVR, entire space" if name == "cvr" else name.upper()
            numbers = (r.auc, r.ceiling, r.share_of_ceiling, r.rmse, r.calibration)
            table.add_row(checkpoint, task, *map(_number, numbers), f"{r.n:,}")
            rows += 1
        table.add_section()
    truths = {name: " * ".join(r.truth) for tasks in results.values() for name, r in tasks.items()}
    table.caption = "truth: " + "; ".join(f"{name.upper()} {columns}" for name, columns in truths.items())
    print_table(table, rows)


def print_table(table: Table, rows: int) -> None:
    """Print it where it has rows."""
    if rows:
        console = Console()
        if not console.is_terminal:
            console = Console(width=110)  # rather than the 80 columns of nobody's screen
        console.print(table)


def _cells(result: TaskResult) -> tuple[str, ...]:
    auc = result.auc
    interval = f"{auc.low:.4f} - {auc.high:.4f}" if auc.low is not None and auc.high is not None else "undefined"
    return (
        str(auc),
        interval,
        _number(result.logloss),
        _number(result.calibration),
        f"{result.n:,}",
        f"{auc.positives:,}",
    )


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"
