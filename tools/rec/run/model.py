"""Which classes a model directory brings, and which the package lends it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias, TypeGuard

from rec.contract import dygraph, static
from rec.contract.native import NativeModel
from rec.data.native import NativeReader
from rec.data.reader import Reader
from rec.errors import UserError
from rec.loading import ModelDirectory
from rec.nn.entire_space import EntireSpace
from rec.nn.network import Network

Mode: TypeAlias = Literal["dygraph", "static"]

_MODULES = {"dygraph": ("dygraph_model", "DygraphModel"), "static": ("static_model", "StaticModel")}
_OURS: dict[str, type[NativeModel]] = {"dygraph": dygraph.DygraphModel, "static": static.StaticModel}

BUILT_IN_READERS = ("reader", "behaviour_reader", "table_reader")
"""`train_reader_path` and `infer_reader_path` that mean the package's reader where the directory has no such file."""


def model_class(directory: ModelDirectory, mode: Mode) -> type:
    """The directory's `DygraphModel` or `StaticModel`.

    A directory without the one takes the network of the other; one without both, the network in `net.py`; one without
    that, `EntireSpace`: its config says all.

    Raises:
        UserError: it has none, or it cannot be imported.
    """
    other: Mode = "static" if mode == "dygraph" else "dygraph"
    if directory.has(_MODULES[mode][0]):
        return directory.load(*_MODULES[mode])
    if directory.has(_MODULES[other][0]):
        found = directory.load(*_MODULES[other])
        if not issubclass(found, NativeModel):
            module, name = _MODULES[mode]
            raise UserError(f"{directory.path}: has no {module}.py; a model directory holds {name} there")
        return with_network(found.network, mode)
    return with_network(_network(directory), mode)


def network_of(folder: Path) -> type[Network]:
    """The network of a model directory of ours.

    Raises:
        UserError: it cannot be imported, or the directory is PaddleRec's, whose hyper-parameters only its code knows.
    """
    model = model_class(ModelDirectory(folder), "dygraph")
    if not is_native(model):
        raise UserError(f"{folder}: is written for PaddleRec; its own files say which hyper-parameters they read")
    return model.network


def with_network(network: type[Network], mode: Mode) -> type[NativeModel]:
    """The model of a network of ours."""
    base = _OURS[mode]
    return type(base.__name__, (base,), {"network": network})


def reader_class(directory: ModelDirectory, name: str) -> type[Reader]:
    """The reader of a directory of ours.

    Raises:
        UserError: there is no such module, or its class is no `Reader`.
    """
    if not directory.has(name) and name in BUILT_IN_READERS:
        return NativeReader
    found = directory.load(name, "RecDataset")
    if not (isinstance(found, type) and issubclass(found, Reader)):
        raise UserError(
            f"{directory.path / name}.py: RecDataset is no rec.data.reader.Reader, as that of a network of ours must be"
        )
    return found


def _network(directory: ModelDirectory) -> type[Network]:
    """The network in a directory's `net.py`, or else the one that a config alone describes."""
    if not directory.has("net"):
        return EntireSpace
    module = directory.module("net")
    own = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Network) and value.__module__ == module.__name__
    ]
    last = [each for each in own if not any(other is not each and issubclass(other, each) for other in own)]
    if len(last) != 1:
        found = ", ".join(each.__name__ for each in last) or "none"
        raise UserError(f"{module.__file__}: expected one class derived from rec.nn.network.Network, found {found}")
    return last[0]


def is_native(model: type) -> TypeGuard[type[NativeModel]]:
    """Whether a model's class is ours; PaddleRec's are written to PaddleRec's contract alone."""
    return issubclass(model, NativeModel)
