"""A table's rows, read as training reads them and kept as ids."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from rec.config.config import Config
from rec.console import Bar, log
from rec.data.fingerprint import fingerprint
from rec.data.labels import LabelRules
from rec.data.prepared_reader import settings_of
from rec.data.prepared_table import MANIFEST, PartFacts, PreparedTable, is_prepared
from rec.data.reader import Part
from rec.data.table_settings import read_settings
from rec.data.tabular import TabularReader
from rec.data.vocabulary import VOCABULARY
from rec.errors import UserError
from rec.output import all_or_nothing
from rec.prepare.hands import Hands, Own
from rec.report.reading import log_reading
from rec.run.assembly import open_directory
from rec.run.native import NativeDirectory
from rec.run.start import training_start

_FOLDERS: dict[Part, str] = {"train": "train_data_dir", "valid": "valid_data_dir", "test": "test_data_dir"}


def prepare(config: Config, out: Path, force: bool, hands: Hands | None = None) -> None:
    """Write the rows of all parts that a config names to a folder, with all labels, whatever network is to see them.

    Ids are those of the checkpoint that training would begin with; where there is none, of a vocabulary that the
    training rows make. `hands`: who reads the rows; None: this process.

    Raises:
        UserError: the config describes no table, or one that is prepared already; or as training says it.
    """
    if not config.describes_table:
        raise UserError(
            f"{config.path}: has no data section, which describes a table; datasets/ali-ccp/prepare.py prepares Ali-CCP"
        )
    settings = read_settings(config.data)
    if settings.grow_vocabulary:
        raise UserError(f"{config.path}: data.grow_vocabulary: a prepared table's ids do not grow: train on the table")
    names = tuple(dict.fromkeys([*settings.labels, *settings.numbers]))
    rules = LabelRules(columns=names, kinds={}, targets=(), implies=(), first=None)
    directory = open_directory(config, "dygraph", rules=rules)
    if not isinstance(directory, NativeDirectory):
        raise UserError(f"{config.model_dir}: is PaddleRec's, whose readers read tables themselves")
    directory.config.check([*directory.problems, *directory.missing(training=True)])
    vocabulary = training_start(directory.config).vocabulary
    hands = hands or Own()
    with all_or_nothing(out, force) as folder:
        facts: dict[Any, PartFacts] = {}
        for part, name in _FOLDERS.items():
            given = directory.config.runner.model_dump()[name]
            if not given:
                continue
            places = directory.config.places(given)
            if any(is_prepared(place) for place in places):
                raise UserError(f"runner.{name}: {places[0]} is prepared already: name the table")
            reader = hands.open(directory, part, vocabulary)
            log_reading(reader, part)
            vocabulary = reader.vocabulary
            facts[part] = _write(reader, hands.batches(reader, folder), folder / f"{part}.arrow", fingerprint(places))
            if part == "train":
                first = reader
        text = first.vocabulary.to_json() if first.vocabulary else ""
        (folder / VOCABULARY).write_text(text, encoding="utf-8")
        table = PreparedTable(
            settings=settings_of(first),
            vocabulary_sha256=hashlib.sha256(text.encode()).hexdigest(),
            column_types={name: list(types) for name, types in first.column_types.items()},
            parts=facts,
        )
        (folder / MANIFEST).write_text(table.model_dump_json(indent=1), encoding="utf-8")
    _say(out, directory.config, facts)


def _write(reader: TabularReader, batches: Iterable[pa.RecordBatch], path: Path, source: str) -> PartFacts:
    rows: list[int] = []
    writer: pa.ipc.RecordBatchFileWriter | None = None
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with Bar(f"preparing {reader.part}", len(reader)) as bar, pa.OSFile(str(path), "wb") as file:
        for batch in batches:
            writer = writer or pa.ipc.new_file(file, batch.schema, options=options)
            writer.write_batch(batch)
            rows.append(batch.num_rows)
            bar.advance(batch.num_rows)
        assert writer is not None
        writer.close()
    return PartFacts(source=source, file_rows=dict(reader.file_rows), rows=rows, unseen=dict(reader.unseen))


def _say(out: Path, config: Config, facts: dict[Any, PartFacts]) -> None:
    parts: Sequence[str] = [f"{part} {sum(one.rows):,}" for part, one in facts.items()]
    size = sum(path.stat().st_size for path in out.iterdir())
    log.info("%s: %s rows, %.1f MB", out, ", ".join(parts), size / 1e6)
    given = config.runner.model_dump()
    names = [f"runner.{name}={out.resolve()}" for part, name in _FOLDERS.items() if part in facts and given[name]]
    log.info("train on it: -o %s", " ".join(names))
