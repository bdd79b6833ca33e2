"""prepare.py: everything in, everything out, and what happens when it is not so."""

import json
import os
import signal
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rawfiles import Row, Split, archive, expected, random_split, read_back

from fields import FIELD_NAMES, FIELDS
from preparation import columnar, parts
from preparation.pipeline import Settings, prepare
from rec.errors import UserError

ROOT = Path(__file__).parents[2]
REAL = ROOT.parent / "shared/data/aliccp_raw"
ALL = Settings(valid=0.0)
real = pytest.mark.skipif(not REAL.exists(), reason="the real fragments are not here")


def schema(out: Path) -> dict:
    return json.loads((out / "schema.json").read_text())


def digests(out: Path) -> dict[str, str]:
    files = (path for path in sorted(out.rglob("*")) if path.is_file())
    return {str(path.relative_to(out)): sha256(path.read_bytes()).hexdigest() for path in files}


def parse_lines(path: Path) -> list[Row]:
    rows = []
    for line in path.read_text().splitlines():
        *head, index, _, text = line.split(",")
        tokens = tuple(
            (t.split("\x02")[0], int(t.split("\x02")[1].split("\x03")[0]), t.split("\x03")[1])
            for t in text.split("\x01")
        )
        rows.append(Row(index, tokens, *map(int, head)))
    return rows


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Two random splits."""
    random_split(1).write(tmp_path / "raw", "train")
    random_split(2, rows=15).write(tmp_path / "raw", "test")
    return tmp_path / "raw"


@real
@pytest.mark.parametrize(
    ("skeleton", "common"),
    [
        ("fixture_sample_skeleton_train.csv", "fixture_common_features_train.csv"),
        ("sample_skeleton_reconstructed.csv", "common_features_reconstructed.csv"),
    ],
)
def test_real_rows_come_back_token_by_token(tmp_path: Path, skeleton: str, common: str):
    split = Split(parse_lines(REAL / skeleton), parse_lines(REAL / common))
    split.write(tmp_path / "raw", "train")
    assert (tmp_path / "raw/sample_skeleton_train.csv").read_bytes() == (REAL / skeleton).read_bytes().rstrip(
        b"\n"
    ) + b"\n"
    prepare(tmp_path / "raw", tmp_path / "out", ALL, workers=2)
    assert read_back(tmp_path / "out", "train") == expected(split)
    train = schema(tmp_path / "out")["splits"]["train"]
    assert train["tokens_common"] == sum(len(row.tokens) for row in split.common)
    assert train["tokens_own"] == sum(len(row.tokens) for row in split.exposures)


def test_every_token_value_label_and_id_comes_back(raw: Path, tmp_path: Path):
    prepare(raw, tmp_path / "out", ALL, workers=2)
    assert read_back(tmp_path / "out", "train") == expected(random_split(1))
    known = {
        (name, number) for *_, tokens in expected(random_split(1)) for name in tokens for number, _ in tokens[name]
    }
    test = expected(random_split(2, rows=15))
    for row in test:
        for name, tokens in row[-1].items():
            tokens[:] = [(number if (name, number) in known else None, value) for number, value in tokens]
    assert read_back(tmp_path / "out", "test") == test


def test_the_schema_describes_the_files(raw: Path, tmp_path: Path):
    prepare(raw, tmp_path / "out", Settings(valid=0.3), workers=2)
    described = schema(tmp_path / "out")
    assert [field["name"] for field in described["fields"]] == list(FIELD_NAMES)
    offset = 0
    for field in described["fields"]:
        assert field["offset"] == offset
        offset += field["size"]
    assert described["id_space"] == offset
    assert list(described["splits"]) == ["train", "valid", "test"]
    for part in described["splits"].values():
        tables = [pq.read_table(tmp_path / "out" / file["exposures"]) for file in part["files"]]
        assert sum(map(len, tables)) == part["exposures"] == sum(file["rows"] for file in part["files"])
        assert sum(pa.compute.sum(table["click"]).as_py() for table in tables) == part["clicks"]
        for file in part["files"]:
            for kind in ("exposures", "common"):
                assert sha256((tmp_path / "out" / file[kind]).read_bytes()).hexdigest() == file["sha256"][kind]


def test_columns_have_the_promised_types(raw: Path, tmp_path: Path):
    prepare(raw, tmp_path / "out", ALL, workers=2)
    own = pq.read_schema(tmp_path / "out/train/exposures-00000.parquet")
    common = pq.read_schema(tmp_path / "out/train/common-00000.parquet")
    assert [own.field(name).type for name in ("sample_id", "click", "conversion", "common_row")] == [
        pa.int64(),
        pa.uint8(),
        pa.uint8(),
        pa.int32(),
    ]
    assert common.field("common_feature_index").type == pa.string()
    for field in FIELDS:
        table = common if field.common else own
        assert table.field(field.name).type.value_type == pa.int32()
        assert (f"{field.name}_value" in table.names) == field.weighted
    frame = pd.read_parquet(tmp_path / "out/train/common-00000.parquet")
    assert (frame["110_14"].map(len) == frame["110_14_value"].map(len)).all()


def test_ids_below_min_count_and_ids_unseen_in_training_are_out_of_vocabulary(tmp_path: Path):
    user = ("101", 5, "1.0")
    Split(
        [Row("a" * 16, (("205", 7, "1.0"), ("206", 1, "1.0")), n) for n in (1, 2, 3)]
        + [Row("a" * 16, (("205", 8, "1.0"), ("206", 1, "1.0")), 4)],
        [Row("a" * 16, (user,)), Row("b" * 16, (user, ("121", 9, "1.0")))],
    ).write(tmp_path / "raw", "train")
    Split([Row("c" * 16, (("205", 999, "1.0"), ("205", 7, "1.0")), 1)], [Row("c" * 16, (user,))]).write(
        tmp_path / "raw", "test"
    )
    prepare(tmp_path / "raw", tmp_path / "out", Settings(min_count=2, valid=0.0), workers=2)
    offsets = {field["name"]: (field["offset"], field["size"]) for field in schema(tmp_path / "out")["fields"]}
    # 205: id 7 occurs three times, id 8 once. 101: a common row counts once, not once per exposure; a row that no
    # exposure refers to does not count.
    assert {name: size for name, (_, size) in offsets.items() if size > 1} == {"205": 2, "206": 2}
    item = offsets["205"][0]
    train = pq.read_table(tmp_path / "out/train/exposures-00000.parquet")["205"].to_pylist()
    assert train == [[item + 1], [item + 1], [item + 1], [item]]
    assert pq.read_table(tmp_path / "out/test/exposures-00000.parquet")["205"].to_pylist() == [[item, item + 1]]
    vocabulary = pq.read_table(tmp_path / "out/vocabulary.parquet").to_pylist()
    assert vocabulary == [
        {"field": "205", "original_id": 7, "id": item + 1, "count": 3},
        {"field": "206", "original_id": 1, "id": offsets["206"][0] + 1, "count": 4},
    ]


def test_the_vocabulary_s_checksum_says_whether_ids_mean_the_same(raw: Path, tmp_path: Path):
    def checksum(name: str, settings: Settings) -> str:
        prepare(raw, tmp_path / name, settings, workers=1)
        return schema(tmp_path / name)["vocabulary_sha256"]

    first = checksum("first", ALL)
    table = pq.read_table(tmp_path / "first/vocabulary.parquet").to_pandas()
    content = b""
    for name in FIELD_NAMES:
        known = table.loc[table.field == name, "original_id"].to_numpy("<i8")
        content += f"{name} {len(known)} ".encode() + known.tobytes()
    assert first == sha256(content).hexdigest()
    assert checksum("rarer ones unknown", Settings(min_count=2, valid=0.0)) != first
    random_split(3).write(raw, "test")
    assert checksum("other test data", ALL) == first
    random_split(4).write(raw, "train")
    assert checksum("other training data", ALL) != first


def test_a_validation_part_may_be_empty(raw: Path, tmp_path: Path):
    report = prepare(raw, tmp_path / "out", Settings(valid=1e-9), workers=1)
    assert report["splits"]["valid"]["exposures"] == 0
    assert schema(tmp_path / "out")["splits"]["valid"]["files"] == []


def test_training_data_alone_will_do(raw: Path, tmp_path: Path):
    for path in raw.glob("*_test.csv"):
        path.unlink()
    prepare(raw, tmp_path / "out", Settings(), workers=1)
    assert list(schema(tmp_path / "out")["splits"]) == ["train", "valid"]


def test_the_release_is_recognised_and_compared(raw, tmp_path, monkeypatch):
    split = random_split(1)
    rows = (len(split.exposures), len(split.common))
    monkeypatch.setattr("preparation.release._ROWS", {"train": rows, "test": (0, 0)})
    found = prepare(raw, tmp_path / "out", ALL, workers=1)["release"]
    clicks = sum(row.click for row in split.exposures)
    assert found[0] == {"split": "train", "what": "clicks", "here": clicks, "release": 1_644_256, "agrees": False}
    assert len(found) == 3 + 2 * len(FIELDS)
    assert {
        "split": "train",
        "what": "101: distinct ids",
        "here": len({token for row in split.common for token in row.tokens if token[0] == "101"}),
        "release": 295_787,
        "agrees": False,
    } in found
    assert next(entry for entry in found if entry["what"].startswith("205: tokens"))["agrees"]
    assert len(prepare(raw, tmp_path / "part", Settings(), workers=1)["release"]) == 3 + len(FIELDS)


def test_a_user_is_wholly_in_train_or_in_valid(raw: Path, tmp_path: Path):
    report = prepare(raw, tmp_path / "out", Settings(valid=0.3), workers=2)
    split = random_split(1)
    user_of = {row.index: token for row in split.common for token in row.tokens if token[0] == "101"}
    users = {
        part: {user_of[index] for _, _, _, index, _ in read_back(tmp_path / "out", part)} for part in ("train", "valid")
    }
    assert users["train"]
    assert users["valid"]
    assert not users["train"] & users["valid"]
    assert sum(report["splits"][part]["exposures"] for part in users) == len(split.exposures)
    assert report["splits"]["valid"]["fields"]["101"]["out_of_vocabulary"] == 1.0  # their ids are not learnt


def test_without_a_user_id_the_common_row_decides(tmp_path: Path):
    rows = [f"{n:016x}" for n in range(400)]
    Split([Row(row, (("205", 1, "1.0"),), n) for n, row in enumerate(rows)], [Row(row, ()) for row in rows]).write(
        tmp_path / "raw", "train"
    )
    report = prepare(tmp_path / "raw", tmp_path / "out", Settings(valid=0.25), workers=1)
    assert 60 < report["splits"]["valid"]["exposures"] < 140  # 100 expected, standard deviation 9


def test_row_groups_of_exposures_and_common_rows_belong_together(raw, tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "GROUP_EXPOSURES", 40)
    monkeypatch.setattr(columnar, "FILE_GROUPS", 3)
    prepare(raw, tmp_path / "out", ALL, workers=2)
    assert read_back(tmp_path / "out", "train") == expected(random_split(1))
    described = schema(tmp_path / "out")["splits"]["train"]
    assert len(described["files"]) > 2
    assert described["common_rows"] == 40
    for file in described["files"]:
        own, common = (pq.ParquetFile(tmp_path / "out" / file[kind]) for kind in ("exposures", "common"))
        assert own.num_row_groups == common.num_row_groups <= 3
        before = 0
        for group in range(own.num_row_groups):
            refers = own.read_row_group(group)["common_row"].to_numpy()
            rows = common.metadata.row_group(group).num_rows
            assert sorted(set(refers)) == list(range(before, before + rows))
            before += rows
    assert 40 <= pq.ParquetFile(tmp_path / "out/train/exposures-00000.parquet").metadata.row_group(0).num_rows < 70


def test_a_common_row_that_recurs_later_is_stored_again_and_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "GROUP_EXPOSURES", 40)
    split = random_split(3)
    mixed = Split(split.exposures[::2] + split.exposures[1::2], split.common)
    mixed.write(tmp_path / "raw", "train")
    report = prepare(tmp_path / "raw", tmp_path / "out", ALL, workers=2)
    assert read_back(tmp_path / "out", "train") == expected(mixed)
    train = report["splits"]["train"]
    assert train["common_rows_stored_again"] == train["common_rows"] - 40 > 20


def test_groups_are_also_cut_by_common_tokens(tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "GROUP_COMMON_TOKENS", 60)
    split = random_split(3)
    split.write(tmp_path / "raw", "train")
    prepare(tmp_path / "raw", tmp_path / "out", ALL, workers=2)
    file = pq.ParquetFile(tmp_path / "out/train/common-00000.parquet")
    names = [field.name for field in FIELDS if field.common]
    for group in range(file.num_row_groups):
        table = file.read_row_group(group, columns=names)
        assert len(table) == 1 or sum(len(tokens) for name in names for tokens in table[name].to_pylist()) <= 60


def test_archives_in_either_order_equal_plain_files(raw: Path, tmp_path: Path):
    prepare(raw, tmp_path / "plain", Settings(), workers=2)
    for first in (True, False):
        for split in ("train", "test"):
            archive(raw, tmp_path / f"tar{first}", split, skeleton_first=first)
        prepare(tmp_path / f"tar{first}", tmp_path / f"out{first}", Settings(), workers=2)
        assert digests(tmp_path / f"out{first}") == digests(tmp_path / "plain")


def test_the_number_of_workers_and_the_size_of_blocks_change_nothing(raw, tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "GROUP_EXPOSURES", 40)
    prepare(raw, tmp_path / "one", Settings(), workers=1)
    monkeypatch.setattr("preparation.sources.BLOCK", 5_000)
    prepare(raw, tmp_path / "two", Settings(), workers=2)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")


def test_conversions_without_a_click_are_dropped_and_counted(tmp_path: Path):
    split = random_split(4)
    noise = [Row(row.index, row.tokens, 9_000_000 + row.sample, 0, 1) for row in split.exposures[::50]]
    Split(split.exposures + noise, split.common).write(tmp_path / "raw", "train")
    report = prepare(tmp_path / "raw", tmp_path / "out", ALL, workers=1)
    assert report["splits"]["train"]["dropped_conversion_without_click"] == len(noise)
    assert read_back(tmp_path / "out", "train") == expected(split)


def test_the_report_counts(tmp_path: Path):
    user = Row("a" * 16, (("109_14", 3, "0.69315"), ("109_14", 4, "1.5"), ("109_14", 3, "2")))
    other = Row("b" * 16, (("121", 5, "1.0"),))
    shown = (("205", 1, "1.0"), ("210", 2, "1.0"))
    again = tuple(reversed(shown))  # the order of tokens does not count
    rows = [(user, shown, 1, 1), (user, again, 1, 1), (user, shown, 1, 0), (other, shown, 0, 0)]
    exposures = [Row(common.index, tokens, n, *labels) for n, (common, tokens, *labels) in enumerate(rows)]
    Split(exposures, [user, other]).write(tmp_path / "raw", "train")
    train = prepare(tmp_path / "raw", tmp_path / "out", ALL, workers=1)["splits"]["train"]
    assert train["click_rate"] == 3 / 4
    assert train["conversion_rate_of_clicks"] == 2 / 3
    assert train["duplicate_exposures"] == 1
    assert train["exposures_per_common_row"] == 2
    assert train["fields"]["109_14"] == {"tokens_per_exposure": 9 / 4, "missing": 1 / 4, "out_of_vocabulary": 0}
    assert train["fields"]["216"] == {"tokens_per_exposure": 0, "missing": 1, "out_of_vocabulary": 0}
    assert (train["tokens_own"], train["tokens_common"]) == (8, 4)


def test_values_of_a_field_that_should_have_none_are_kept(tmp_path: Path):
    rows = [Row("a" * 16, (("205", 1, "1.0"), ("210", 2, "0.5")), 1)]
    Split(rows, [Row("a" * 16, ())]).write(tmp_path / "raw", "train")
    Split([Row("a" * 16, (("205", 1, "3"),), 1)], [Row("a" * 16, ())]).write(tmp_path / "raw", "test")
    report = prepare(tmp_path / "raw", tmp_path / "out", ALL, workers=1)
    assert next(field for field in schema(tmp_path / "out")["fields"] if field["name"] == "210")["weighted"]
    assert pq.read_table(tmp_path / "out/train/exposures-00000.parquet")["210_value"].to_pylist() == [[0.5]]
    assert report["values_not_kept"] == 1  # of 205, in test only


def test_the_known_truth_follows_its_exposure(raw: Path, tmp_path: Path):
    samples = [row.sample for row in random_split(1).exposures]
    truth = pd.DataFrame({"sample_id": samples})
    truth = truth.assign(p_click=truth.sample_id / 1000, p_conversion=truth.sample_id / 2000, p_click_conversion=0.0)
    truth.to_parquet(raw / "truth_train.parquet")
    prepare(raw, tmp_path / "out", Settings(valid=0.3), workers=2)
    for part in ("train", "valid"):
        frame = pd.read_parquet(tmp_path / "out" / part / "exposures-00000.parquet")
        assert frame.p_click.to_numpy() == pytest.approx(frame.sample_id / 1000)
        assert frame.p_conversion.to_numpy() == pytest.approx(frame.sample_id / 2000)
    assert "p_click" not in pq.read_schema(tmp_path / "out/test/exposures-00000.parquet").names
    truth.iloc[5:].to_parquet(raw / "truth_train.parquet")
    with pytest.raises(UserError, match=r"truth_train.parquet: no row for sample_id \d+, which the skeleton has"):
        prepare(raw, tmp_path / "other", ALL, workers=2)
    truth.iloc[::-1].to_parquet(raw / "truth_train.parquet")
    with pytest.raises(UserError, match=r"truth_train.parquet: sample_id does not ascend"):
        prepare(raw, tmp_path / "other", ALL, workers=2)


def test_a_finished_data_set_is_replaced_by_force_only(raw: Path, tmp_path: Path):
    prepare(raw, tmp_path / "out", ALL, workers=2)
    before = digests(tmp_path / "out")
    with pytest.raises(UserError, match="a prepared data set is here already"):
        prepare(raw, tmp_path / "out", ALL, workers=2)
    assert digests(tmp_path / "out") == before
    prepare(raw, tmp_path / "out", Settings(valid=0.5), workers=2, force=True)
    assert (tmp_path / "out/valid").exists()
    prepare(raw, tmp_path / "out", ALL, workers=2, force=True)
    assert digests(tmp_path / "out") == before


def test_files_of_others_are_never_touched(raw: Path, tmp_path: Path):
    (tmp_path / "out/train").mkdir(parents=True)
    (tmp_path / "out/train/mine.txt").write_text("mine")
    with pytest.raises(UserError, match=r"holds train, but no schema\.json"):
        prepare(raw, tmp_path / "out", ALL, workers=1, force=True)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["train"]
    assert (tmp_path / "out/train/mine.txt").read_text() == "mine"


def command(*arguments: object) -> list[str]:
    return [sys.executable, str(ROOT / "datasets/ali-ccp/prepare.py"), *map(str, arguments)]


def test_a_killed_run_leaves_nothing_final_and_the_next_one_cleans_up(raw: Path, tmp_path: Path):
    out = tmp_path / "out"
    slow = tmp_path / "slow"
    slow.mkdir()
    for path in raw.iterdir():
        (slow / path.name).symlink_to(path)
    os.mkfifo(slow / "pipe")  # the run waits for its common rows: a moment to kill it in
    (slow / "common_features_train.csv").unlink()
    (slow / "pipe").rename(slow / "common_features_train.csv")
    run = subprocess.Popen(command(slow, out), stderr=subprocess.PIPE)
    while not (out / ".preparing-data/spool").exists():
        assert run.poll() is None
        time.sleep(0.01)
    with pytest.raises(UserError, match="another run is preparing data here"):
        prepare(raw, out, ALL, workers=1)
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert all(path.name.startswith(".preparing-") for path in out.iterdir())
    prepare(raw, out, ALL, workers=1)
    prepare(raw, tmp_path / "other", ALL, workers=1)
    assert digests(out) == digests(tmp_path / "other")


def test_a_full_disk_is_said_and_leaves_nothing(raw: Path, tmp_path: Path):
    disk = tmp_path / "disk"
    disk.mkdir()
    size = ["-o", "size=100k"]
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", *size, "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        run = subprocess.run(command(raw, disk), capture_output=True, text=True)
        assert (run.returncode, run.stderr.splitlines()[-1]) == (
            2,
            f"prepare.py: {disk}: the disk is full; nothing was kept",
        )
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", disk], check=True)


def test_an_interrupted_run_leaves_nothing(raw: Path, tmp_path: Path):
    (raw / "common_features_train.csv").unlink()
    os.mkfifo(raw / "common_features_train.csv")
    run = subprocess.Popen(command(raw, tmp_path / "out"), stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "out/.preparing-data/spool").exists():
        assert run.poll() is None
        time.sleep(0.01)
    run.send_signal(signal.SIGINT)
    assert run.communicate()[1].splitlines()[-1] == "prepare.py: interrupted; nothing was kept"
    assert run.returncode == 130
    assert list((tmp_path / "out").iterdir()) == []


def test_a_run_killed_while_moving_its_results_is_cleaned_up(raw: Path, tmp_path: Path):
    out = tmp_path / "out"
    prepare(raw, out, Settings(valid=0.5), workers=1)
    before = digests(out)
    (out / "schema.json").unlink()
    (out / ".preparing-data").mkdir()
    prepare(raw, out, Settings(valid=0.5), workers=1)
    assert digests(out) == before


def test_the_command_prints_a_report_and_says_in_one_line_what_is_wrong(raw: Path, tmp_path: Path):
    done = subprocess.run(command(raw, tmp_path / "out"), capture_output=True, text=True)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert "clicks per exposure" in done.stdout
    assert "train: read:" in done.stderr
    wrong = subprocess.run(command(raw, tmp_path / "out"), capture_output=True, text=True)
    assert wrong.returncode == 2
    assert wrong.stderr.splitlines() == [
        f"prepare.py: {tmp_path / 'out'}: a prepared data set is here already (--force replaces it)"
    ]


def test_what_is_written_is_counted_once(raw, tmp_path, monkeypatch, capsys):
    told: list[float] = []
    write_part = columnar.write_part

    def counting(tables, folder, pool, advance):
        return write_part(tables, folder, pool, lambda amount: (told.append(amount), advance(amount)))

    monkeypatch.setattr("preparation.pipeline.write_part", counting)
    report = prepare(raw, tmp_path / "out", ALL, workers=2)
    exposures = {split: counts["exposures"] for split, counts in report["splits"].items()}
    assert sum(told) == sum(exposures.values())
    shown = capsys.readouterr().err
    for split, count in exposures.items():
        assert f"{split}: write: {count:,} exposures in " in shown
