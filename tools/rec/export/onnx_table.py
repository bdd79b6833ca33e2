"""The embedding table and the pooling of its rows as ONNX operators: what stands before the network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from rec.data.batch import Bags
from rec.numeric import Array

Rows: TypeAlias = Literal["float32", "float16", "int8"]
"""How a table's rows are stored. int8: a row's numbers are multiples of a float32 of its own, 1/127 of its largest."""


class TableGraph:
    """Nodes, inputs and constants that make `pooled_<block>`, float32 [R, F * D], of a batch's arrays.

    The tables' own rows are put in later (`stored`).

    Args:
        tables: by width of rows, 0 for the network's, the first id and the rows, float32 [V, D].
        rows: how they are stored.
    """

    def __init__(self, tables: dict[int, tuple[int, Array]], rows: Rows) -> None:
        self.nodes: list[Any] = []
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []
        self.constants: list[Any] = []
        self._rows = rows
        self._firsts = {dim: first for dim, (first, _) in tables.items()}
        self._widths = {dim: weight.shape[1] for dim, (_, weight) in tables.items()}
        for name, number in {"one": 1, "nothing": 0}.items():
            self._constant(name, np.array([number], np.int64))
        # A single row in the place of each table: a message of over 2 GB could be neither joined nor checked.
        for name, value in stored(tables, rows).items():
            self._constant(name, value[:1])

    def block(self, index: int, bags: Bags) -> None:
        """A block of fields: its pooled vectors, and the lengths of a history."""
        ids, offsets = f"ids_{index}", f"offsets_{index}"
        self._input(ids, TensorProto.INT64, "tokens")
        self._input(offsets, TensorProto.INT64, "bounds")
        vectors = self._vectors(index, bags.dim, ids)
        if bags.weights is not None:
            self._input(f"weights_{index}", TensorProto.FLOAT, "tokens")
            weights = self._node("Unsqueeze", [f"weights_{index}", "one"], f"weight_{index}")
            vectors = self._node("Mul", [vectors, weights], f"weighted_{index}")
        self._pool(index, bags.num_field * self._widths[bags.dim], self._widths[bags.dim], vectors)
        if bags.sequence:
            self._lengths(index, bags.num_field)

    def _vectors(self, index: int, dim: int, ids: str) -> str:
        """float32 [T, D], the rows of the tokens."""
        if self._firsts[dim]:
            self._constant(f"first_{index}", np.array(self._firsts[dim], np.int64))
            ids = self._node("Sub", [ids, f"first_{index}"], f"row_{index}")
        found = self._node("Gather", [f"table_{dim}", ids], f"gathered_{index}")
        if self._rows == "float32":
            return found
        found = self._node("Cast", [found], f"cast_{index}", to=TensorProto.FLOAT)
        if self._rows == "float16":
            return found
        scale = self._node("Gather", [f"scale_{dim}", ids], f"scales_{index}")
        return self._node("Mul", [found, scale], f"scaled_{index}")

    def _pool(self, index: int, width: int, dim: int, vectors: str) -> None:
        """Sums of vectors between offsets, zeros for an empty bag."""
        offsets = f"offsets_{index}"
        # A token's bag is the number of bags that end before it or where it stands.
        self._constant(f"far_{index}", np.array([np.iinfo(np.int64).max], np.int64))
        ends = self._node("Slice", [offsets, "one", f"far_{index}"], f"ends_{index}")
        bags = self._node("Shape", [ends], f"bags_{index}")
        tokens = self._node("Shape", [f"ids_{index}"], f"tokens_{index}")
        places = self._node("Add", [tokens, "one"], f"places_{index}")
        zero, one = (numpy_helper.from_array(np.array([value], np.int64)) for value in (0, 1))
        none = self._node("ConstantOfShape", [places], f"none_{index}", value=zero)
        once = self._node("ConstantOfShape", [bags], f"once_{index}", value=one)
        marks = self._node("ScatterElements", [none, ends, once], f"marks_{index}", reduction="add")
        self._constant(f"axis_{index}", np.array(0, np.int64))
        counted = self._node("CumSum", [marks, f"axis_{index}"], f"counted_{index}")
        bag = self._node("Slice", [counted, "nothing", tokens], f"bag_{index}")
        bag = self._node("Unsqueeze", [bag, "one"], f"bag_of_{index}")
        self._constant(f"width_{index}", np.array([dim], np.int64))
        shape = self._node("Concat", [bags, f"width_{index}"], f"shape_{index}", axis=0)
        floats = numpy_helper.from_array(np.zeros(1, np.float32))
        empty = self._node("ConstantOfShape", [shape], f"empty_{index}", value=floats)
        sums = self._node("ScatterND", [empty, bag, vectors], f"sums_{index}", reduction="add")
        self._constant(f"row_{index}_width", np.array([-1, width], np.int64))
        self._node("Reshape", [sums, f"row_{index}_width"], f"pooled_{index}")
        self.outputs.append(
            helper.make_tensor_value_info(f"pooled_{index}", TensorProto.FLOAT, [f"rows_{index}", width])
        )

    def _lengths(self, index: int, num_field: int) -> None:
        """int64 [R], the tokens of each row."""
        for name, value in {"stride": num_field, "end": np.iinfo(np.int64).max, "last": -1}.items():
            self._constant(f"{name}_{index}", np.array([value], np.int64))
        starts = self._node(
            "Slice", [f"offsets_{index}", "nothing", f"end_{index}", "nothing", f"stride_{index}"], f"starts_{index}"
        )
        after = self._node("Slice", [starts, "one", f"end_{index}"], f"after_{index}")
        before = self._node("Slice", [starts, "nothing", f"last_{index}"], f"before_{index}")
        self._node("Sub", [after, before], f"lengths_{index}")
        self.outputs.append(helper.make_tensor_value_info(f"lengths_{index}", TensorProto.INT64, [f"rows_{index}"]))

    def model(self, opset: int, ir_version: int) -> Any:
        """All of it."""
        graph = helper.make_graph(self.nodes, "table", self.inputs, self.outputs, self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version)

    def _node(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def _input(self, name: str, kind: int, size: str) -> None:
        self.inputs.append(helper.make_tensor_value_info(name, kind, [f"{size}_of_{name}"]))

    def _constant(self, name: str, value: Array) -> None:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))


def stored(tables: dict[int, tuple[int, Array]], rows: Rows) -> dict[str, Array]:
    """Each table's rows as they are stored, by the name of the constant; of int8 what each is to be multiplied by."""
    found = {}
    for dim, (_, weight) in tables.items():
        found[f"table_{dim}"], scale = quantized(weight, rows)
        if scale is not None:
            found[f"scale_{dim}"] = scale
    return found


def quantized(weight: Array, rows: Rows) -> tuple[Array, Array | None]:
    """Rows, float32 [V, D], as they are stored; and of int8 what each is to be multiplied by, float32 [V, 1]."""
    if rows == "float32":
        return weight, None
    if rows == "float16":
        return weight.astype(np.float16), None
    scale = np.abs(weight).max(axis=1, keepdims=True) / np.float32(127)
    scale = np.where(scale > 0, scale, np.float32(1)).astype(np.float32)
    return np.rint(weight / scale).astype(np.int8), scale
