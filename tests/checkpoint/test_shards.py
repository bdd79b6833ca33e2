"""A divided table's files: what its trainers wrote, in any reader's parts."""

from __future__ import annotations

import numpy as np
import pytest

from rec.checkpoint.files import load
from rec.checkpoint.manifest import Manifest
from rec.checkpoint.shards import shard_name
from rec.checkpoint.state import State
from rec.checkpoint.store import Store
from rec.errors import UserError
from rec.loop.shards import write_shards
from trainers import together

V, D = 11, 3
WHOLE = {
    "embedding.weight": np.arange(V * D, dtype=np.float32).reshape(V, D),
    "embedding.weight/moment1": np.random.default_rng(1).normal(size=(V, D)).astype(np.float32),
    "embedding.weight/steps": np.arange(V, dtype=np.int64),
}
NET = State({"tower.weight": np.ones(4, np.float32)}, {"tower.weight/moment1": np.zeros(4, np.float32)})


@pytest.fixture
def checkpoint(tmp_path):
    """What three trainers wrote."""
    store = Store(tmp_path)

    def write(folder):
        def work(ranks):
            return write_shards(ranks, {name: value[ranks.rank :: 3] for name, value in WHOLE.items()}, folder, "rec")

        first, *others = together(3, work)
        assert all(other == first for other in others)
        return first

    return store.save(Manifest(0, None, 5, store.run), NET, {}, {}, "rec", "safetensors", write)


def test_shards_are_one_table(checkpoint):
    assert {path.name for path in checkpoint.iterdir()} == {
        "rec.safetensors", "rec.opt.safetensors", "state.json", *(shard_name("rec", rank, 3) for rank in range(3))
    }  # fmt: skip
    weights, everything = load(checkpoint, "weights"), load(checkpoint, "everything")
    assert weights.optimizer == {}
    for name, value in WHOLE.items():
        found = (everything.optimizer if "/" in name else weights.weights)[name]
        assert isinstance(found, np.ndarray)
        assert found.dtype == value.dtype
        np.testing.assert_array_equal(found, value)
    assert everything.weights.keys() == {"tower.weight", "embedding.weight"}


@pytest.mark.parametrize("count", [1, 2, 3, 5, 20])
def test_a_part_reads_its_rows(checkpoint, count):
    state = load(checkpoint, "everything", divided=True)
    for name, value in WHOLE.items():
        found = {**state.weights, **state.optimizer}[name]
        assert (found.shape, found.dtype, len(found)) == (value.shape, value.dtype, V)
        for rank in range(count):
            np.testing.assert_array_equal(found[rank::count], value[rank::count])
        np.testing.assert_array_equal(found[np.array([4, 1])], value[[4, 1]])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), r"table-00001-of-00003\.safetensors: is missing: damaged"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1] + b"x"), r"table-00001.*its checksum differs"),
        (lambda path: path.write_bytes(path.read_bytes()[:100]), r"table-00001.*its checksum differs"),
        (
            lambda path: path.with_name(shard_name("rec", 1, 4)).write_bytes(path.read_bytes()),
            r"table-00001-of-00004\.safetensors: is not one that state\.json names",
        ),
    ],
)
def test_a_damaged_one_is_refused(checkpoint, damage, message):
    damage(checkpoint / shard_name("rec", 1, 3))
    with pytest.raises(UserError, match=message):
        load(checkpoint, "weights")


@pytest.mark.parametrize("wrong", ["gone", "not finite"])
def test_what_one_cannot_write_none_has_written(tmp_path, wrong):
    store = Store(tmp_path)

    def write(folder):
        def work(ranks):
            rows = WHOLE["embedding.weight"].copy()
            rows[0] = np.nan if wrong == "not finite" and ranks.rank == 2 else 0
            place = folder / "elsewhere" if wrong == "gone" and ranks.rank == 2 else folder
            with pytest.raises(OSError, match="rank 2 on") as error:
                write_shards(ranks, {"embedding.weight": rows}, place, "rec")
            return error.value

        raise together(3, work)[0]

    message = "is not there: runner.model_save_path must be a folder that all" if wrong == "gone" else "not finite"
    with pytest.raises(UserError, match=f"could not be written: rank 2 on .*{message}.*earlier ones are kept"):
        store.save(Manifest(0, None, 5, store.run), NET, {}, {}, "rec", "safetensors", write)
    assert not list(tmp_path.iterdir())
