"""Static mode: whether the program builds and takes a step as the trainer would."""

from __future__ import annotations

import numpy as np
import paddle

from rec.doctor.finding import Finding
from rec.doctor.subject import Subject
from rec.doctor.trial import Trial
from rec.errors import UserError
from rec.loading import where
from rec.run.assembly import assemble

CHECK = "static program"


def check_program(subject: Subject, trial: Trial | None) -> Finding:
    """One step of the static engine on the first batch, against the trial's, which ran in dynamic graph.

    Both start from the same weights, so without random layers they have the same loss.
    """
    try:
        loss = _first_loss(subject)
    except UserError as error:
        return Finding(CHECK, "wrong", str(error), "mend static_model.py, or train with tools/trainer.py")
    except Exception as error:
        found = f"the program failed: {where(error, subject.config.model_dir)}"
        return Finding(CHECK, "wrong", found, "mend static_model.py, or train with tools/trainer.py")
    finally:
        paddle.disable_static()
    if loss is None or trial is None:
        return Finding(CHECK, "ok", "it builds and takes a step")
    found = f"it builds and takes a step; first loss {loss:.6f}, in dynamic graph {trial.during[0]:.6f}"
    if abs(loss - trial.during[0]) > 1e-3 * abs(trial.during[0]):
        return Finding(CHECK, "note", f"{found} (random layers draw differently)", "", {"loss": loss})
    return Finding(CHECK, "ok", found, "", {"loss": loss})


def _first_loss(subject: Subject) -> float | None:
    """The loss of the first step; None of a model that shows none. Changes only weights in memory."""
    run = assemble(subject.config, "static", "train")
    batch = next(iter(run.batches(run.reader, run.plan(0, 0, training=True))))
    shown = run.engine.train_step(batch)
    return float(np.mean(shown["loss"])) if "loss" in shown else None
