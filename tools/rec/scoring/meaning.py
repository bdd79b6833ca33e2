"""What an exported model's inputs and outputs are, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rec.data.batch import Bags, Batch
from rec.metrics.task import Task
from rec.numeric import Array as Values
from rec.scoring.manifest import Array

_SIZES = {
    "ids": "tokens of {at}",
    "offsets": "bags of {at} + 1",
    "weights": "tokens of {at}",
    "row_index": "impressions",
}


def described_inputs(batch: Batch, arrays: Mapping[str, Values], numbers: Sequence[str]) -> list[Array]:
    """The inputs in their order; `batch` is any, and `arrays` are what `rec.data.arrays.inputs` makes of it."""
    found = []
    for name, array in arrays.items():
        kind, _, at = name.rpartition("_")
        if kind in _SIZES and at.isdigit():
            size, meaning = _SIZES[kind].format(at=at), _of_block(kind, batch.bags[int(at)])
            found.append(Array(name=name, dtype=array.dtype.name, shape=[size], meaning=meaning))
        elif name == "numbers":
            shape: list[str | int] = ["impressions", array.shape[1]]
            found.append(Array(name=name, dtype="float32", shape=shape, meaning=f"columns: {', '.join(numbers)}"))
        else:
            meaning = f"the column {name}, which the network predicts from"
            found.append(Array(name=name, dtype=np.dtype(array.dtype).name, shape=["impressions"], meaning=meaning))
    return found


def _of_block(kind: str, bags: Bags) -> str:
    names = ", ".join(bags.fields)
    if kind == "ids":
        return f"ids of the tokens of {names}, bag by bag"
    if kind == "weights":
        return "what each token's vector is multiplied by before it is summed"
    if kind == "row_index":
        return f"the row of {names} that each impression has: rows of a user's candidates are the same one"
    if bags.sequence:
        names = f"the {bags.num_field} last tokens of {names}, oldest first"
    return f"where each bag begins: a row has {bags.num_field}, for {names}"


def described_outputs(tasks: Sequence[Task], names: Sequence[str]) -> list[Array]:
    """The outputs, `p<task>` each."""
    by_name = {f"p{task.name}": task for task in tasks}
    return [Array(name=n, dtype="float32", shape=["impressions"], meaning=_of_task(by_name.get(n))) for n in names]


def _of_task(task: Task | None) -> str:
    if task is None:
        return "an output that no task is judged by"
    if task.kind == "regression":
        return f"{task.label}, in its units" + (f", if {task.among} is 1" if task.among else "")
    return f"p({task.label}" + (f" | {task.among})" if task.among else ")")
