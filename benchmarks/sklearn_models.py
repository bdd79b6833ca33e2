"""scikit-learn's models on the very rows, fields and ids that the project's table reader gives a network.

A fit yields predictions for validation and test rows under several settings; who calls it chooses the one that counts.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import TargetEncoder

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

from rec.config.config import load
from rec.data.plan import ReadPlan
from rec.data.reader import Part as PartName
from rec.run.assembly import open_directory

PENALTIES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""C of logistic regression, the inverse of its L2 penalty."""

LEAVES, TREES, EVERY = (4, 12), 300, 10
"""Of gradient boosting: leaves of a tree, trees at most, and how many trees lie between two settings."""

MANY = 100
"""A field of more values than this is target-encoded for gradient boosting; others are categories."""

Array = NDArray[np.float64]
Scores = tuple[str, Array, Array]
"""A setting, and the probabilities under it: of validation rows, of test rows."""


@dataclass(frozen=True)
class Part:
    """Rows for one purpose: ids int32 [N, F], each field's from 0, and labels [N] of 0 and 1 by name."""

    ids: NDArray[np.int32]
    labels: dict[str, NDArray[np.float32]]


def read(config_file: Path, data: Path, names: Sequence[PartName] = ("train", "valid", "test")) -> dict[str, Part]:
    """The named parts of a table with one value per field, as a network's config splits and numbers it; train is first.

    Raises:
        UserError: the config or the table is wrong.
        ValueError: a row has no value, or several, in some field.
    """
    runner = {f"{part}_data_dir": str(data) for part in ("train", "valid", "test")}
    directory = open_directory(load(config_file).merged({"runner": runner}), "dygraph")
    vocabulary, parts = None, {}
    for name in names:
        reader = directory.open_reader(name, vocabulary)
        vocabulary = reader.vocabulary
        (batch,) = reader.batches(ReadPlan(batch_size=len(reader), training=False))
        (bags,) = batch.bags
        if (np.diff(bags.offsets) != 1).any():
            raise ValueError(f"{data}: a row has no value, or several, in some field")
        ids = batch.rows[bags.positions].reshape(len(batch), bags.num_field)
        parts[name] = Part(ids.astype(np.int32), dict(batch.labels))
    lowest = np.min([part.ids.min(0) for part in parts.values()], axis=0)
    return {name: Part(part.ids - lowest, part.labels) for name, part in parts.items()}


def one_hot(parts: dict[str, Part]) -> dict[str, csr_matrix]:
    """Each part's ids as a sparse matrix of ones, [N, ids of all fields]."""
    width = 1 + np.max([part.ids.max(0) for part in parts.values()], axis=0)
    first = np.concatenate([[0], np.cumsum(width)[:-1]])
    return {
        name: csr_matrix(
            (np.ones(part.ids.size), (part.ids + first).ravel(), np.arange(len(part.ids) + 1) * part.ids.shape[1]),
            shape=(len(part.ids), int(width.sum())),
        )
        for name, part in parts.items()
    }


def logistic_regression(parts: dict[str, Part], label: str) -> Iterator[Scores]:
    """One-hot ids with an L2 penalty; nothing in it is random."""
    yield from linear(one_hot(parts), parts["train"].labels[label])


def linear(x: Mapping[str, Any], truth: NDArray[np.float32]) -> Iterator[Scores]:
    """Logistic regression on each part's columns, [N, W]."""
    for penalty in PENALTIES:
        model = LogisticRegression(C=penalty, max_iter=5000, tol=1e-6).fit(x["train"], truth)
        yield f"C {penalty:g}", model.predict_proba(x["valid"])[:, 1], model.predict_proba(x["test"])[:, 1]


def gradient_boosting(parts: dict[str, Part], label: str, seed: int) -> Iterator[Scores]:
    """Histogram gradient boosting; fields of many values target-encoded (cross-fitted in training), others categories.

    The seed divides the training rows for the encoder's cross-fitting; the trees themselves draw nothing.
    """
    truth = parts["train"].labels[label]
    many = np.max([part.ids.max(0) for part in parts.values()], axis=0) > MANY
    encoded = target_encoded({name: part.ids[:, many] for name, part in parts.items()}, truth, seed)
    x = {name: np.hstack([values, parts[name].ids[:, ~many]]) for name, values in encoded.items()}
    yield from boosted(x, truth, np.arange(x["train"].shape[1]) >= many.sum(), seed)


def target_encoded(ids: Mapping[str, Any], truth: NDArray[np.float32], seed: int) -> dict[str, Array]:
    """By part what stands for ids, [N, F]: the rate of each among the other training rows."""
    encoder = TargetEncoder(target_type="binary", random_state=seed)
    encoded = {"train": encoder.fit_transform(ids["train"], truth)}
    return encoded | {name: encoder.transform(ids[name]) for name in ("valid", "test")}


def boosted(x: Mapping[str, Array], truth: NDArray[np.float32], categories: Any, seed: int) -> Iterator[Scores]:
    """Histogram gradient boosting on each part's columns; `categories`: which of them are none but names."""
    for leaves in LEAVES:
        model = HistGradientBoostingClassifier(
            learning_rate=0.05, max_iter=TREES, max_leaf_nodes=leaves, categorical_features=categories,
            early_stopping=False, random_state=seed,
        ).fit(x["train"], truth)  # fmt: skip
        stages = zip(count(1), model.staged_predict_proba(x["valid"]), model.staged_predict_proba(x["test"]))
        for trees, valid, test in stages:
            if trees % EVERY == 0:
                yield f"{trees} trees of {leaves} leaves", valid[:, 1], test[:, 1]
