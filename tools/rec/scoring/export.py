"""tools/export.py: a trained model as one folder that needs neither its model directory nor its data."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paddle

from rec.checkpoint.manifest import read_manifest
from rec.config import yaml_io
from rec.config.config import Config
from rec.console import Bar, log
from rec.contract.native import predict, probabilities
from rec.data.arrays import inputs
from rec.data.batch import Batch
from rec.data.prepared_schema import PreparedField, read_schema
from rec.data.vocabulary import VOCABULARY
from rec.errors import UserError
from rec.export.calibrated import check_exportable
from rec.export.native import NativeCapture, save
from rec.export.onnx_model import to_onnx, write_onnx
from rec.export.onnx_table import Rows
from rec.metrics.task import Task
from rec.metrics.tasks import TaskMetrics
from rec.numeric import Array
from rec.output import whole_folder
from rec.run.assembly import Run
from rec.run.calibrated import calibrate
from rec.run.start import checkpoint_folder, evaluated
from rec.scoring.card import card
from rec.scoring.checkpoint import prepared_folder
from rec.scoring.exported import session
from rec.scoring.manifest import CARD, CONFIG, MODEL, ORIGINAL_IDS, PROGRAM, ExportManifest, write_export
from rec.scoring.meaning import described_inputs, described_outputs
from rec.scoring.parity import ROWS, check_parity
from rec.scoring.sample import write_sample

_PACKAGES = ("paddlepaddle", "onnx", "paddle2onnx", "onnxruntime", "numpy", "pyarrow")


@dataclass(frozen=True)
class Trained:
    """A checkpoint with its weights in an engine, and the test impressions that it is compared on."""

    run: Run
    folder: Path
    batches: list[Batch]

    def predict(self, batch: Batch) -> dict[str, Array]:
        """What the trained network predicts, float32 [B] by name."""
        engine: Any = self.run.engine
        with paddle.no_grad():
            given = engine.feed.open(batch, training=False)
            outputs = probabilities(predict(engine.net, given.features, given.labels))
        found = {name: value.numpy().reshape(-1) for name, value in outputs.items()}
        predicted: dict[str, Array] = engine.model.calibrated(found, batch)
        return predicted


def export(run: Run, to: Path | None, rows: Rows) -> None:
    """Export the checkpoint that `tools/infer.py` evaluates last, or the best one.

    Args:
        run: in dynamic graph, for evaluation.
        to: the folder to make; None: `export` beside the checkpoint.
        rows: how the ONNX model stores the embedding table.

    Raises:
        UserError: the directory is PaddleRec's, an exported model would differ from the trained one, or the folder is
            there and is no exported model, or cannot be written.
    """
    if not run.native:
        raise UserError("exports models of ours, whose inputs have names: tools/to_static.py exports PaddleRec's")
    trained = _trained(run)
    target = to or trained.folder.parent / "export"
    if target.exists() and not (target / "export.json").is_file():
        raise UserError(f"{target}: is there, and is no exported model: choose another folder with --to")
    with whole_folder(target) as folder:
        manifest = _write(trained, folder, rows)
        manifest = manifest.model_copy(update={"metrics": _metrics(trained, folder, manifest, rows)})
        (folder / CARD).write_text(card(manifest, trained.run.config), encoding="utf-8")
        write_export(folder, manifest)
    log.info("exported: %s", target.resolve())


def _trained(run: Run) -> Trained:
    start = evaluated(run.config)[-1]
    run = run.restore(start)
    check_exportable(calibrate(run, start))
    engine: Any = run.engine
    engine.net.eval()
    found: list[Batch] = []
    for batch in run.batches(run.reader, run.plan(0, 0, training=False)):
        found.append(batch)
        if sum(map(len, found)) >= ROWS:
            break
    if not found:
        raise UserError(f"{run.config.runner.test_data_dir}: holds no impressions, by which an exported model is tried")
    return Trained(run, checkpoint_folder(start), found)


def _write(trained: Trained, folder: Path, rows: Rows) -> ExportManifest:
    """The model in both forms, what its reader needs, and what it says of itself but for its metrics."""
    run, first = trained.run, trained.batches[0]
    engine: Any = run.engine
    expected = [trained.predict(batch) for batch in trained.batches]
    capture = NativeCapture(engine, first)
    save(capture.layer(), capture.specs, folder / PROGRAM, run.config)
    write_onnx(to_onnx(engine, first, list(expected[0]), rows), folder / MODEL)
    parity = check_parity(trained.batches, expected, folder / MODEL, folder / f"{PROGRAM}.json", rows)
    log.info("as the trained model, on %d impressions: %s", sum(map(len, trained.batches)), _said(parity))
    write_sample(folder, first, list(engine.net.columns), expected[0])
    fields = _write_reader(trained, folder)
    manifest = read_manifest(trained.folder)
    return ExportManifest(
        model=str(run.config.model_dir),
        checkpoint=str(trained.folder.resolve()),
        epoch=manifest.epoch if manifest else None,
        step=manifest.step if manifest else None,
        reader="table" if run.config.describes_table else "ids",
        fields=[str(name) for name in run.config.hyper_parameters["fields"]],
        shared=[name for block in run.reader.blocks if block.shared for name in block.fields],
        offsets={field.name: field.offset for field in fields},
        num_id=run.reader.num_id,
        columns=dict(engine.net.columns),
        inputs=described_inputs(first, inputs(first, list(engine.net.columns)), run.reader.numbers),
        outputs=described_outputs(engine.net.tasks, list(expected[0])),
        rows=rows,
        calibration=run.config.runner.calibration,
        parity=parity,
        metrics={},
        versions={name: importlib.metadata.version(name) for name in _PACKAGES},
    )


def _said(parity: Mapping[str, float]) -> str:
    return ", ".join(f"{name} differs by at most {value:.1e}" for name, value in parity.items())


def _write_reader(trained: Trained, folder: Path) -> list[PreparedField]:
    """What raw values become ids with; the fields of prepared data, whose unknown ids have to be known."""
    config = trained.run.config
    (folder / CONFIG).write_text(_config(config), encoding="utf-8")
    if trained.run.reader.vocabulary is not None:
        (folder / VOCABULARY).write_text(trained.run.reader.vocabulary.to_json(), encoding="utf-8")
    prepared = None if config.describes_table else prepared_folder(config, read_manifest(trained.folder))
    if prepared is None:
        return []
    shutil.copyfile(prepared / "vocabulary.parquet", folder / ORIGINAL_IDS)
    names = [str(name) for name in config.hyper_parameters["fields"]]
    return [field for field in read_schema(prepared / "schema.json").fields if field.name in names]


def _config(config: Config) -> str:
    """What a reader of raw rows is told."""
    tree: dict[str, Any] = {"hyper_parameters": config.hyper_parameters}
    if config.data is not None:
        tree["data"] = config.data
    return yaml_io.dump(tree)


def _metrics(trained: Trained, folder: Path, manifest: ExportManifest, rows: Rows) -> dict[str, dict[str, Any]]:
    """The exported model on all test impressions; of a table that is stored in less also what that changes."""
    run, model = trained.run, session(folder / MODEL, max(1, (os.cpu_count() or 2) // 2))
    engine: Any = run.engine
    tasks: Sequence[Task] = engine.net.tasks
    names = [each.name for each in manifest.outputs]
    counted, before = TaskMetrics(tasks), TaskMetrics(tasks)
    with Bar("test impressions, as exported", run.length(run.reader)) as bar:
        for batch in run.batches(run.reader, run.plan(0, 0, training=False)):
            found = dict(zip(names, model.run(names, inputs(batch, list(manifest.columns))), strict=True))
            _count(counted, found, batch)
            if rows != "float32":
                _count(before, trained.predict(batch), batch)
            bar.advance(len(batch))
    results = {name: result.as_dict() for name, result in counted.accumulate().items()}
    if rows != "float32":
        for name, result in before.accumulate().items():
            own, auc = result.as_dict(), results[name].get("auc")
            if auc is not None and own.get("auc") is not None:
                change = float(auc) - float(own["auc"] or 0.0)
                results[name]["auc_change"] = change
                log.info("rows stored as %s: AUC of %s %.6f, %+.6f", rows, name, auc, change)
    return results


def _count(metrics: TaskMetrics, predicted: Mapping[str, Array], batch: Batch) -> None:
    scores = {task.name: batch.counted(predicted[f"p{task.name}"]) for task in metrics.tasks}
    metrics.update(scores, {name: batch.counted(label) for name, label in batch.labels.items()})
