"""tools/paddle_infer.py: Paddle Inference over a directory's reader, as a server would run the model."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import paddle

from rec.calibration.file import CALIBRATION
from rec.console import log
from rec.data.arrays import inputs
from rec.data.batch import Batch, batch_length
from rec.errors import UserError
from rec.export.files import Signature, read_signature
from rec.numeric import Array
from rec.report.predictions import PredictionFile, check_path, make_folder
from rec.run.assembly import Run
from rec.run.held_out import check_tested
from rec.run.start import checkpoint_folder, evaluated

NAMES = ("tostatic", "rec_inference")


def predict(run: Run, model_file: str | None, threads: int) -> None:
    """Score the test data with an exported model; log each output's mean and the time it takes.

    Args:
        run: for its reader.
        model_file: `<name>.json` or `<name>.pdmodel`; None: the one beside the newest checkpoint to evaluate.
        threads: of the predictor.

    Raises:
        UserError: no such model, data that do not fit it, or an input that no array of the reader is.
    """
    runner = run.config.runner
    known = None
    if model_file:
        path = Path(model_file)
    else:
        start = evaluated(run.config)[-1]
        check_tested([start], run.config)
        path, run = _exported(checkpoint_folder(start)), run.adopt(start)
        known = start.manifest.files.get(CALIBRATION) if start.manifest else None
    signature = read_signature(path)
    _check_calibration(path, signature, bool(runner.calibration), known)
    predictor = open_predictor(path, threads)
    output = Path(runner.predict_save_path) if runner.predict_save_path else None
    if output:
        check_path(output)
        make_folder(output)
    names = signature.outputs or [f"output_{index}" for index in range(len(predictor.get_output_names()))]
    sums, impressions, times = dict.fromkeys(names, 0.0), 0, []
    with PredictionFile(output) if output else contextlib.nullcontext() as writer:
        for index, batch in enumerate(run.batches(run.reader, run.plan(0, 0, training=False))):
            arrays = _arrays(signature, batch)
            begun = time.perf_counter()
            results = run_predictor(predictor, arrays)
            times.append(time.perf_counter() - begun)
            values = dict(zip(names, results, strict=True))
            for name, value in values.items():
                sums[name] += float(np.mean(value)) * batch_length(batch)
            impressions += batch_length(batch)
            if writer:
                writer.add(batch, values)
            if index % runner.print_interval == 0:
                means = "".join(f"{name}: {np.mean(value):.6f}, " for name, value in values.items())
                log.info("batch_id: %d, %slatency: %.3f ms", index, means, times[-1] * 1e3)
    if not times:
        raise UserError("the reader yields no batch")
    _summarise(path, {name: total / impressions for name, total in sums.items()}, impressions, times)


def _check_calibration(path: Path, signature: Signature, wanted: bool, known: str | None) -> None:
    """Raise UserError if calibrated predictions are wanted and the model's are not, or by one that was replaced since.

    `known`: the SHA-256 of its checkpoint's calibration.
    """
    if wanted and (signature.calibration is None or known not in (None, signature.calibration)):
        how = "without a calibration" if signature.calibration is None else "with an earlier calibration"
        raise UserError(f"{path}: was exported {how}: export it anew with to_static.py and runner.calibration")
    if signature.calibration and not wanted:
        log.info("%s: its predictions are calibrated, as it was exported", path)


def _summarise(path: Path, means: dict[str, float], impressions: int, times: list[float]) -> None:
    shown = "".join(f"{name}: {mean:.6f}, " for name, mean in means.items())
    low, middle, high = (np.percentile(times, [0, 50, 99]) * 1e3).tolist()
    log.info(
        "%s done, %simpressions: %d, batches: %d, latency of a batch in ms: min %.3f, median %.3f, 99 %% %.3f, "
        "ips: %.1f ins/s",
        path.name, shown, impressions, len(times), low, middle, high, impressions / sum(times),
    )  # fmt: skip


def _exported(folder: Path) -> Path:
    found = [folder / f"{name}.json" for name in NAMES if (folder / f"{name}.json").is_file()]
    if not found:
        raise UserError(
            f"{folder}: holds no tostatic.json (tools/to_static.py writes it) and no rec_inference.json "
            "(tools/static_trainer.py with runner.use_inference does); or name one with --model_file"
        )
    return found[0]


def open_predictor(path: Path, threads: int) -> Any:
    """Paddle Inference over an inference model.

    Raises:
        UserError: a file of it is missing.
    """
    parameters = path.with_suffix(".pdiparams")
    for file in (path, parameters):
        if not file.is_file():
            raise UserError(f"{file}: no such file; an inference model is {path.stem}.json and {path.stem}.pdiparams")
    config = paddle.inference.Config(str(path), str(parameters))
    config.disable_gpu()
    config.set_cpu_math_library_num_threads(threads)
    config.enable_new_ir(True)
    config.enable_new_executor(True)
    config.disable_glog_info()
    return paddle.inference.create_predictor(config)


def _arrays(signature: Signature, batch: Any) -> dict[str, Array]:
    """A batch as the model's inputs."""
    if isinstance(batch, Batch):
        names = [feed.name for feed in signature.inputs]
        own = inputs(batch, [name for name in names if name in batch.labels])
        _check_inputs(names, own)
        return {name: own[name] for name in names}
    arrays = {}
    for feed in signature.inputs:
        if feed.position is None:
            raise UserError(
                f"input {feed.name} of the model is none of the reader's arrays: the model computes it from them, "
                "which the exported network does not"
            )
        if feed.position >= len(batch):
            raise UserError(f"input {feed.name} is array {feed.position} of the reader, which yields {len(batch)}")
        arrays[feed.name] = _shaped(np.asarray(batch[feed.position]), feed.shape, feed.name).astype(feed.dtype)
    return arrays


def _check_inputs(names: list[str], found: Mapping[str, Array]) -> None:
    """Raise UserError if a batch of ours lacks an input, or has one that the model knows nothing of."""
    if set(names) != set(found):
        absent, unused = sorted(set(names) - set(found)), sorted(set(found) - set(names))
        said = [f"lacks {', '.join(absent)}"] * bool(absent) + [f"has {', '.join(unused)}, unused,"] * bool(unused)
        raise UserError(f"the model was exported for other data: a batch {' and '.join(said)}")


def _shaped(array: Array, shape: list[int], name: str) -> Array:
    """An array in the shape that the network takes, whose free dimension, if it has more than one, is the first."""
    if array.ndim == len(shape) and all(wanted in (-1, size) for wanted, size in zip(shape, array.shape, strict=True)):
        return array
    try:
        return array.reshape(shape)
    except ValueError:
        raise UserError(f"input {name}: expected shape {shape} (-1: any), got {list(array.shape)}") from None


def run_predictor(predictor: Any, arrays: dict[str, Array]) -> list[Array]:
    """The outputs of a batch's arrays.

    Raises:
        UserError: the model cannot take them.
    """
    for name in predictor.get_input_names():
        handle = predictor.get_input_handle(name)
        handle.reshape(arrays[name].shape)
        handle.copy_from_cpu(np.ascontiguousarray(arrays[name]))
    try:
        predictor.run()
    except (RuntimeError, ValueError) as error:
        raise UserError(f"the model cannot score a batch: {' '.join(str(error).split())[-300:]}") from error
    return [predictor.get_output_handle(name).copy_to_cpu() for name in predictor.get_output_names()]
