"""Write the bundled sample: impressions of a feed and eight things that a reader may do with them.

    python models/multitask/share_bottom/simulate.py

Readers and answers have tastes in two dimensions; what somebody does after a click depends on how well they match, on
the answer's quality and length, each behaviour in its own way. Same seed, same files.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

FOLDER = Path(__file__).parent / "data"
USERS, ITEMS, AUTHORS, TOPICS = 400, 300, 60, 12
BEHAVIOURS = {  # base rate's logit, effects of match, quality and length
    "like": (-1.6, 1.0, 1.2, 0.0),
    "collect": (-2.2, 0.6, 0.8, 1.0),
    "comment": (-2.6, 0.8, 0.0, -0.4),
    "share": (-2.8, 0.5, 1.2, 0.0),
    "follow": (-2.9, 1.2, 0.6, 0.2),
    "thank": (-2.4, 0.4, 1.4, 0.4),
    "long_read": (-0.6, 1.0, 0.8, 0.8),
}


def table(rows: int, random: np.random.Generator, taste: np.ndarray, item: dict[str, np.ndarray]) -> pa.Table:
    """`rows` impressions with their labels; `taste` [USERS, 2], `item` by name [ITEMS, ...]."""
    user, answer = random.integers(0, USERS, rows), random.integers(0, ITEMS, rows)
    match = (taste[user] * item["taste"][answer]).sum(axis=1)
    quality, length = item["quality"][answer], item["length"][answer]
    click = random.random(rows) < _sigmoid(-0.4 + 0.9 * match + 0.5 * quality)
    columns = {
        "user": user,
        "answer": answer,
        "author": item["author"][answer],
        "topic": item["topic"][answer],
        "words": np.round(300 * np.exp(length)).astype(int),
        "click": click.astype(int),
    }
    for name, (base, of_match, of_quality, of_length) in BEHAVIOURS.items():
        chance = _sigmoid(base + of_match * match + of_quality * quality + of_length * length)
        columns[name] = (click & (random.random(rows) < chance)).astype(int)
    return pa.table(columns)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-x))


def main() -> None:
    """Write data/train and data/test."""
    random = np.random.default_rng(20180)
    taste = random.normal(size=(USERS, 2))
    topic = random.integers(0, TOPICS, ITEMS)
    item = {
        "topic": topic,
        "taste": random.normal(size=(TOPICS, 2))[topic] * 0.8 + random.normal(size=(ITEMS, 2)) * 0.4,
        "author": random.integers(0, AUTHORS, ITEMS),
        "length": random.normal(size=ITEMS) * 0.7,
    }
    item["quality"] = (random.normal(size=AUTHORS) * 0.8)[item["author"]] + random.normal(size=ITEMS) * 0.4
    for part, rows in (("train", 6000), ("test", 2000)):
        (FOLDER / part).mkdir(parents=True, exist_ok=True)
        pa.csv.write_csv(table(rows, random, taste, item), FOLDER / part / "feed.csv")


if __name__ == "__main__":
    main()
