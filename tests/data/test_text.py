"""The line format: every token, each line once, and the place of every mistake."""

import threading
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from rec.config.config import Config
from rec.data.batch import Batch
from rec.data.lines import LineIndex, data_files
from rec.data.loader import load_batches
from rec.data.parse import NO_VALUE, FieldNames, LineError, parse
from rec.data.plan import ReadPlan
from rec.data.reader import ALI_CCP_FIELDS
from rec.data.text import TextReader
from rec.errors import UserError
from support import tiny_lines, write_lines


def reader(folder: Path, fields=("a", "b"), num_id=100, **settings) -> TextReader:
    runner = {name: settings.pop(name) for name in ("label_policy",) if name in settings}
    hyper = {"fields": list(fields), "sparse_feature_number": num_id, **settings}
    config = Config(folder / "c.yaml", {"runner": runner, "hyper_parameters": hyper})
    return TextReader(data_files(folder), config)


def bags_of(batch: Batch) -> list[list[list[int]]]:
    """ids by impression and field."""
    (block,) = batch.bags
    ids, f = batch.rows[block.positions], block.num_field
    bounds = block.offsets
    return [[ids[bounds[r * f + k] : bounds[r * f + k + 1]].tolist() for k in range(f)] for r in range(block.num_row)]


TRAIN = ReadPlan(batch_size=10, training=True)
TEST = ReadPlan(batch_size=10, training=False)


def test_every_token_of_every_listed_field(tmp_path):
    write_lines(tmp_path, ["x1,1,0,b:7,a:3,c:99999,a:3,b:0", "x2,0,0", "x3,1,1,a:99"])
    (batch,) = reader(tmp_path).batches(TRAIN)
    assert bags_of(batch) == [[[3, 3], [7, 0]], [[], []], [[99], []]]
    assert batch.labels["click"].tolist() == [1, 0, 1]
    assert batch.labels["conversion"].tolist() == [0, 0, 1]
    assert batch.sample_ids.tolist() == [b"x1", b"x2", b"x3"]
    assert sorted(batch.rows.tolist()) == [0, 3, 7, 99]
    assert batch.counts["tokens of fields that hyper_parameters.fields does not list: passed over"] == 1


def test_max_len_keeps_the_first_tokens_of_a_field(tmp_path):
    write_lines(tmp_path, ["1,0,0,a:1,b:5,a:2,a:3"])
    (batch,) = reader(tmp_path, max_len=2).batches(TRAIN)
    assert bags_of(batch) == [[[1, 2], [5]]]


def test_line_ends_and_blank_lines(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"1,0,0,a:1\r\n\r\n\n2,0,0,a:2\n   \n3,0,0,a:3")
    with pytest.raises(UserError, match=r"a\.txt:5: column 2: the line ends"):
        list(reader(tmp_path).batches(TRAIN))
    (tmp_path / "a.txt").write_bytes(b"1,0,0,a:1\r\n\r\n\n2,0,0,a:2\n3,0,0,a:3")
    (batch,) = reader(tmp_path).batches(TRAIN)
    assert bags_of(batch) == [[[1], []], [[2], []], [[3], []]]


def test_files_are_sorted_and_hidden_ones_and_folders_ignored(tmp_path):
    for name, row in (("part-1", 2), ("part-0", 1), (".part-9", 9)):
        (tmp_path / name).write_text(f"{row},0,0,a:{row}\n")
    write_lines(tmp_path / ".ipynb_checkpoints", ["8,0,0,a:8"])
    (batch,) = reader(tmp_path).batches(TRAIN)
    assert batch.sample_ids.tolist() == [b"1", b"2"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("2,0", "column 3: the line ends where a label should be"),
        ("2", "column 2: the line ends where a label should be"),
        ("2,0,2,a:1", "column 3: label should be 0 or 1, found '2'"),
        ("2,x,0,a:1", "column 2: label should be 0 or 1, found 'x'"),
        ("2,0,0,a:1,b2", "column 5: expected field:id, found 'b2'"),
        ("2,0,0,a:1,", "column 5: expected field:id, found ''"),
        ("2,0,0,a:", "column 4: the id should be a non-negative integer, found 'a:'"),
        ("2,0,0,a:1,b:-4", "column 5: the id should be a non-negative integer, found 'b:-4'"),
        ("2,0,0,a:1.5", "column 4: the id should be a non-negative integer, found 'a:1.5'"),
        ("2,0,0,a:1,b:100", "column 5: id 100 of field b is outside the embedding table"),
        ("2,0,0,a:99999999999999999999999", "column 4: the id should be a non-negative integer"),
    ],
)
def test_a_bad_line_is_named(tmp_path, line, reason):
    write_lines(tmp_path, ["1,0,0,a:1", "", line, "3,0,0,a:1"])
    with pytest.raises(UserError) as error:
        list(reader(tmp_path).batches(TRAIN))
    assert str(error.value).startswith(f"{tmp_path / 'part-0.txt'}:3: {reason}")


def test_a_bad_line_is_named_when_shuffled_and_through_workers(tmp_path):
    write_lines(tmp_path, [*tiny_lines(50), "50,0,0,user:x", *tiny_lines(20)])
    plan = ReadPlan(batch_size=8, training=True, shuffle=True)
    with pytest.raises(UserError, match=r"part-0\.txt:51: column 4"):
        list(load_batches(reader(tmp_path, ("user",)), plan, 2, tmp_path))


def test_conversion_without_click(tmp_path):
    write_lines(tmp_path, ["1,0,1,a:1", "2,1,1,a:2", "3,0,0,a:3"])
    (batch,) = reader(tmp_path).batches(TRAIN)
    assert batch.sample_ids.tolist() == [b"2", b"3"]
    assert batch.counts == {"impressions": 3, "impressions with conversion but no click": 1}
    (batch,) = reader(tmp_path).batches(TEST)
    assert batch.sample_ids.tolist() == [b"1", b"2", b"3"]
    assert batch.counted(batch.sample_ids).tolist() == [b"2", b"3"]
    (batch,) = reader(tmp_path, label_policy="keep").batches(TRAIN)
    assert len(batch) == 3
    with pytest.raises(UserError, match=r"part-0\.txt:1: conversion is 1 but click is 0"):
        list(reader(tmp_path, label_policy="fail").batches(TRAIN))


@pytest.mark.parametrize("workers", [0, 1, 2, 3])
@pytest.mark.parametrize("ranks", [1, 2])
def test_each_line_once_for_any_number_of_processes(tmp_path, workers, ranks):
    write_lines(tmp_path, tiny_lines(103))
    source = reader(tmp_path, ("user", "item", "tags"))
    seen: Counter[bytes] = Counter()
    for rank in range(ranks):
        plan = ReadPlan(batch_size=10, training=True, shuffle=True, seed=4, rank=rank, ranks=ranks)
        for batch in load_batches(source, plan, workers, tmp_path):
            seen.update(batch.sample_ids.tolist())
    assert seen == Counter({str(row).encode(): 1 for row in range(103)})


def test_workers_change_neither_order_nor_content(tmp_path):
    write_lines(tmp_path, tiny_lines(103))
    source = reader(tmp_path, ("user", "item", "tags"))
    plan = ReadPlan(batch_size=10, training=True, shuffle=True, seed=4, start=3)
    alone = list(load_batches(source, plan, 0, tmp_path))
    for workers in (1, 2, 5):
        for a, b in zip(alone, load_batches(source, plan, workers, tmp_path), strict=True):
            assert a.sample_ids.tolist() == b.sample_ids.tolist()
            assert bags_of(a) == bags_of(b)


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_neither_order_nor_content(tmp_path, threads):
    write_lines(tmp_path, [*tiny_lines(103), "103,0,1,user:1"])  # whose last line is left out: click is 0
    source = reader(tmp_path, ("user", "item", "tags"))
    for start in (0, 3, 11):
        plan = ReadPlan(batch_size=10, training=True, shuffle=True, seed=4, start=start)
        source.threads = 1
        alone = list(load_batches(source, plan, 0, tmp_path))
        source.threads = threads
        together = list(load_batches(source, plan, 0, tmp_path))
        assert [batch.sample_ids.tolist() for batch in together] == [batch.sample_ids.tolist() for batch in alone]
        assert [bags_of(batch) for batch in together] == [bags_of(batch) for batch in alone]


def test_an_error_in_one_of_several_threads_comes_in_its_place_and_ends_them(tmp_path):
    write_lines(tmp_path, [*tiny_lines(25), "25,0,0,user:x", *tiny_lines(40)])
    source = reader(tmp_path, ("user",))
    source.threads = 3
    batches = load_batches(source, ReadPlan(batch_size=10, training=True), 0, tmp_path)
    assert [len(next(batches)), len(next(batches))] == [10, 10]
    with pytest.raises(UserError, match=r"part-0\.txt:26: column 4"):
        next(batches)
    assert not [thread for thread in threading.enumerate() if thread.name == "reader"]


NAMES = ("a", "ab", "seven77", "eight888", "nine99999", "sixteen_16______", "seventeen_17_____", "é", "101", "109_14")


def lines_of_all_kinds(count: int) -> list[str]:
    """Names and ids of every length, from a generator's seed; some names are listed nowhere."""
    random = np.random.default_rng(5)
    lines = []
    for row in range(count):
        names = random.choice([*NAMES, "eight889", "a ", "seventeen_17____x", ""], int(random.integers(0, 12)))
        ids = [int(10 ** random.uniform(0, random.choice([3, 9, 17.9], p=[0.7, 0.28, 0.02]))) for _ in names]
        zeros = random.choice(["", "0", "00000000"], len(names), p=[0.8, 0.1, 0.1])
        tokens = [f"{name}:{(zero + str(token))[-18:]}" for name, zero, token in zip(names, zeros, ids, strict=True)]
        lines.append(",".join([str(row), "1", "", *tokens]) + str(random.choice(["\n", "\r\n", " \n"])))
    return lines


def by_hand(lines: list[str], num_id: int, max_len: int) -> tuple[list[list[list[int]]], int, list[str]]:
    """ids by line and field, how many tokens' fields are not listed, and the ids that are too large."""
    bags, unlisted, too_large = [], 0, []
    for line in lines:
        bag: dict[str, list[int]] = {name: [] for name in NAMES}
        for text in line.strip().split(",")[3:]:
            name, value = text.split(":")
            if name not in bag:
                unlisted += 1
            elif int(value) >= num_id:
                too_large.append(value)
            elif len(bag[name]) < (max_len or 99):
                bag[name].append(int(value))
        bags.append(list(bag.values()))
    return bags, unlisted, too_large


@pytest.mark.parametrize("max_len", [0, 2])
def test_any_names_and_ids_are_parsed_as_python_would(max_len):
    fields = FieldNames.of(NAMES)
    wrong = 0
    for number, line in enumerate(lines_of_all_kinds(400)):
        lines = [line, line.rstrip()] if number % 2 else [line.rstrip(), line.rstrip()]  # with no line end between
        text = np.frombuffer("".join(lines).encode(), np.uint8)
        starts = np.cumsum([0, *(len(each.encode()) for each in lines)])
        for num_id in (2**31 - 1, 10_000):
            bags, unlisted, too_large = by_hand(lines, num_id, max_len)
            if too_large:
                with pytest.raises(LineError, match="outside the embedding table") as found:
                    parse(text, starts, fields, 2, num_id, max_len)
                assert f"id {too_large[0]} of field" in found.value.reason
                wrong += 1
                continue
            parsed = parse(text, starts, fields, 2, num_id, max_len)
            got = [parsed.ids[a:b].tolist() for a, b in pairwise(parsed.offsets)]
            assert got == [ids for bag in bags for ids in bag]
            assert (parsed.unlisted, parsed.labels.tolist()) == (unlisted, [[1, NO_VALUE]] * 2)
    assert 100 < wrong < 600


def test_epochs_differ_repeat_and_can_begin_anywhere(tmp_path):
    write_lines(tmp_path, tiny_lines(40))
    source = reader(tmp_path, ("user",))

    def order(**changes) -> list[bytes]:
        plan = ReadPlan(**{"batch_size": 7, "training": True, "shuffle": True, "seed": 1, **changes})
        return [i for batch in source.batches(plan) for i in batch.sample_ids.tolist()]

    assert order(epoch=0) == order(epoch=0)
    assert order(epoch=0) != order(epoch=1)
    assert order(epoch=0) != order(epoch=0, seed=2)
    assert order(epoch=1, start=2) == order(epoch=1)[14:]
    assert order(shuffle=False) == [str(row).encode() for row in range(40)]
    assert len(order()) == 40
    assert len(order(drop_last=True)) == 35


def test_a_file_that_became_shorter(tmp_path):
    write_lines(tmp_path, tiny_lines(40))
    source = reader(tmp_path, ("user",))
    (tmp_path / "part-0.txt").write_text("1,0,0\n")
    with pytest.raises(UserError, match="became shorter"):
        list(source.batches(TRAIN))


def test_line_index_reads_any_lines(tmp_path):
    lines = [f"line {n} " + "x" * (n % 7) for n in range(30)]
    write_lines(tmp_path, lines)
    index = LineIndex(data_files(tmp_path))
    text, starts = index.read(np.array([5, 6, 2, 29]))
    found = [bytes(text[a:b]).decode() for a, b in pairwise(starts)]
    assert found == [lines[n] + "\n" for n in (5, 6, 2, 29)]


def test_the_default_fields_are_ali_ccps():
    from fields import FIELD_NAMES

    assert ALI_CCP_FIELDS == FIELD_NAMES


@pytest.mark.parametrize(
    ("folder", "message"),
    [("none", "no such data directory"), ("empty", "holds no data files"), ("file", "found a file")],
)
def test_folders_without_data(tmp_path, folder, message):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match=message):
        data_files(tmp_path / folder)


def test_ids_of_any_size_are_hashed_with_their_fields(tmp_path):
    """Neighbours and the largest ids alike: of 20,000 in 1,000 rows each has 5 to 45, and fields do not share them."""
    big = [2**64 - 1, 10**19, 2**63, 5, 6]
    lines = [f"{i},0,0,a:{big[i] if i < 5 else i * 7},b:{big[i] if i < 5 else i * 7}" for i in range(10_000)]
    write_lines(tmp_path / "data", lines)
    hyper = {"fields": ["a", "b"], "sparse_feature_number": 1000, "hash_ids": True}
    config = Config(tmp_path / "c.yaml", {"runner": {}, "hyper_parameters": hyper})
    reader = TextReader(data_files(tmp_path / "data"), config)
    (batch,) = reader.batches(ReadPlan(batch_size=10_000, training=False))
    (bags,) = batch.bags
    rows = batch.rows[bags.positions].reshape(-1, 2)
    assert np.bincount(rows.reshape(-1), minlength=1000).min() >= 5
    assert np.bincount(rows.reshape(-1), minlength=1000).max() <= 45
    assert (rows[:, 0] == rows[:, 1]).mean() < 0.01
    assert len(set(rows[:5, 0].tolist())) == 5
    assert reader.reading()["hyper_parameters.hash_ids"] is True
    other = Config(tmp_path / "c.yaml", {"runner": {}, "hyper_parameters": {**hyper, "hash_ids": False}})
    with pytest.raises(UserError, match=r"hash_ids: true takes ids of any size|should be a non-negative integer"):
        list(TextReader(data_files(tmp_path / "data"), other).batches(ReadPlan(batch_size=100, training=False)))
