"""An exported model, run by ONNX Runtime: neither Paddle nor the model directory is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from rec.config.config import load
from rec.data.arrays import inputs
from rec.data.batch import Batch
from rec.data.labels import LabelRules
from rec.data.original_ids import OriginalIds
from rec.data.prepared_schema import PreparedField
from rec.data.raw_ids import RawIdReader
from rec.data.raw_table import RawTableReader
from rec.data.vocabulary import VOCABULARY, Vocabulary
from rec.errors import UserError
from rec.numeric import Array
from rec.scoring.manifest import CONFIG, MODEL, ORIGINAL_IDS, ExportManifest, read_export
from rec.scoring.model import Model, RawReader
from rec.scoring.sample import check_sample


class Exported(Model):
    """The model of a folder that tools/export.py wrote.

    Args:
        folder: it.
        threads: that score a batch.

    Attributes:
        manifest: what it says of itself.

    Raises:
        UserError: it is no such folder, a file has changed, or ONNX Runtime is not installed.
    """

    def __init__(self, folder: Path, threads: int = 1) -> None:
        self.folder, self.manifest = folder, read_export(folder)
        self.reader = _reader(folder, self.manifest)
        self._session = session(folder / MODEL, threads)
        self._names = [each.name for each in self.manifest.outputs]

    def predict(self, batch: Batch) -> dict[str, Array]:
        if not len(batch):  # which no attention can be over
            return {name: np.empty(0, np.float32) for name in self._names}
        return self.run(inputs(batch, list(self.manifest.columns)))

    def run(self, arrays: dict[str, Array]) -> dict[str, Array]:
        """Predictions by name of the arrays that `manifest.inputs` lists."""
        return dict(zip(self._names, self._session.run(self._names, arrays), strict=True))

    def check(self) -> None:
        """Raise UserError unless it predicts, here and now, what the trained model does of the impressions it keeps."""
        check_sample(self.folder, self.run, self.manifest.rows)


def session(path: Path, threads: int) -> Any:
    """ONNX Runtime over a model's file.

    Raises:
        UserError: it is not installed.
    """
    try:
        import onnxruntime
    except ImportError:
        raise UserError("an exported model needs onnxruntime: pip install onnxruntime") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _reader(folder: Path, manifest: ExportManifest) -> RawReader:
    config = load(folder / CONFIG, [])
    rules = LabelRules(tuple(manifest.columns), dict(manifest.columns), (), implies=())
    if manifest.reader == "table":
        return RawTableReader([], config, "test", Vocabulary.load(folder / VOCABULARY), rules)
    reader = RawIdReader([], config, "test", None, rules)
    reader.num_id = manifest.num_id
    if manifest.offsets:
        fields = [PreparedField(name=n, common=n in manifest.shared, offset=o) for n, o in manifest.offsets.items()]
        reader.know(fields, OriginalIds(folder / ORIGINAL_IDS))
    return reader
