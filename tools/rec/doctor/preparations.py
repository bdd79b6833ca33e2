"""Prepared data against the checkpoint that training begins with and against each other: what their ids mean."""

from __future__ import annotations

from typing import Any

from rec.doctor.finding import Finding
from rec.doctor.subject import Subject
from rec.errors import UserError
from rec.run.reading import check_reading, check_same_ids
from rec.run.start import training_start


def check_start(subject: Subject, train: Any) -> list[Finding]:
    """Whether the checkpoint that training begins with was trained on the ids of these data, or ones they go on from.

    Args:
        subject: what is examined.
        train: the reader of the training data; None where it could not be opened.
    """
    runner = subject.config.runner
    if train is None or not (runner.warm_start or runner.model_init_path):
        return []
    try:
        check_reading(training_start(subject.config), train)
    except UserError as error:
        return [Finding("start", "wrong", str(error), "begin from another checkpoint, or from none")]
    return []


def check_ids(subject: Subject, train: Any, test: Any) -> list[Finding]:
    """What makes rows of test incomparable with those of training: a finding if their ids are different ones."""
    try:
        check_same_ids(test, train, subject.config, "test")
    except UserError as error:
        if test.grown_since(train.reading()) is None:
            return [Finding("test reader", "wrong", str(error), "name the part of the same preparation")]
        found = "test data go on from the ids of the training data (prepare.py --extend): not looked at"
        return [Finding("test reader", "note", found)]
    return []
