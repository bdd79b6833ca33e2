"""One of our models as one ONNX model: embedding table, pooling and network, from ids to probabilities."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import paddle
from onnx import compose, helper, numpy_helper

from rec.data.batch import Batch
from rec.device import to_array
from rec.errors import UserError
from rec.export.native import NetworkOnly, save
from rec.export.onnx_table import Rows, TableGraph, stored
from rec.numeric import Array

OPSET = 18

_MOST = 1 << 30


def to_onnx(engine: Any, batch: Batch, outputs: Sequence[str], rows: Rows) -> Any:
    """The model of a dynamic engine of ours.

    Its inputs are those of `rec.data.arrays.inputs`, its outputs float32 [B] by name.

    Args:
        batch: any of its reader.
        outputs: what the network's outputs are called, in their order.
        rows: how the table's rows are stored.

    Raises:
        UserError: the network has an operator that ONNX lacks.
    """
    network = _network(engine, batch)
    table = TableGraph(engine.table.by_width(), rows)
    for index, bags in enumerate(batch.bags):
        table.block(index, bags)
    front = table.model(OPSET, network.ir_version)
    joins = [(each.name, each.name) for each in front.graph.output if each.name in _names(network.graph.input)]
    unused = [each.name for each in front.graph.output if (each.name, each.name) not in joins]
    model = compose.merge_models(front, network, joins, prefix1=None, prefix2=None)
    for name in unused:
        model.graph.output.remove(next(each for each in model.graph.output if each.name == name))
    _name_outputs(model, outputs)
    onnx.checker.check_model(model)
    rows_by_name = stored(engine.table.by_width(), rows)
    for constant in model.graph.initializer:
        if constant.name in rows_by_name:
            constant.CopyFrom(numpy_helper.from_array(rows_by_name[constant.name], constant.name))
    return model


def write_onnx(model: Any, path: Path) -> None:
    """Write it; tables that a file of 2 GB could not hold go into `<name>.data` beside it."""
    large = sum(len(each.raw_data) for each in model.graph.initializer) > _MOST
    onnx.save_model(model, str(path), save_as_external_data=large, location=f"{path.name}.data")


def _network(engine: Any, batch: Batch) -> Any:
    """What stands behind the table, with names that are its own but for its inputs."""
    arrays: dict[str, Array] = {}
    for index, (bags, vectors) in enumerate(zip(batch.bags, engine.table.pull(batch), strict=True)):
        arrays[f"pooled_{index}"] = to_array(vectors)
        if bags.row_index is not None:
            arrays[f"row_index_{index}"] = bags.row_index.astype(np.int64)
        if bags.sequence:
            arrays[f"lengths_{index}"] = bags.lengths
    if batch.numbers is not None:
        arrays["numbers"] = batch.numbers
    arrays |= {name: batch.labels[name] for name in engine.net.columns}
    specs = [paddle.static.InputSpec([-1, *a.shape[1:]], a.dtype.name, name) for name, a in arrays.items()]
    layer = NetworkOnly(engine.net, batch.bags, batch.numbers is not None, engine.model.calibration)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network"
        save(layer, specs, path, engine.config)
        model = _converted(path)
    model = compose.add_prefix(model, "network/")
    return _renamed(model, {f"network/{name}": name for name in arrays})


def _renamed(model: Any, names: dict[str, str]) -> Any:
    """Inputs under their own names again."""
    for node in model.graph.node:
        for at, name in enumerate(node.input):
            node.input[at] = names.get(name, name)
    for each in model.graph.input:
        each.name = names.get(each.name, each.name)
    return model


def _name_outputs(model: Any, names: Sequence[str]) -> None:
    """Outputs [B, 1] become [B], under names that are given in their order."""
    graph = model.graph
    graph.initializer.append(numpy_helper.from_array(np.array([-1], np.int64), "flat"))
    found = [each.name for each in graph.output]
    del graph.output[:]
    for own, name in zip(found, names, strict=True):
        graph.node.append(helper.make_node("Reshape", [own, "flat"], [name]))
        graph.output.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["impressions"]))


def _names(values: Any) -> set[str]:
    return {each.name for each in values}


def _converted(path: Path) -> Any:
    """Paddle's program of a path as ONNX."""
    # In a process of its own: the converter ends the process at an operator that it does not know.
    command = [sys.executable, "-W", "ignore", "-c", _CONVERT, str(path), str(OPSET)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if "rror" in line or "upported" in line]
        reason = " ".join(" ".join(said[-2:]).split())[-300:] or f"exit code {done.returncode}"
        raise UserError(f"the network cannot be written as ONNX: {reason}")
    return onnx.load(f"{path}.onnx")


_CONVERT = """
import sys, paddle2onnx
path = sys.argv[1]
paddle2onnx.export(path + ".json", path + ".pdiparams", path + ".onnx", opset_version=int(sys.argv[2]))
"""
