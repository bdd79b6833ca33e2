"""A trained network as it was saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import paddle

from rec.calibration.file import CALIBRATION, read
from rec.checkpoint.files import load as load_checkpoint
from rec.checkpoint.manifest import Manifest, read_manifest
from rec.checkpoint.state import State
from rec.checkpoint.store import Store
from rec.config.config import Config, load
from rec.contract.native import predict, probabilities
from rec.data.batch import Batch
from rec.data.columnar import PREPARED
from rec.data.labels import LabelRules
from rec.data.native import NativeReader
from rec.data.original_ids import OriginalIds
from rec.data.prepared_schema import read_schema
from rec.data.raw_ids import RawIdReader
from rec.data.raw_table import RawTableReader
from rec.data.vocabulary import VOCABULARY, Vocabulary
from rec.errors import UserError
from rec.loading import ModelDirectory
from rec.numeric import Array
from rec.run.assembly import open_directory
from rec.run.model import reader_class
from rec.scoring.model import Model, RawReader


class ForeignError(UserError):
    """What is there may be of a PaddleRec directory, and is of no model of ours."""


class Checkpoint(Model):
    """The network of a checkpoint folder, in dynamic graph, with its calibration if it has one.

    Raises:
        UserError: it is no checkpoint of one of our models, is damaged, or its model directory has gone.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.manifest = folder, read_manifest(folder)
        path = folder / "config.yaml"
        if not path.is_file():
            raise ForeignError(f"{folder}: holds no config.yaml, which a checkpoint of a model of ours has")
        config = load(path, ["runner.use_gpu=false"])
        directory = open_directory(config, "dygraph")
        if not directory.native:
            raise ForeignError(f"{folder}: is of a PaddleRec directory, whose readers alone know what its arrays mean")
        directory.config.check(directory.problems)
        self.directory, self.config, self.network = directory, directory.config, directory.model.network
        state = load_checkpoint(folder, "weights")
        self.reader = _reader(folder, self.config, self._rules(), state)
        self.prepared = prepared_folder(self.config, self.manifest)
        if isinstance(self.reader, RawIdReader) and self.prepared:
            schema = read_schema(self.prepared / "schema.json")
            self.reader.know(schema.fields, OriginalIds(self.prepared / "vocabulary.parquet"))
        engine: Any = directory.build_engine(False, self.reader)
        self.engine = engine
        self.engine.load(state)
        self.engine.net.eval()
        self.tasks = self.engine.net.tasks
        if self.manifest and CALIBRATION in self.manifest.files:
            self.engine.model.calibration = read(folder, self.manifest)

    def _rules(self) -> LabelRules:
        """Those of the columns that the network predicts from."""
        return LabelRules(tuple(self.network.columns), dict(self.network.columns), (), implies=())

    def predict(self, batch: Batch) -> dict[str, Array]:
        with paddle.no_grad():
            inputs = self.engine.feed.open(batch, training=False)
            outputs = probabilities(predict(self.engine.net, inputs.features, inputs.labels))
        found = {name: value.numpy().reshape(-1) for name, value in outputs.items()}
        predicted: dict[str, Array] = self.engine.model.calibrated(found, batch)
        return predicted


def _reader(folder: Path, config: Config, rules: LabelRules, state: State) -> RawReader:
    kind = reader_class(ModelDirectory(config.model_dir), config.runner.train_reader_path)
    if not issubclass(kind, NativeReader):
        raise UserError(f"{folder}: was trained with a reader of its own, {kind.__module__}, which reads files alone")
    if config.describes_table:
        return RawTableReader([], config, "test", Vocabulary.load(folder / VOCABULARY), rules)
    reader = RawIdReader([], config, "test", None, rules)
    reader.num_id = len(state.weights["embedding.weight"])
    return reader


def prepared_folder(config: Config, manifest: Manifest | None) -> Path | None:
    """Where the prepared data that a checkpoint was trained on lie; None where it was trained on lines of text.

    Raises:
        UserError: they are not there any more, or are others.
    """
    reading = manifest.reading if manifest else {}
    if PREPARED not in reading:
        return None
    folder = config.places(config.runner.train_data_dir)[0].parent
    path = folder / "schema.json"
    if not path.is_file():
        raise UserError(
            f"{path}: no such file: it says what the original ids of a model's prepared data are; an exported model "
            "(tools/export.py) carries them along"
        )
    if read_schema(path).vocabulary_sha256 != reading[PREPARED]:
        raise UserError(f"{folder}: was prepared anew since the model was trained: its ids mean something else")
    return folder


def chosen(folder: Path) -> Path:
    """The checkpoint among several: the best where one is chosen, else the newest.

    Raises:
        UserError: there is none.
    """
    store = Store(folder)
    newest = store.latest()
    if newest is None:
        raise ForeignError(f"{folder}: holds no checkpoint of a model of ours")
    by = load(folder / newest.name / "config.yaml", []).runner.best_by
    best = store.best(by) if by else None
    return folder / (best or newest).name
