"""The whole preparation: split by split read, link, number the ids (of train), write; then say what was done."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from behaviours import BEHAVIOURS, COLUMNS, LABELS
from fields import FIELDS
from preparation.badrows import BadRows
from preparation.columnar import write_part
from preparation.counted import placed, with_positions
from preparation.earlier import Earlier
from preparation.linking import link
from preparation.parts import Part, cut
from preparation.reading import read_split
from preparation.release import compare
from preparation.rows import fields_of
from preparation.side import SideColumns, side_columns
from preparation.sources import Source, find
from preparation.spool import Spool
from preparation.stages import Stages
from preparation.summary import part_report, part_schema
from preparation.tables import Positions, Tables
from preparation.vocabulary import Vocabulary, build
from preparation.workspace import workspace
from rec.errors import UserError


@dataclass(frozen=True)
class Settings:
    """What the prepared data depend on, besides the raw files."""

    min_count: int = 1
    """Ids that occur less often in the stored training tokens are out of vocabulary."""
    valid: float = 0.05
    """Share of the training users who are held out for validation."""
    on_error: str = "fail"
    """What a bad row does: "fail" ends the run, "skip" leaves the row out and counts it."""


def prepare(
    raw: Path, out: Path, settings: Settings, workers: int, force: bool = False, earlier: Earlier | None = None
) -> dict[str, Any]:
    """Prepare the raw files in ``raw`` into ``out`` by ``workers`` threads; returns what report.json holds.

    Ids go on from ``earlier`` data, whose min_count is that of the settings.

    Raises UserError for what is wrong with the raw files or with ``out``, which then holds nothing new.
    """
    sources = find(raw)
    with (
        workspace(out, force) as work,
        ThreadPoolExecutor(workers) as pool,
        ThreadPoolExecutor(1) as reader,
        Stages() as stages,
    ):
        run = _Run(work, settings, pool, reader, stages, earlier)
        for source in sources:
            run.split(source, raw, in_flight=workers + 1)
        return run.finish()


class _Run:
    """What the splits share."""

    def __init__(
        self,
        work: Path,
        settings: Settings,
        pool: ThreadPoolExecutor,
        reader: ThreadPoolExecutor,
        stages: Stages,
        earlier: Earlier | None,
    ) -> None:
        self._work, self._settings, self._earlier = work, settings, earlier
        self._pool, self._reader, self._stages = pool, reader, stages
        self._bad = BadRows(settings.on_error)
        self._vocabulary: Vocabulary
        self._weighted = frozenset(field.name for field in FIELDS if field.weighted)
        self._weighted |= earlier.weighted if earlier else frozenset()
        self._values_not_kept = 0
        self._positions: Positions | None = None
        self._beside: dict[str, tuple[str, ...]] = {}
        self._schemas: dict[str, Any] = {}
        self._reports: dict[str, Any] = {}
        self._release: list[dict[str, Any]] = []

    def split(self, source: Source, raw: Path, in_flight: int) -> None:
        """Prepare train (first) or test."""
        split, folder, bad_before = source.split, self._work / "spool", self._bad.count
        with self._stages.stage(f"{split}: read", source.size, "bytes") as advance:
            own, common = read_split(source, folder, self._pool, in_flight, self._reader, self._bad, advance)
        links = link(own, common, self._settings.valid if split == "train" else 0.0, self._bad)
        parts = [cut(split, own, common, links, 0)]
        if split == "train":
            if self._settings.valid:
                parts.append(cut("valid", own, common, links, 1))
            self._learn(parts[0])
        else:
            self._values_not_kept = sum(count for name, count in _odd_values(own, common) if name not in self._weighted)
        sides = side_columns(raw, split, folder)
        self._look_beside(split, sides)
        for part in parts:
            self._write(part, sides, self._bad.count - bad_before if part.name == split else 0)
        reports = [self._reports[part.name] for part in parts]
        self._release += compare(split, (own.lines, common.lines), reports, self._all_ids())
        shutil.rmtree(folder)

    def _learn(self, train: Part) -> None:
        """Number the training part's ids, and keep the values of every field that has others than 1."""
        if not train.counts.exposures:
            raise UserError(f"{train.own.file}: no exposure is left for training")
        self._weighted |= {name for name, count in _odd_values(train.own, train.common) if count}
        with self._stages.stage("train: count ids", train.tokens, "tokens") as advance:
            self._vocabulary = build(train, self._settings.min_count, self._work, self._pool, advance, self._earlier)

    def _look_beside(self, split: str, sides: list[SideColumns]) -> None:
        """Note which behaviours there are, the same for every split, and number the training data's positions."""
        names = tuple(name for side in sides for name in side.names)
        self._beside[split] = names
        first, *others = ([name for name in beside if name in BEHAVIOURS] for beside in self._beside.values())
        if any(other != first for other in others):
            raise UserError(
                f"behaviours_{split}.parquet: its columns differ from train's, {', '.join(first) or 'none'}"
            )
        if split == "train" and self._earlier and ("position" in names) != (self._earlier.highest is not None):
            has, had = ("a", "none") if "position" in names else ("no", "one")
            raise UserError(
                f"behaviours_train.parquet: has {has} column position, and what --extend names had {had}: prepare both "
                "with it or without"
            )
        if split == "train" and "position" in names:
            highest = max(side.highest.get("position", 0) for side in sides)
            highest = max(highest, (self._earlier.highest or 0) if self._earlier else 0)
            self._positions = Positions(self._vocabulary.total, int(highest))

    def _write(self, part: Part, sides: list[SideColumns], skipped: int) -> None:
        tables = Tables(part, self._vocabulary, self._weighted, sides, self._positions)
        with self._stages.stage(f"{part.name}: write", part.counts.exposures, "exposures") as advance:
            files = write_part(tables, self._work, self._pool, advance)
        self._schemas[part.name] = part_schema(part, files, skipped)
        self._reports[part.name] = self._schemas[part.name] | part_report(part, files)
        del self._reports[part.name]["files"]

    def _all_ids(self) -> dict[str, int]:
        """Distinct ids by field, if all that stand in the training files were numbered."""
        everything = not self._settings.valid and self._settings.min_count == 1 and not self._earlier
        return {name: size - 1 for name, size in self._vocabulary.sizes.items()} if everything else {}

    def finish(self) -> dict[str, Any]:
        """Write report.json and schema.json; the report's content."""
        vocabulary = self._vocabulary
        highest = self._positions.highest if self._positions else None
        is_common = {field.name: field.common for field in FIELDS}
        fields = [
            {"name": one["name"], "common": is_common.get(one["name"], False)}
            | one
            | {"weighted": one["name"] in self._weighted}
            for one in placed(vocabulary.sizes, highest)
        ]
        beside = list(dict.fromkeys(name for names in self._beside.values() for name in names))
        schema = {
            "format": "ali-ccp-columnar",
            "version": 1,
            "fields": fields,
            "id_space": sum(one["size"] for one in fields),
            "vocabulary_sha256": with_positions(vocabulary.checksum, highest),
            "waiting_sha256": vocabulary.waiting_checksum,
            "labels": ["click", "conversion", *(name for name in beside if name in LABELS)],
            "columns": [name for name in beside if name in COLUMNS],
            "truth": [name for name in beside if name not in (*LABELS, *COLUMNS)],
            "splits": self._schemas,
            "min_count": self._settings.min_count,
            "extends": self._earlier.extends if self._earlier else [],
            "created_by": {"program": "prepare.py"} | asdict(self._settings),
        }
        report = {
            "splits": self._reports,
            "vocabulary": {name: size - 1 for name, size in vocabulary.sizes.items()},
            "bad_rows": {"count": self._bad.count, "first": self._bad.first},
            "values_not_kept": self._values_not_kept,
            "release": self._release,
        }
        for name, content in (("schema", schema), ("report", report)):
            (self._work / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")
        return report


def _odd_values(own: Spool, common: Spool) -> list[tuple[str, int]]:
    """By field name: tokens whose value is not 1."""
    return [
        (field.name, int(count))
        for spool in (own, common)
        for field, count in zip(fields_of(spool.common), spool.seen[:, 1], strict=True)
    ]
