"""Checkpoints: whole or not there, found again, and never run."""

import json
import os
import pickle
from pathlib import Path

import numpy as np
import paddle
import pytest

from rec.checkpoint import arrays
from rec.checkpoint.better import lower_is_better
from rec.checkpoint.files import check_file, load
from rec.checkpoint.manifest import Manifest, read_manifest
from rec.checkpoint.state import State
from rec.checkpoint.store import Store
from rec.errors import UserError


def state(value: float = 1.0) -> State:
    return State(
        {"w": np.full((2, 3), value, np.float32), "embedding.weight": np.arange(4, dtype=np.float32)},
        {"w/moment1_0": np.full((2, 3), -value, np.float32)},
    )


def save(store: Store, epoch: int, next_batch=None, value=1.0, save_format="safetensors", **metrics) -> Path:
    manifest = Manifest(epoch, next_batch, step=epoch * 10, run=store.run, metrics=metrics)
    return store.save(manifest, state(value), {"config.yaml": "runner: {}\n"}, {}, "rec", save_format)


@pytest.mark.parametrize("save_format", ["safetensors", "pdparams"])
def test_round_trip(tmp_path, save_format):
    folder = save(Store(tmp_path), 0, save_format=save_format)
    suffix = {"safetensors": "rec.safetensors", "pdparams": "rec.pdparams"}[save_format]
    assert (folder / suffix).is_file()
    assert load(folder, "weights").optimizer == {}
    found = load(folder, "everything")
    for name, value in state().weights.items():
        assert np.array_equal(found.weights[name], value)
    assert np.array_equal(found.optimizer["w/moment1_0"], state().optimizer["w/moment1_0"])
    assert (folder / "config.yaml").read_text() == "runner: {}\n"


def test_pdparams_are_readable_by_paddle_and_paddles_by_us(tmp_path):
    folder = save(Store(tmp_path), 0, save_format="pdparams")
    assert np.array_equal(paddle.load(str(folder / "rec.pdparams"))["w"].numpy(), state().weights["w"])
    layer = paddle.nn.Linear(2, 3)
    (tmp_path / "theirs").mkdir()
    paddle.save(layer.state_dict(), str(tmp_path / "theirs" / "rec.pdparams"))
    found = load(tmp_path / "theirs", "weights").weights
    assert np.array_equal(found["weight"], layer.weight.numpy())


class Hostile:
    """Unpickling it runs a command."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return os.system, (f"touch {self.target}",)


def test_a_hostile_pickle_is_refused_and_does_not_run(tmp_path):
    (tmp_path / "0").mkdir()
    with (tmp_path / "0" / "rec.pdparams").open("wb") as file:
        pickle.dump({"w": Hostile(tmp_path / "owned")}, file)
    with pytest.raises(UserError, match=r"refused: it holds posix\.system"):
        load(tmp_path / "0", "weights")
    assert not (tmp_path / "owned").exists()


def test_damage_is_noticed(tmp_path):
    folder = save(Store(tmp_path), 0)
    file = folder / "rec.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(UserError, match="checksum differs"):
        load(folder, "weights")
    (folder / "state.json").unlink()
    file.write_bytes(content[:-7])
    with pytest.raises(UserError, match="truncated or damaged"):
        load(folder, "weights")
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "rec.pdparams").write_bytes(b"\x80\x04\x95")
    with pytest.raises(UserError, match="truncated or damaged"):
        load(tmp_path / "1", "weights")


def test_what_is_missing_is_said(tmp_path):
    with pytest.raises(UserError, match="no such checkpoint"):
        load(tmp_path / "7", "weights")
    (tmp_path / "7").mkdir()
    with pytest.raises(UserError, match=r"holds no checkpoint \(looked for rec.safetensors"):
        load(tmp_path / "7", "weights")


def test_a_failed_write_leaves_the_old_one(tmp_path, monkeypatch):
    store = Store(tmp_path)
    save(store, 0, value=1.0)
    monkeypatch.setattr(arrays, "write", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(UserError, match="could not be written: No space left on device; earlier ones are kept"):
        save(store, 0, value=2.0)
    assert load(tmp_path / "0", "weights").weights["w"][0, 0] == 1.0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0"]


@pytest.mark.parametrize("new_one_is_there", [True, False])
def test_recovery_after_a_kill_while_replacing(tmp_path, new_one_is_there):
    store = Store(tmp_path)
    old = save(store, 0, value=1.0)
    old.rename(tmp_path / ".replaced-0")
    if new_one_is_there:
        save(store, 0, value=2.0)
        (tmp_path / ".replaced-0").mkdir(exist_ok=True)
    (tmp_path / ".saving-1-99").mkdir()
    Store(tmp_path).recover()
    assert load(tmp_path / "0", "weights").weights["w"][0, 0] == (2.0 if new_one_is_there else 1.0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0"]


def test_latest_and_best_are_of_the_newest_run(tmp_path):
    old, new = Store(tmp_path), Store(tmp_path)
    save(old, 7, auc_ctr=0.99)
    for epoch, auc in enumerate([0.6, 0.8, 0.7]):
        save(new, epoch, auc_ctr=auc, logloss_ctr=auc)
    store = Store(tmp_path)
    assert store.latest().name == "2"
    assert store.best("auc_ctr").name == "1"
    assert store.best("logloss_ctr").name == "0"
    assert store.best("auc_cvr") is None


@pytest.mark.parametrize("name", ["logloss_ctr", "rmse", "valid_loss", "ctr_RMSE", "log_loss", "test-mae"])
def test_errors_are_best_where_they_are_lowest(name):
    assert lower_is_better(name)


@pytest.mark.parametrize("name", ["auc_ctr", "auc_loss", "rank_correlation_error", "recall", "lossless"])
def test_others_are_best_where_they_are_highest(name):
    assert not lower_is_better(name)


def test_thinning_keeps_the_newest_the_best_and_other_runs(tmp_path):
    save(Store(tmp_path), 9)
    store = Store(tmp_path)
    for epoch, auc in enumerate([0.6, 0.8, 0.7, 0.65]):
        save(store, epoch, next_batch=5)
        save(store, epoch, auc_ctr=auc)
    save(store, 4, next_batch=5)
    store.prune(keep_last=2, best_metric="auc_ctr")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2", "3", "4-batch5", "9"]


def test_one_that_is_removed_loses_its_name_first(tmp_path, monkeypatch):
    """Killed while it removed files, a process left half a checkpoint under its name for good."""
    store = Store(tmp_path)
    save(store, 0)
    save(store, 1)
    with monkeypatch.context() as patch:
        patch.setattr("shutil.rmtree", lambda folder, ignore_errors: (folder / "state.json").unlink(missing_ok=True))
        store.prune(keep_last=1, best_metric=None)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".removed-0", "1"]
    Store(tmp_path).recover()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1"]


def test_a_damaged_manifest_is_passed_over_unless_it_is_asked_for(tmp_path):
    folder = save(Store(tmp_path), 0)
    (folder / "state.json").write_text(json.dumps({"epoch": 0, "what": 1}))
    assert Store(tmp_path).latest() is None
    with pytest.raises(UserError, match=r"state\.json: damaged"):
        load(folder, "weights")


def test_an_unwritable_folder_is_found_before_training(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write to"):
        Store(tmp_path / "file" / "below").check_writable()


def test_every_file_of_a_checkpoint_is_checked(tmp_path):
    folder = save(Store(tmp_path), 0, next_batch=30)
    assert check_file(folder, "config.yaml", read_manifest(folder)) == folder / "config.yaml"
    (folder / "config.yaml").write_text("runner: []\n")
    with pytest.raises(UserError, match=r"config\.yaml: its checksum differs from the one in state\.json"):
        check_file(folder, "config.yaml", read_manifest(folder))
    text = (folder / "state.json").read_text()
    (folder / "state.json").write_text(text.replace('"next_batch": 30', '"next_batch": 31'))
    with pytest.raises(UserError, match=r"state\.json: its checksum differs from its content"):
        load(folder, "weights")
    content = json.loads(text)
    del content["checksum"]  # from before it was kept
    (folder / "state.json").write_text(json.dumps(content))
    assert load(folder, "weights").weights["w"].shape == (2, 3)


def pickled(tmp_path: Path, program: bytes) -> Path:
    (tmp_path / "0").mkdir(exist_ok=True)
    (tmp_path / "0" / "rec.pdparams").write_bytes(program)
    return tmp_path / "0"


def test_a_pickle_cannot_alter_what_it_may_name(tmp_path):
    from numpy._core.numeric import _frombuffer

    before = _frombuffer.__dict__.copy()
    # The function that unpickles arrays of protocol 5, and {"doom": 1} as its new state.
    program = b"\x80\x04cnumpy._core.numeric\n_frombuffer\n}\x8c\x04doomK\x01sb."
    with pytest.raises(UserError, match="refused: it sets the state of a"):
        load(pickled(tmp_path, program), "weights")
    assert _frombuffer.__dict__ == before


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (b"\x80\x04cos\nsystem\n.", r"refused: it holds os\.system"),
        (b"\x80\x04\x8c\x04evil\x8c\x04evilR.", "refused: it calls what is no part"),
        (b"\x80\x04cnumpy\ndtype\n\x8c\x01O\x85R.", "refused: it holds an array of type 'O'"),
        (b"\x80\x04cnumpy\ndtype\n)\x81.", "refused: it makes objects"),
        # A memo index of 2^31 - 1, for which the unpickler in C would reserve 32 GB.
        (b"\x80\x04K\x01r\xff\xff\xff\x7f.", "expected arrays by name, found int"),
        (b"\x80\x04K\x01.", "expected arrays by name, found int"),
    ],
)
def test_small_hostile_programs(tmp_path, program, message):
    with pytest.raises(UserError, match=message):
        load(pickled(tmp_path, program), "weights")


@pytest.mark.parametrize("protocol", range(2, 6))
def test_arrays_of_every_pickle_protocol_are_read(tmp_path, protocol):
    arrays = {"a": np.arange(6, dtype=">f4").reshape(2, 3), "b": np.array(7), "c": np.asfortranarray(np.eye(3)[:2])}
    found = load(pickled(tmp_path, pickle.dumps({**arrays, "d": 3.5}, protocol)), "weights").weights
    assert found.keys() == arrays.keys()
    for name, value in arrays.items():
        assert np.array_equal(found[name], value)
