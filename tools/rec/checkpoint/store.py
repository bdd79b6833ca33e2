"""A folder of checkpoints: written whole or not at all, found again, pruned."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

from rec.checkpoint import arrays
from rec.checkpoint.better import lower_is_better
from rec.checkpoint.files import ENDINGS
from rec.checkpoint.manifest import Manifest, read_manifest, sha256, write_manifest
from rec.checkpoint.state import State
from rec.console import log
from rec.errors import UserError
from rec.numeric import Array


class Store:
    """Checkpoints under one folder (`runner.model_save_path`).

    A checkpoint is written into a hidden folder, flushed to the disk and renamed, so whatever has a checkpoint's name
    is whole. One that is replaced is moved aside first; `recover` puts it back if the process died in between. One that
    is removed loses its name first.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.run = uuid.uuid4().hex[:12]

    def recover(self) -> None:
        """Clear what a killed process left behind. Called by whoever is about to write here."""
        for path in self.folder.glob(".replaced-*"):
            final = self.folder / path.name.removeprefix(".replaced-")
            if final.exists():
                shutil.rmtree(path)
            else:
                path.rename(final)
        for path in (*self.folder.glob(".saving-*"), *self.folder.glob(".removed-*")):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def check_writable(self) -> None:
        """Raise UserError now rather than after the first epoch if nothing can be saved here."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            probe = self.folder / f".saving-probe-{os.getpid()}"
            probe.mkdir()
            probe.rmdir()
        except OSError as error:
            raise UserError(f"runner.model_save_path: cannot write to {self.folder}: {error.strerror}") from None

    def save(
        self,
        manifest: Manifest,
        state: State,
        texts: Mapping[str, str],
        more: Mapping[str, dict[str, Array]],
        prefix: str,
        save_format: str,
        shards: Callable[[Path], dict[str, str]] | None = None,
    ) -> Path:
        """Write one checkpoint: `<prefix>.*`, `more` arrays and `texts` by file name, and state.json; `shards` writes
        further files into the folder it is given, and says their names and SHA-256.

        Raises:
            UserError: the disk is full or not writable; what was there before is untouched.
        """
        weights, optimizer = ENDINGS[save_format]
        files = {f"{prefix}{weights}": state.weights, f"{prefix}{optimizer}": state.optimizer, **more}
        final, temporary = self.folder / manifest.name, self.folder / f".saving-{manifest.name}-{os.getpid()}"
        try:
            temporary.mkdir(parents=True)
            for name, values in files.items():
                arrays.write(temporary / name, values)
            for name, text in texts.items():
                (temporary / name).write_text(text, encoding="utf-8")
            manifest.files = {name: sha256(temporary / name) for name in (*files, *texts)}
            manifest.files |= shards(temporary) if shards else {}
            manifest.scheduler, manifest.rule = state.scheduler, state.rule
            manifest.saved, manifest.run = time.time(), self.run
            write_manifest(temporary / "state.json", manifest)
            for path in (*temporary.iterdir(), temporary):
                arrays.sync(path)
            self._replace(temporary, final)
        except OSError as error:
            shutil.rmtree(temporary, ignore_errors=True)
            why = error.strerror or str(error)
            raise UserError(f"{final}: the checkpoint could not be written: {why}; earlier ones are kept") from None
        return final

    def _replace(self, temporary: Path, final: Path) -> None:
        aside = self.folder / f".replaced-{final.name}"
        if final.exists():
            final.rename(aside)
        temporary.rename(final)
        arrays.sync(self.folder)
        shutil.rmtree(aside, ignore_errors=True)

    def record_metrics(self, name: str, metrics: dict[str, float | None]) -> None:
        """Write validation metrics into a checkpoint. Raises UserError if they cannot be written."""
        manifest = self._manifest(name)
        manifest.metrics = metrics
        self._rewrite(name, manifest)

    def add(self, name: str, file: str, text: str) -> None:
        """Write a file into a checkpoint, or another in its place. Raises UserError if it cannot be written."""
        manifest, temporary = self._manifest(name), self.folder / f".saving-{name}-{file}"
        try:
            temporary.write_text(text, encoding="utf-8")
            arrays.sync(temporary)
            manifest.files[file] = sha256(temporary)
            temporary.replace(self.folder / name / file)
        except OSError as error:
            raise UserError(f"{self.folder / name / file}: cannot be written: {error.strerror}") from None
        self._rewrite(name, manifest)

    def _manifest(self, name: str) -> Manifest:
        manifest = read_manifest(self.folder / name)
        if manifest is None:
            raise UserError(f"{self.folder / name}: the checkpoint has gone meanwhile")
        return manifest

    def _rewrite(self, name: str, manifest: Manifest) -> None:
        path, temporary = self.folder / name / "state.json", self.folder / f".saving-{name}.json"
        try:
            write_manifest(temporary, manifest)
            arrays.sync(temporary)
            temporary.replace(path)
        except OSError as error:
            raise UserError(f"{path}: cannot be written: {error.strerror}") from None

    def manifests(self) -> list[Manifest]:
        """All whole checkpoints of the newest run here, oldest first. Others are passed over; damage is said."""
        found = []
        for path in self.folder.glob("*/state.json"):
            if path.parent.name.startswith("."):
                continue
            try:
                manifest = read_manifest(path.parent)
            except UserError as error:
                log.warning("%s", error)
                continue
            if manifest is not None and manifest.name == path.parent.name:
                found.append(manifest)
        found.sort(key=lambda manifest: manifest.saved)
        return [manifest for manifest in found if manifest.run == found[-1].run]

    def latest(self) -> Manifest | None:
        """The newest checkpoint, or None if there is none."""
        return next(reversed(self.manifests()), None)

    def best(self, metric: str) -> Manifest | None:
        """The checkpoint with the best validation value of `metric`, the earlier of equals."""
        rated = [m for m in self.manifests() if m.metrics.get(metric) is not None]
        sign = -1.0 if lower_is_better(metric) else 1.0
        return max(rated, key=lambda m: sign * float(m.metrics[metric] or 0.0), default=None)

    def is_best(self, metric: str | None, metrics: Mapping[str, float | None]) -> bool:
        """Whether a checkpoint with these validation metrics would be `best`."""
        value, best = metrics.get(metric or ""), self.best(metric or "")
        if value is None:
            return False
        sign = -1.0 if lower_is_better(metric or "") else 1.0
        return best is None or sign * (value - float(best.metrics[metric or ""] or 0.0)) > 0

    def prune(self, keep_last: int, best_metric: str | None) -> None:
        """Remove epochs beyond the newest `keep_last` (0: none) but the best, and mid-epoch ones that are passed."""
        manifests = self.manifests()
        epochs = [m.name for m in manifests if m.next_batch is None]
        partial = [m.name for m in manifests if m.next_batch is not None]
        best = self.best(best_metric) if best_metric else None
        drop = epochs[:-keep_last] if keep_last else []
        newest = manifests[-1].name if manifests else ""
        for name in [*drop, *partial]:
            if name != newest and (best is None or name != best.name):
                self._remove(name)

    def _remove(self, name: str) -> None:
        """Remove a checkpoint; what cannot be removed stays as it is."""
        nameless = self.folder / f".removed-{name}"
        shutil.rmtree(nameless, ignore_errors=True)
        with contextlib.suppress(OSError):
            (self.folder / name).rename(nameless)
            shutil.rmtree(nameless, ignore_errors=True)
