"""Which checkpoint a run begins with. Everything that needs weights or a vocabulary asks here.

Training begins with the first of these that the config names and that is there:

1. `runner.resume`: the newest checkpoint under `runner.model_save_path`, whole or within an epoch: weights, optimizer
   state, place in the data. It must have been trained on the same data with the same settings. (`runner.replay` too.)
2. `last_epoch: N`: epoch N, under `runner.model_init_path` or else `runner.model_save_path`: weights and optimizer
   state; epoch N + 1 follows.
3. `runner.warm_start: FOLDER`: weights and optimizer state; epoch 0 follows.
   `runner.model_init_path: FOLDER`: weights; epoch 0 follows.
4. Nothing: the initial weights of `runner.seed`, and a vocabulary made from the training data.

Evaluation, export and Paddle Inference take each checkpoint that `runner.infer_*` chooses.

Whichever it is, its vocabulary is the run's, for training, validation and test data alike. With
`data.grow_vocabulary` that of 3. grows first by the training data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from rec.checkpoint.files import check_file
from rec.checkpoint.manifest import Manifest, read_manifest
from rec.checkpoint.store import Store
from rec.config.config import Config
from rec.config.settings import RunnerSettings
from rec.console import log
from rec.data.vocabulary import VOCABULARY, Vocabulary
from rec.errors import UserError


@dataclass(frozen=True)
class Start:
    """Where a run begins.

    Attributes:
        folder: the checkpoint; None: from scratch.
        what: of it.
        epoch, batch: where training goes on.
        resumes: whether it goes on with what a killed run was doing.
        manifest: what the checkpoint says of itself; None of PaddleRec's, which say nothing.
        grows: whether its vocabulary grows by the training data, and the table with it.
    """

    folder: Path | None = None
    what: Literal["weights", "everything"] = "everything"
    epoch: int = 0
    batch: int = 0
    resumes: bool = False
    manifest: Manifest | None = None
    grows: bool = False

    @property
    def vocabulary_checksum(self) -> str | None:
        """SHA-256 of the checkpoint's vocabulary; None where it has none."""
        return self.manifest.files.get(VOCABULARY) if self.manifest else None

    @property
    def vocabulary(self) -> Vocabulary | None:
        """The checkpoint's vocabulary; None where it has none.

        Raises:
            UserError: it is damaged.
        """
        if self.folder is None or not (self.folder / VOCABULARY).is_file():
            return None
        return replace(Vocabulary.load(check_file(self.folder, VOCABULARY, self.manifest)), grows=self.grows)


def checkpoint_folder(start: Start) -> Path:
    """The folder of a start that has one, as those of `evaluated` do."""
    assert start.folder is not None
    return start.folder


def training_start(config: Config) -> Start:
    """Where training begins.

    Raises:
        UserError: the config names a checkpoint that is not there, or two to begin with.
    """
    runner = config.runner
    if runner.warm_start and runner.model_init_path:
        raise UserError("runner.warm_start and runner.model_init_path both name weights to start from: leave one out")
    if (runner.resume or runner.replay) and (start := _newest(runner)):
        return start
    grows = isinstance(config.data, Mapping) and bool(config.data.get("grow_vocabulary"))
    if config.last_epoch >= 0:
        if grows:
            raise UserError("data.grow_vocabulary begins a day at epoch 0, and last_epoch goes on: leave one out")
        return _after(config.last_epoch, runner)
    if given := runner.warm_start or runner.model_init_path:
        what: Literal["weights", "everything"] = "everything" if runner.warm_start else "weights"
        return Start(Path(given), what, manifest=_manifest(Path(given)), grows=grows)
    return Start()


def _after(epoch: int, runner: RunnerSettings) -> Start:
    if runner.warm_start:
        raise UserError("last_epoch goes on after an epoch, runner.warm_start begins at epoch 0: leave one out")
    folder = Path(runner.model_init_path or Path(runner.model_save_path) / str(epoch))
    manifest = _manifest(folder)
    if manifest is not None and (manifest.epoch, manifest.next_batch) != (epoch, None):
        within = f"within epoch {manifest.epoch}" if manifest.next_batch is not None else f"of epoch {manifest.epoch}"
        raise UserError(
            f"{folder}: is a checkpoint {within}, but last_epoch is {epoch}: set it as it is, or begin at epoch 0 with "
            "runner.warm_start"
        )
    return Start(folder, epoch=epoch + 1, manifest=manifest)


def _newest(runner: RunnerSettings) -> Start | None:
    store = Store(runner.model_save_path)
    manifest = store.latest()
    if manifest is None:
        log.info("nothing to resume in %s: starting anew", store.folder)
        return None
    folder = store.folder / manifest.name
    if manifest.next_batch is None:
        return Start(folder, epoch=manifest.epoch + 1, resumes=True, manifest=manifest)
    return Start(folder, epoch=manifest.epoch, batch=manifest.next_batch, resumes=True, manifest=manifest)


def _manifest(folder: Path) -> Manifest | None:
    if not folder.is_dir():
        raise UserError(f"{folder}: no such checkpoint folder")
    return read_manifest(folder)


def evaluated(config: Config) -> list[Start]:
    """The checkpoints to evaluate, in order. Raises UserError if none is there."""
    runner, store = config.runner, _evaluated_store(config.runner)
    if runner.evaluates == "epochs":
        return _epochs(runner, store)
    if runner.evaluates == "best" and not runner.best_by:
        raise UserError("runner.infer_checkpoint is best: set runner.best_metric, e.g. auc_ctcvr")
    manifest = store.best(runner.best_by or "") if runner.evaluates == "best" else store.latest()
    if manifest is None:
        raise UserError(f"{store.folder}: no {runner.evaluates} checkpoint there")
    return [Start(store.folder / manifest.name, "weights", manifest=manifest)]


def _evaluated_store(runner: RunnerSettings) -> Store:
    return Store(runner.infer_load_path or runner.model_save_path)


def left_out(config: Config) -> list[str]:
    """What `evaluated` passes over, a line each."""
    runner, store = config.runner, _evaluated_store(config.runner)
    if runner.evaluates != "epochs":
        return []
    trained, first, end = _trained(store), runner.infer_start_epoch, runner.infer_end_epoch
    others = _numbered(store) - set(trained)
    lines = [f"{store.folder / str(e)}: of another run: left out" for e in sorted(others) if _chosen(e, runner)]
    if end is not None:
        absent = [epoch for epoch in range(first, end) if epoch not in trained and epoch not in others]
        lines += [f"{store.folder / str(epoch)}: no such checkpoint: left out" for epoch in absent]
        later = [str(epoch) for epoch in trained if epoch >= end]
        if later:
            lines.append(
                f"{store.folder}: trained further than runner.infer_end_epoch, which is {end}: epochs "
                f"{', '.join(later)} are left out (null evaluates all)"
            )
    return lines


def _epochs(runner: RunnerSettings, store: Store) -> list[Start]:
    found = [store.folder / str(epoch) for epoch in _trained(store) if _chosen(epoch, runner)]
    if not found:
        end = "" if runner.infer_end_epoch is None else f" to {runner.infer_end_epoch - 1}"
        raise UserError(
            f"{store.folder}: no checkpoint of epochs {runner.infer_start_epoch}{end or ' and after'}; train first, or "
            "set runner.infer_load_path, infer_start_epoch and infer_end_epoch"
        )
    return [Start(folder, "weights", manifest=read_manifest(folder)) for folder in found]


def _chosen(epoch: int, runner: RunnerSettings) -> bool:
    end = runner.infer_end_epoch
    return runner.infer_start_epoch <= epoch and (end is None or epoch < end)


def _trained(store: Store) -> list[int]:
    """The complete epochs of the newest run; where PaddleRec wrote them, which says nothing of runs, of all."""
    manifests = store.manifests()
    if manifests:
        return sorted(manifest.epoch for manifest in manifests if manifest.next_batch is None)
    return sorted(_numbered(store))


def _numbered(store: Store) -> set[int]:
    """Epochs by the names of folders, whoever wrote them."""
    return {int(path.name) for path in store.folder.glob("*") if path.is_dir() and path.name.isdigit()}
