"""Hillstrom: what one-hot logistic regression reaches on the split of esmm/hillstrom.yaml, with DeLong's intervals.

    python benchmarks/hillstrom.py DATA

DATA holds hillstrom.csv. Prints a line of Markdown for each way to rank visits and customers.
"""

from __future__ import annotations

import sys
from pathlib import Path

from sklearn.linear_model import LogisticRegression
from sklearn_models import one_hot, read

from rec.metrics.auc import auc

CONFIG = Path(__file__).resolve().parents[1] / "models" / "multitask" / "esmm" / "hillstrom.yaml"


def main() -> None:
    """Fit three models, and judge what they come to."""
    parts = read(CONFIG, Path(sys.argv[1]), ("train", "test"))
    x, labels = one_hot(parts), parts["train"].labels
    clicked = labels["click"] == 1
    model = LogisticRegression(max_iter=5000, tol=1e-6)
    ctr = model.fit(x["train"], labels["click"]).predict_proba(x["test"])[:, 1]
    cvr = model.fit(x["train"][clicked], labels["conversion"][clicked]).predict_proba(x["test"])[:, 1]
    ctcvr = model.fit(x["train"], labels["conversion"]).predict_proba(x["test"])[:, 1]
    ways = {
        "p(click) p(conversion given click)": (cvr, ctr * cvr),
        "p(conversion)": (ctcvr / ctr, ctcvr),
        "p(click) alone": (ctr, ctr),
    }
    conversion, clicked = parts["test"].labels["conversion"], parts["test"].labels["click"] == 1
    for way, (given_click, of_all) in ways.items():
        areas = auc(given_click[clicked], conversion[clicked]), auc(of_all, conversion)
        shown = " | ".join(f"{area.value:.4f}, {area.low:.4f} - {area.high:.4f}" for area in areas)
        print(f"| {way} | {shown} |")


if __name__ == "__main__":
    main()
