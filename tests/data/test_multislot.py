"""Pipe commands and the MultiSlot text protocol: right rows, and one clear line for whatever goes wrong."""

import sys
from pathlib import Path

import numpy as np
import pytest

from rec.data.multislot import InMemoryDataset, PipeDataset
from rec.data.plan import ReadPlan
from rec.data.rows import RowReader
from rec.errors import UserError


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Two files of three and two rows: a label, two ids, one number that is whole in the first row."""
    texts = ("1 1 2 7 8 1 3\n1 0 2 9 1 1 .5\n\n1 0 2 2 2 1 -1\n", "1 1 2 4 5 1 2\n1 1 2 6 7 1 1e-3\n")
    for name, text in zip("ab", texts, strict=True):
        (tmp_path / name).write_text(text)
    return [str(tmp_path / name) for name in "ab"]


def rows(files: list[str], command: str, folder: Path, dtypes=None) -> list[list]:
    return [[slot.tolist() for slot in row] for row in PipeDataset(files, command, folder, dtypes)]


def test_python_is_the_one_that_runs_the_tool(files, tmp_path):
    own = f"int(sys.prefix == {sys.prefix!r})"
    (tmp_path / "which.py").write_text(f"import sys, numpy\nfor line in sys.stdin:\n    print('1', {own})\n")
    found = rows(files[1:], "python which.py", tmp_path)
    assert found == [[[1]], [[1]]]


def test_rows_are_slots_in_order_and_a_fraction_makes_a_slot_float(files, tmp_path):
    found = list(PipeDataset(files, "cat", tmp_path))
    assert [row[1].tolist() for row in found] == [[7, 8], [9, 1], [2, 2], [4, 5], [6, 7]]
    assert [row[2].item() for row in found] == pytest.approx([3, 0.5, -1, 2, 0.001])
    assert [slot.dtype.name for slot in found[0]] == ["int64", "int64", "float32"]
    given = next(iter(PipeDataset(files, "cat", tmp_path, ["float32", "int64", "float32"])))
    assert [slot.dtype.name for slot in given] == ["float32", "int64", "float32"]


def test_a_command_is_a_shell_line_run_where_its_script_is(files, tmp_path):
    directory = tmp_path / "model"
    directory.mkdir()
    (directory / "upper.py").write_text("import sys\nfor line in sys.stdin: print(line.strip(), '1', '5')\n")
    found = rows(files, f"grep . | {sys.executable} upper.py", directory)
    assert [row[3] for row in found] == [[5]] * 5


def test_batches_are_the_same_for_any_number_of_workers(files, tmp_path):
    reader = RowReader(PipeDataset(files, "cat", tmp_path), whole_batches=False)
    plan = ReadPlan(batch_size=2, training=True)
    whole = list(reader.batches(plan))
    assert [batch[0].shape for batch in whole] == [(2, 1), (2, 1), (1, 1)]
    shares = [list(reader.batches(plan.for_worker(worker, 2))) for worker in range(2)]
    for a, b in zip(whole, [shares[0][0], shares[1][0], shares[0][1]], strict=True):
        assert all((x == y).all() for x, y in zip(a, b, strict=True))


def test_in_memory_rows_are_shuffled_by_seed_and_epoch(files, tmp_path):
    reader = RowReader(InMemoryDataset(PipeDataset(files, "cat", tmp_path)), whole_batches=False)

    def order(**settings) -> list[int]:
        plan = ReadPlan(batch_size=5, training=True, shuffle=True, **settings)
        return next(reader.batches(plan))[1][:, 0].tolist()

    assert sorted(order()) == [2, 4, 6, 7, 9]
    assert order() == order()
    assert len({tuple(order(epoch=epoch)) for epoch in range(8)}) > 1


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("sed 's/1 -1/1 x/'", r"a \| .*line 4 of its output: slot 2: 'x' is not all float32"),
        ("sed 's/^1 0 2 2 2/0 2 2 2/'", "line 4 of its output: slot 0 begins with '0', expected its number of values"),
        ("sed 's/^1 0 2 2 2/1 0 9 2 2/'", "line 4 of its output: slot 1 announces 9 values, the line ends after 4"),
        ("sed 's/^1 0 2 2 2/1 0 1 2/'", "line 4 of its output: slot 1 holds 1 values, on the first line 2"),
        ("sed 's/^1 0 2 2 2/1 0/'", "line 4 of its output: holds 2 slots, expected 3"),
        ("cat; echo no room >&2; exit 3", "a | cat; .*: failed with exit code 3: no room"),
        ("no_such_command_at_all", "failed with exit code 127: .*not found"),
        ("cat; kill -9 $$", "was killed by SIGKILL"),
        ("cat 'x", "runner.pipe_command: cat 'x: No closing quotation"),
    ],
)
def test_what_goes_wrong_is_told_in_a_line(files, tmp_path, command, message):
    with pytest.raises(UserError, match=message) as error:
        rows(files, command, tmp_path)
    assert "\n" not in str(error.value)


def test_a_command_ends_when_its_rows_are_not_wanted(files, tmp_path):
    marker = tmp_path / "pid"
    Path(files[0]).write_text("1 1\n" * 1200 + "2 1 2\n")
    with pytest.raises(UserError, match="line 1201 of its output: slot 0 holds 2 values"):
        rows(files, f"echo $$ > {marker}; cat; sleep 1000", tmp_path)
    assert not Path(f"/proc/{marker.read_text().strip()}").exists()


def test_whole_numbers_beyond_int64_are_refused(files, tmp_path):
    Path(files[0]).write_text(f"1 {2**63}\n")
    with pytest.raises(UserError, match=f"'{2**63}' is not all int64"):
        rows(files[:1], "cat", tmp_path)
    assert np.iinfo(np.int64).max == 2**63 - 1
