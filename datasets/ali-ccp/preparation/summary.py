"""What a part holds, in numbers: the entries of ``schema.json`` and ``report.json``."""

from typing import Any

import numpy as np

from preparation.columnar import Written
from preparation.parts import Part
from preparation.rows import fields_of


def part_schema(part: Part, files: list[tuple[Written, Written]], skipped: int) -> dict[str, Any]:
    """What a reader needs to know; ``skipped``: bad rows of the part's raw files."""
    return {
        "exposures": part.counts.exposures,
        "clicks": part.counts.clicks,
        "conversions": part.counts.conversions,
        "common_rows": sum(common.rows for _, common in files),
        "tokens_own": sum(int(own.stored.sum()) for own, _ in files),
        "tokens_common": sum(int(common.stored.sum()) for _, common in files),
        "dropped_conversion_without_click": part.counts.dropped,
        "skipped": skipped,
        "files": [
            {
                "exposures": own.path,
                "common": common.path,
                "rows": own.rows,
                "sha256": {"exposures": own.sha256, "common": common.sha256},
            }
            for own, common in files
        ],
    }


def part_report(part: Part, files: list[tuple[Written, Written]]) -> dict[str, Any]:
    """What a person wants to know beyond the schema: rates, fields, duplicates, common rows stored again."""
    counts, used = part.counts, int((part.uses > 0).sum())
    return {
        "click_rate": _share(counts.clicks, counts.exposures),
        "conversion_rate_of_clicks": _share(counts.conversions, counts.clicks),
        "exposures_per_common_row": _share(counts.exposures, used),
        "common_rows_stored_again": sum(common.rows for _, common in files) - used,
        "duplicate_exposures": _duplicates(part),
        "fields": _fields(part, files),
    }


def _share(some: float, of_all: float) -> float:
    return float(some) / float(of_all) if of_all else 0.0


def _fields(part: Part, files: list[tuple[Written, Written]]) -> dict[str, dict[str, float]]:
    """By field: tokens per exposure, share of exposures without the field, share of stored tokens out of vocabulary."""
    lengths, uses = part.common.column("lengths"), part.uses
    tokens = {False: part.counts.own_tokens, True: uses @ lengths}
    missing = {False: part.counts.own_missing, True: uses @ (lengths == 0)}
    return {
        field.name: {
            "tokens_per_exposure": _share(tokens[common][number], part.counts.exposures),
            "missing": _share(missing[common][number], part.counts.exposures),
            "out_of_vocabulary": _share(
                sum(pair[common].unknown[number] for pair in files), sum(pair[common].stored[number] for pair in files)
            ),
        }
        for common in (True, False)
        for number, field in enumerate(fields_of(common))
    }


def _duplicates(part: Part) -> int:
    """Exposures that repeat an earlier one's common row, labels and tokens, by a 64-bit hash (8 bytes each)."""
    digests = np.empty(part.counts.exposures, np.uint64)
    filled = 0
    for group in range(len(part.groups)):
        rows = part.exposures(group)
        digests[filled : filled + len(rows)] = part.own.take("digest", rows)
        filled += len(rows)
    digests.sort()
    return int((digests[1:] == digests[:-1]).sum())
