"""Model directories: Python modules that import each other by bare name, found and loaded from the config's folder."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from rec.errors import UserError


class ModelDirectory:
    """The modules of one model directory.

    Its folder goes to the front of the import path, where PaddleRec's directories expect it, also for imports made
    late, inside functions. Modules of a directory loaded before are forgotten, so that `net` means this one's.

    Args:
        path: the folder.
        keep: leave its modules as they are if it is the one that is loaded.
    """

    def __init__(self, path: Path, keep: bool = False) -> None:
        self.path = path
        if keep and _LOADED and _LOADED[-1] == path:
            return
        forget()
        _LOADED.append(path)
        sys.path.insert(0, str(path))

    def load(self, name: str, attribute: str) -> Any:
        """`attribute` of module `name` (without .py, may hold a relative path).

        Raises:
            UserError: no such file or attribute, or the module cannot be imported.
        """
        if not self.has(name):
            raise UserError(
                f"{self.path}: has no {name}.py; a model directory holds {attribute} there (a config that stands "
                "elsewhere names its directory: model: DIRECTORY)"
            )
        module = self.module(name)
        try:
            return getattr(module, attribute)
        except AttributeError:
            raise UserError(f"{module.__file__}: defines no {attribute}") from None

    def has(self, name: str) -> bool:
        """Whether there is such a module."""
        return (self.path / f"{name}.py").is_file()

    def module(self, name: str) -> ModuleType:
        """Module `name`, which is there, imported once.

        Raises:
            UserError: it cannot be imported.
        """
        return self._import((self.path / f"{name}.py").resolve())

    def _import(self, file: Path) -> ModuleType:
        known = sys.modules.get(file.stem)
        if known is not None and getattr(known, "__file__", None) == str(file):
            return known
        spec = importlib.util.spec_from_file_location(file.stem, file)
        if spec is None or spec.loader is None:
            raise UserError(f"{file}: is not a Python module")
        module = importlib.util.module_from_spec(spec)
        sys.modules[file.stem] = module
        try:
            spec.loader.exec_module(module)
        except UserError:
            raise
        except Exception as error:
            del sys.modules[file.stem]
            raise UserError(f"{where(error, self.path)} (while importing {file.name})") from error
        return module


_LOADED: list[Path] = []


def forget() -> None:
    """Take the model directories loaded so far off the import path, and their modules out of memory."""
    while _LOADED:
        path = _LOADED.pop()
        if str(path) in sys.path:
            sys.path.remove(str(path))
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if file is not None and Path(file).is_relative_to(path):
                del sys.modules[name]


@contextmanager
def error_context(folder: Path, what: str) -> Iterator[None]:
    """Turn whatever a model directory's code raises into one line that says `what` failed, and where.

    Raises:
        UserError: in place of any other exception.
    """
    try:
        yield
    except UserError as error:
        raise UserError(f"{error} ({what})") from error
    except MemoryError:
        raise
    except Exception as error:
        raise UserError(f"{where(error, folder)} ({what})") from error


def where(error: BaseException, folder: Path) -> str:
    """`file:line: Type: message` of the innermost line of `folder` that an exception passed through."""
    frames = traceback.extract_tb(error.__traceback__)
    inside = [frame for frame in frames if Path(frame.filename).is_relative_to(folder)]
    place = f"{inside[-1].filename}:{inside[-1].lineno}: " if inside else ""
    # Paddle's own message stands below a C++ stack.
    message = str(error).rpartition("Error Message Summary:")[2].replace("-" * 22, "")
    return f"{place}{type(error).__name__}: {' '.join(message.split())}"
