"""Files of an inference model: program, parameters, and how a reader's arrays become its inputs."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from rec.errors import UserError


@dataclass(frozen=True)
class Feed:
    """An input of an inference model.

    Attributes:
        name: as the predictor knows it.
        position: which of the reader's arrays it is, or None where the model computes it from several.
        shape: -1 where any size will do.
        dtype: NumPy's name.
    """

    name: str
    position: int | None
    shape: list[int]
    dtype: str


@dataclass(frozen=True)
class Signature:
    """`<name>.feeds.json`: inputs in the predictor's order, and what its outputs are called in the model.

    `calibration` is the SHA-256 of the checkpoint's calibration that is a part of the program, None where none is.
    """

    inputs: list[Feed]
    outputs: list[str]
    calibration: str | None = None


@contextmanager
def writing(folder: Path, name: str, signature: Signature) -> Iterator[Path]:
    """A path prefix to write an inference model to; its files appear in `folder` as `<name>.*` when all are written.

    Raises:
        UserError: the disk is full or not writable.
    """
    temporary = folder / f".saving-{name}-{os.getpid()}"
    try:
        temporary.mkdir()
        yield temporary / name
        (temporary / f"{name}.feeds.json").write_text(json.dumps(asdict(signature), indent=1), encoding="utf-8")
        for path in temporary.iterdir():
            path.replace(folder / path.name)
    except OSError as error:
        raise UserError(f"{folder / name}: cannot be written: {error.strerror or error}") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def read_signature(path: Path) -> Signature:
    """What `writing` noted beside a model file.

    Raises:
        UserError: there is no such note, or it is damaged.
    """
    file = path.with_suffix("").with_suffix(".feeds.json") if path.suffix else path.with_suffix(".feeds.json")
    try:
        tree = json.loads(file.read_text(encoding="utf-8"))
        return Signature([Feed(**feed) for feed in tree["inputs"]], tree["outputs"], tree.get("calibration"))
    except FileNotFoundError:
        raise UserError(f"{file}: no such file; export the model anew with static_trainer.py or to_static.py") from None
    except (OSError, ValueError, TypeError, KeyError):
        raise UserError(f"{file}: damaged; export the model anew") from None
