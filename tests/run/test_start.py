"""Which checkpoint a run begins with, in the order of precedence that `rec.run.start` states."""

from pathlib import Path

import numpy as np
import pytest

from rec.checkpoint.manifest import Manifest
from rec.checkpoint.state import State
from rec.checkpoint.store import Store
from rec.config.config import Config
from rec.errors import UserError
from rec.run.start import evaluated, left_out, training_start


def kept(folder: Path, *epochs: int) -> Store:
    """A folder of checkpoints of one run."""
    store = Store(folder)
    for epoch in epochs:
        manifest = Manifest(epoch, None, 10 * (epoch + 1), store.run)
        store.save(manifest, State({"w": np.zeros(1, np.float32)}), {}, {}, "rec", "safetensors")
    return store


def config(tmp_path: Path, last_epoch: int = -1, **runner) -> Config:
    own = {"model_save_path": str(tmp_path / "own"), "infer_load_path": str(tmp_path / "own")}
    return Config(tmp_path / "c.yaml", {"runner": {**own, **runner}, "last_epoch": last_epoch})


def test_the_order_of_precedence(tmp_path):
    kept(tmp_path / "own", 0, 1)
    kept(tmp_path / "other", 5)
    other = str(tmp_path / "other" / "5")

    start = training_start(config(tmp_path, last_epoch=0, resume=True, warm_start=other))
    assert (start.folder, start.epoch, start.resumes, start.what) == (tmp_path / "own" / "1", 2, True, "everything")
    start = training_start(config(tmp_path, last_epoch=0))
    assert (start.folder, start.epoch, start.resumes) == (tmp_path / "own" / "0", 1, False)
    start = training_start(config(tmp_path, last_epoch=5, model_init_path=other))
    assert (str(start.folder), start.epoch, start.what) == (other, 6, "everything")
    start = training_start(config(tmp_path, warm_start=other))
    assert (str(start.folder), start.epoch, start.what) == (other, 0, "everything")
    start = training_start(config(tmp_path, model_init_path=other))
    assert (str(start.folder), start.epoch, start.what) == (other, 0, "weights")
    assert training_start(config(tmp_path)).folder is None


def test_last_epoch_is_the_checkpoints(tmp_path):
    """One of another epoch would be trained again, or the rest of its epoch left out."""
    store = kept(tmp_path / "own", 0, 1)
    store.save(Manifest(2, 7, 27, store.run), State({"w": np.zeros(1, np.float32)}), {}, {}, "rec", "safetensors")
    for name, said in (("1", "is a checkpoint of epoch 1, but last_epoch is 2"), ("2-batch7", "within epoch 2, but")):
        with pytest.raises(UserError, match=said):
            training_start(config(tmp_path, last_epoch=2, model_init_path=str(tmp_path / "own" / name)))
    with pytest.raises(UserError, match=r"last_epoch goes on after an epoch, runner\.warm_start begins at epoch 0"):
        training_start(config(tmp_path, last_epoch=1, warm_start=str(tmp_path / "own" / "0")))


def test_resume_where_nothing_is_goes_down_the_list(tmp_path):
    kept(tmp_path / "other", 5)
    other = str(tmp_path / "other" / "5")
    assert str(training_start(config(tmp_path, resume=True, warm_start=other)).folder) == other
    assert training_start(config(tmp_path, resume=True)).folder is None


def test_a_place_within_an_epoch(tmp_path):
    store = kept(tmp_path / "own", 0)
    store.save(Manifest(1, 7, 17, store.run), State({"w": np.zeros(1, np.float32)}), {}, {}, "rec", "safetensors")
    start = training_start(config(tmp_path, resume=True))
    assert (start.epoch, start.batch, start.folder) == (1, 7, tmp_path / "own" / "1-batch7")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"warm_start": "a", "model_init_path": "b"}, "both name weights to start from: leave one out"),
        ({"warm_start": "nowhere"}, "nowhere: no such checkpoint folder"),
        ({"model_init_path": "nowhere"}, "nowhere: no such checkpoint folder"),
        ({"last_epoch": 3}, "own/3: no such checkpoint folder"),
    ],
)
def test_a_checkpoint_that_is_not_there(tmp_path, settings, message):
    with pytest.raises(UserError, match=message):
        training_start(config(tmp_path, **settings))


def test_evaluation_takes_the_epochs_it_is_told(tmp_path):
    kept(tmp_path / "own", 0, 1, 2)
    chosen = evaluated(config(tmp_path, infer_start_epoch=1, infer_end_epoch=3))
    assert [start.folder for start in chosen] == [tmp_path / "own" / "1", tmp_path / "own" / "2"]
    (latest,) = evaluated(config(tmp_path, infer_checkpoint="latest"))
    assert latest.folder == tmp_path / "own" / "2"
    with pytest.raises(UserError, match="no checkpoint of epochs 7 to 9; train first"):
        evaluated(config(tmp_path, infer_start_epoch=7, infer_end_epoch=10))
    with pytest.raises(UserError, match="no checkpoint of epochs 7 and after; train first"):
        evaluated(config(tmp_path, infer_start_epoch=7))


def test_evaluation_takes_every_epoch_that_was_trained(tmp_path):
    """Twelve of this run; a thirteenth is of one before, and 12-batch3 is no whole epoch."""
    kept(tmp_path / "own", 12)
    store = kept(tmp_path / "own", *range(12))
    store.save(Manifest(12, 3, 99, store.run), State({"w": np.zeros(1, np.float32)}), {}, {}, "rec", "safetensors")
    given = config(tmp_path)
    assert [start.folder.name for start in evaluated(given)] == [str(epoch) for epoch in range(12)]
    assert left_out(given) == [f"{tmp_path / 'own' / '12'}: of another run: left out"]
    given = config(tmp_path, infer_start_epoch=9)
    assert [start.folder.name for start in evaluated(given)] == ["9", "10", "11"]


def test_an_end_that_leaves_trained_epochs_out_is_told(tmp_path):
    kept(tmp_path / "own", *range(6))
    given = config(tmp_path, infer_end_epoch=4)
    assert [start.folder.name for start in evaluated(given)] == ["0", "1", "2", "3"]
    (line,) = left_out(given)
    assert line == (
        f"{tmp_path / 'own'}: trained further than runner.infer_end_epoch, which is 4: epochs 4, 5 are left out "
        "(null evaluates all)"
    )
    assert left_out(config(tmp_path, infer_end_epoch=7)) == [
        f"{tmp_path / 'own' / '6'}: no such checkpoint: left out",
    ]


def test_checkpoints_that_paddlerec_wrote(tmp_path):
    for epoch in (0, 1, 10):
        (tmp_path / "own" / str(epoch)).mkdir(parents=True)
    given = config(tmp_path)
    assert [start.folder.name for start in evaluated(given)] == ["0", "1", "10"]
    assert left_out(given) == []
