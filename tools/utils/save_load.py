"""PaddleRec's helpers for checkpoints in Paddle's file format: `<model_path>/<epoch>/<prefix>.*`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import paddle

from rec.checkpoint import arrays
from rec.checkpoint.files import PREFIXES
from rec.checkpoint.files import load as load_checkpoint
from rec.engine.match import check_match
from rec.numeric import Array


def save_model(net: Any, optimizer: Any, model_path: str, epoch_id: int, prefix: str = "rec") -> None:
    """Write a network's weights (`.pdparams`) and its optimizer's state (`.pdopt`); neither is ever half-written."""
    folder = _folder(model_path, epoch_id)
    for state, ending in ((net.state_dict(), ".pdparams"), (optimizer.state_dict(), ".pdopt")):
        temporary = folder / f".{prefix}{ending}"
        paddle.save(state, str(temporary))
        temporary.replace(folder / f"{prefix}{ending}")


def load_model(model_path: str, net: Any, prefix: str = "rec") -> None:
    """Give a network the weights of a checkpoint folder.

    Raises:
        UserError: there are none, they are damaged, or they are another network's.
    """
    folder = Path(model_path)
    known = prefix in PREFIXES
    weights = load_checkpoint(folder, "weights").weights if known else arrays.read(folder / f"{prefix}.pdparams")
    check_match(weights, net.state_dict(), f"the weights in {folder}")
    net.set_state_dict(weights)


def save_static_model(program: Any, model_path: str, epoch_id: int, prefix: str = "rec_static") -> None:
    """Write a static program and its variables."""
    paddle.static.save(program, str(_folder(model_path, epoch_id) / prefix))


def load_static_model(program: Any, model_path: str, prefix: str = "rec_static") -> None:
    """Give a static program, started in the global scope, a checkpoint's parameters, and optimizer state if it has any.

    Raises:
        UserError: there are none, they are damaged, or they are another program's.
    """
    folder, scope = Path(model_path), paddle.static.global_scope()
    found: dict[str, Array] = arrays.read(folder / f"{prefix}.pdparams")
    expected = {name: np.array(tensor) for name, tensor in program.state_dict("param").items()}
    check_match(found, expected, f"the weights in {folder}")
    optimizer = folder / f"{prefix}.pdopt"
    for name, value in (found | (arrays.read(optimizer) if optimizer.is_file() else {})).items():
        variable = scope.find_var(name)
        if variable is not None:
            variable.get_tensor().set(value, paddle.CPUPlace())


def _folder(model_path: str, epoch_id: int) -> Path:
    folder = Path(model_path) / str(epoch_id)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
