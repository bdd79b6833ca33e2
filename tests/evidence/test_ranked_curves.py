"""ROC and precision-recall curves against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_curve

from rec.evidence.ranking import curves
from rec.metrics.rows import Rows


def rows(scores: np.ndarray, labels: np.ndarray) -> Rows:
    return Rows(scores.astype(np.float32), labels, lambda key: scores, lambda key: scores)


@pytest.mark.parametrize("ties", [False, True])
def test_points_lie_on_the_curves(ties):
    random = np.random.default_rng(0)
    labels = random.random(3000) < 0.2
    scores = random.normal(labels, 1).astype(np.float32)
    scores = np.round(scores, 1) if ties else scores
    found = curves(rows(scores, labels))
    assert found is not None
    assert found.rate == labels.mean()
    assert found.average_precision == pytest.approx(average_precision_score(labels, scores))
    false_positive, recall, _ = roc_curve(labels, scores, drop_intermediate=False)
    on_curve = set(zip(false_positive.round(12), recall.round(12), strict=True))
    assert set(zip(found.false_positive.round(12), found.recall.round(12), strict=True)) <= on_curve
    precision, recall, _ = precision_recall_curve(labels, scores)
    on_curve = set(zip(recall.round(12), precision.round(12), strict=True))
    assert set(zip(found.recall[1:].round(12), found.precision[1:].round(12), strict=True)) <= on_curve
    assert (found.recall[0], found.recall[-1], found.false_positive[-1]) == (0, 1, 1)
    assert len(found.recall) < 350


def test_one_class_has_no_curve():
    assert curves(rows(np.arange(3.0), np.ones(3, bool))) is None
