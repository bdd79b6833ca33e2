"""A log whose conversions come late, and a config for it."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from support import ROOT

START = datetime(2026, 5, 1)
DAYS, WINDOW = 5, 1


def write_log(folder: Path, rows: int = 3000) -> Path:
    """A shop's log: items sell as they are, and one item in two sells late."""
    random = np.random.default_rng(0)
    item, user = random.integers(0, 20, rows), random.integers(0, 30, rows)
    hours = np.sort(random.uniform(0, 24 * DAYS, rows))
    bought = random.random(rows) < np.where(item % 4 < 2, 0.5, 0.1)
    late = random.exponential(np.where(item % 2, 12.0, 0.2))
    times = [START + timedelta(hours=h) for h in hours]
    sold = [t + timedelta(hours=d) if b else None for t, d, b in zip(times, late, bought, strict=True)]
    sold = [t if t is not None and t < START + timedelta(days=DAYS) else None for t in sold]
    folder.mkdir(parents=True)
    columns = {"item": item, "user": user, "clicked_at": times, "bought_at": pa.array(sold, pa.timestamp("us"))}
    order = random.permutation(rows)  # a table need not be in the order of time
    pq.write_table(pa.table(columns).take(pa.array(order)), folder / "log.parquet")
    return folder


TREE = {
    "model": str(ROOT / "models" / "multitask" / "delayed"),
    "runner": {
        "train_data_dir": "log", "train_reader_path": "table_reader", "train_batch_size": 64, "epochs": 2,
        "model_save_path": "out",
    },
    "data": {"labels": {}, "fields": {"item": None, "user": None}},
    "hyper_parameters": {
        "optimizer": {"class": "Adam", "learning_rate": 0.01}, "sparse_feature_dim": 4, "tower_fc_sizes": [8],
        "dropout": 0.1,
    },
    "stream": {
        "click_time": "clicked_at", "conversion_time": "bought_at", "attribution_days": WINDOW, "start": "2026-05-04",
        "wait_hours": 1, "retrain_hours": 12,
    },
}  # fmt: skip
