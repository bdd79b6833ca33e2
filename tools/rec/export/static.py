"""`runner.use_inference`: the inference model of a PaddleRec static directory, beside each epoch's checkpoint."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import paddle

from rec.console import log
from rec.engine.static_directory import StaticDirectoryEngine
from rec.errors import UserError
from rec.export.files import Feed, Signature, writing
from rec.pir.embeddings import upstream
from rec.pir.names import feeds_by_name, results_by_name
from rec.pir.program import Built, dtype_of
from rec.run.assembly import Run

NAME = "rec_inference"


def wanted_export(run: Run) -> InferenceExport | None:
    """The export that a training is to write beside each epoch's checkpoint; None where none is asked for."""
    runner = run.config.runner
    if not runner.use_inference or not isinstance(run.engine, StaticDirectoryEngine):
        return None
    return InferenceExport(run.engine, runner.save_inference_feed_varnames, runner.save_inference_fetch_varnames)


class InferenceExport:
    """What `runner.save_inference_feed_varnames` and `save_inference_fetch_varnames` ask for, found in a program.

    Args:
        engine: of a PaddleRec static directory; its evaluation program is exported: its random layers are off.
        feed_names, fetch_names: as in the config. No feeds: all that the results need. No results: all that the model
            returns for evaluation, but AUCs.

    Raises:
        UserError: a name that is not there, or feeds that do not suffice.
    """

    def __init__(self, engine: StaticDirectoryEngine, feed_names: list[str], fetch_names: list[str]) -> None:
        self._engine = engine
        with engine.inference() as (built, _):
            self._find(built, feed_names, fetch_names)

    def _find(self, built: Built, feed_names: list[str], fetch_names: list[str]) -> None:
        names = fetch_names or list(built.fetched)
        if not names:
            raise UserError(
                "runner.save_inference_fetch_varnames names nothing, and infer_net returns nothing that can be exported"
            )
        self._results = results_by_name(built, names)
        needed = set().union(*(upstream(result) for result in self._results))
        # The program is cut to what the results need: a feed that they do not need, a label, has no place in it.
        self._feeds = [v for v in feeds_by_name(built, feed_names or _names(built.inputs)) if v.name in needed]
        missing = sorted(needed - set(_names(self._feeds)))
        if missing:
            raise UserError(
                f"runner.save_inference_feed_varnames lacks {', '.join(missing)}: {', '.join(names)} need them"
            )
        positions = {name: position for position, name in enumerate(_names(built.inputs))}
        feeds = [Feed(v.name, positions[v.name], list(v.shape), dtype_of(v).name) for v in self._feeds]
        self._signature = Signature(feeds, names)

    def write(self, folder: Path) -> None:
        """Write `rec_inference.*` into a checkpoint folder, with the engine's present parameters.

        Raises:
            UserError: it cannot be written.
        """
        quiet = warnings.catch_warnings()
        with self._engine.inference() as (built, executor), writing(folder, NAME, self._signature) as path, quiet:
            warnings.filterwarnings("ignore", message=".*auc states.*")  # no program here keeps any
            paddle.static.save_inference_model(str(path), self._feeds, self._results, executor, program=built.program)
        log.info("inference model: %s", folder / NAME)


def _names(variables: list[Any]) -> list[str]:
    return [variable.name for variable in variables]
