"""Values of fields: whether training and test data hold the same kind of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rec.data.unseen import MANY, Unseen, summary
from rec.doctor.finding import Finding
from rec.doctor.sample import Sample

CHECK = "test values"


def check_types(train: Mapping[str, tuple[str, ...]], test: Mapping[str, tuple[str, ...]]) -> list[Finding]:
    """Fields whose columns have other types in testing than in training, from the types of each field's column."""
    return [
        Finding(
            CHECK,
            "note",
            f"field {name} is {' and '.join(train[name])} in training, {' and '.join(found)} in testing; "
            "whole numbers are the same values in both",
        )
        for name, found in test.items()
        if found != train.get(name, found)
    ]


def check_unseen(train: Sample, test: Sample, known: Mapping[str, Unseen]) -> list[Finding]:
    """How many of each field's test values training has not seen.

    Args:
        known: by field what the training data's vocabulary does not know of the test data; where that is empty, as with
            lines of ids, samples that hold all of both are compared.
    """
    if not known and not (train.whole and test.whole):
        return []
    unseen = known or _by_ids(train, test)
    findings = [
        Finding(
            CHECK,
            "warn",
            f"{one.says(f'most values of field {name} in the test data')} ({one})",
            "are they spelled otherwise in training? If they are new, the field says nothing of these rows",
            {"field": name, "share": one.share},
        )
        for name, one in unseen.items()
        if one.share > MANY
    ]
    shares = {name: one.share for name, one in unseen.items()}
    if findings or not unseen:
        return findings
    says = next(iter(unseen.values())).says()
    return [Finding(CHECK, "ok", f"{says}: {summary(unseen)}", "", shares)]


def _by_ids(train: Sample, test: Sample) -> dict[str, Unseen]:
    """From the ids of whole samples."""
    new = ~np.isin(test.ids.ids, train.ids.ids)
    often = test.ids.impressions.max(axis=1, initial=0)
    found = {}
    for number, name in enumerate(test.names):
        own = test.ids.field == number
        examples = tuple(str(text) for text in test.ids.ids[own & new][:3])
        tokens, unseen_tokens = int(often[own].sum()), int(often[own & new].sum())
        found[name] = Unseen(int(own.sum()), int((own & new).sum()), tokens, unseen_tokens, examples)
    return found
