"""What prepare.py says about rows that are no rows, and what it does with the verbatim fragments of the release."""

import gzip
import re
import tarfile
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rawfiles import archive, expected, random_split, read_back
from rich.console import Console

from preparation.badrows import explain
from preparation.pipeline import Settings, prepare
from preparation.rows import fields_of, parse
from preparation.show import show
from rec.errors import UserError

REAL = Path(__file__).parents[3] / "shared/data/aliccp_raw"
KEY = "00000000000000ab"
GOOD = b"1,0,0,00000000000000ab,1,205\x027\x031.0"
SKELETON = [
    (b"", "1 columns instead of 6"),
    (b"1,0,0,00000000000000ab,1", "5 columns instead of 6"),
    (b"x,0,0,00000000000000ab,1,205\x027\x031.0", "sample_id 'x' is not a non-negative integer"),
    (b"-1,0,0,00000000000000ab,1,205\x027\x031.0", "sample_id '-1' is not a non-negative integer"),
    (b"1,2,0,00000000000000ab,1,205\x027\x031.0", "click '2' is not 0 or 1"),
    (b"1,0,,00000000000000ab,1,205\x027\x031.0", "conversion '' is not 0 or 1"),
    (
        b"1,0,0,00000000000000xy,1,205\x027\x031.0",
        "common_feature_index '00000000000000xy' is not 16 hexadecimal digits",
    ),
    (b"1,0,0,ab,1,205\x027\x031.0", "common_feature_index 'ab' is not 16 hexadecimal digits"),
    (b"1,0,0,00000000000000ab,one,205\x027\x031.0", "feature_num 'one' is not a non-negative integer"),
    (b"1,0,0,00000000000000ab,2,205\x027\x031.0", "feature_num is 2, but the row holds 1 tokens"),
    (b"1,0,0,00000000000000ab,0,205\x027\x031.0", "feature_num is 0, but the row holds 1 tokens"),
    (b"1,0,0,00000000000000ab,1,", "feature_num is 1, but the row holds 0 tokens"),
    (b"1,0,0,00000000000000ab,1,205\x027", r"token 1 '205\x027': broken, expected field \x02 id \x03 value"),
    (b"1,0,0,00000000000000ab,2,205\x027\x031.0\x01", r"token 2 '': broken, expected field \x02 id \x03 value"),
    (b"1,0,0,00000000000000ab,1,999\x027\x031.0", r"token 1 '999\x027\x031.0': unknown field '999'"),
    (
        b"1,0,0,00000000000000ab,1,101\x027\x031.0",
        r"token 1 '101\x027\x031.0': field 101 belongs in the common features",
    ),
    (
        b"1,0,0,00000000000000ab,1,205\x02-7\x031.0",
        r"token 1 '205\x02-7\x031.0': id '-7' is not a non-negative integer",
    ),
    (
        b"1,0,0,00000000000000ab,1,205\x027.5\x031.0",
        r"token 1 '205\x027.5\x031.0': id '7.5' is not a non-negative integer",
    ),
    (
        b"1,0,0,00000000000000ab,1,205\x0267108864\x031.0",
        r"token 1 '205\x0267108864\x031.0': id 67108864 is not below 67108864 (the release's highest is 10091378)",
    ),
    (b"1,0,0,00000000000000ab,1,205\x027\x03", r"token 1 '205\x027\x03': value '' is not a finite number"),
    (b"1,0,0,00000000000000ab,1,205\x027\x03nan", r"token 1 '205\x027\x03nan': value 'nan' is not a finite number"),
    (b"1,0,0,00000000000000ab,1,205\x027\x031e39", r"token 1 '205\x027\x031e39': value '1e39' is not a finite number"),
    (b"1,0,0,00000000000000ab,1,205\x027\x031.0\xff", "invalid UTF-8 at byte 35"),
    (
        "1,0,0,00000000000000ab,1,205\x02é\x031.0".encode(),
        r"token 1 '205\x02é\x031.0': id 'é' is not a non-negative integer",
    ),
]
COMMON = [
    (b"00000000000000ab,1", "2 columns instead of 3"),
    (b"00000000000000a,1,101\x027\x031.0", "common_feature_index '00000000000000a' is not 16 hexadecimal digits"),
    (b"00000000000000ac,1,205\x027\x031.0", r"token 1 '205\x027\x031.0': field 205 belongs in the skeleton"),
    (b"00000000000000ab,1,101\x027\x031.0", "common_feature_index 00000000000000ab occurs twice"),
]


def write(folder: Path, skeleton: list[bytes], common: list[bytes]) -> Path:
    folder.mkdir()
    (folder / "sample_skeleton_train.csv").write_bytes(b"\n".join([*skeleton, b""]))
    (folder / "common_features_train.csv").write_bytes(b"\n".join([*common, b""]))
    return folder


def check(raw: Path, out: Path, message: str) -> None:
    """Failing says the message in one line; skipping leaves the row out, counts it and reports the same."""
    with pytest.raises(UserError) as failure:
        prepare(raw, out, Settings(valid=0.0), workers=2)
    assert str(failure.value) == f"{message} (--on-error skip leaves bad rows out and counts them)"
    assert list(out.iterdir()) == []
    report = prepare(raw, out, Settings(valid=0.0, on_error="skip"), workers=2)
    assert report["bad_rows"] == {"count": 1, "first": [message]}
    assert report["splits"]["train"]["skipped"] == 1
    assert report["splits"]["train"]["exposures"] == 2


@pytest.mark.parametrize(("line", "reason"), SKELETON, ids=[reason[:40] for _, reason in SKELETON])
def test_a_bad_skeleton_row(tmp_path: Path, line: bytes, reason: str):
    raw = write(tmp_path / "raw", [GOOD, line, GOOD], [b"00000000000000ab,0,"])
    check(raw, tmp_path / "out", f"{raw}/sample_skeleton_train.csv:2: {reason}")


@pytest.mark.parametrize(("line", "reason"), COMMON, ids=[reason[:40] for _, reason in COMMON])
def test_a_bad_common_row(tmp_path: Path, line: bytes, reason: str):
    raw = write(tmp_path / "raw", [GOOD, GOOD], [b"00000000000000ab,0,", b"00000000000000aa,0,", line])
    check(raw, tmp_path / "out", f"{raw}/common_features_train.csv:3: {reason}")


def test_an_index_without_a_common_row(tmp_path: Path):
    raw = write(tmp_path / "raw", [GOOD, GOOD, GOOD.replace(b"ab", b"cd")], [b"00000000000000ab,0,"])
    check(
        raw,
        tmp_path / "out",
        f"{raw}/sample_skeleton_train.csv:3: common_feature_index 00000000000000cd has no common row",
    )


def test_lines_are_counted_across_blocks_and_only_the_first_bad_rows_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr("preparation.sources.BLOCK", 100)
    raw = write(tmp_path / "raw", [GOOD, GOOD, GOOD, b"bad"] * 20, [b"00000000000000ab,0,"])
    report = prepare(raw, tmp_path / "out", Settings(valid=0.0, on_error="skip"), workers=2)
    assert report["bad_rows"]["count"] == 20
    lines = [int(re.search(r":(\d+): 1 columns", line)[1]) for line in report["bad_rows"]["first"]]
    assert lines == [4, 8, 12, 16, 20, 24, 28, 32, 36, 40]


def test_a_bad_row_is_shown_as_it_is_told(tmp_path: Path):
    """The 100th line's `:100:` was a picture."""
    raw = write(tmp_path / "raw", [*[GOOD] * 99, b"bad", GOOD], [b"00000000000000ab,0,"])
    report = prepare(raw, tmp_path / "out", Settings(valid=0.0, on_error="skip"), workers=2)
    shown = StringIO()
    show(report, Console(file=shown, width=80))
    assert f"skipped: {raw}/sample_skeleton_train.csv:100: 1 columns instead of 6\n" in shown.getvalue()


def test_windows_line_ends_and_a_missing_last_newline_are_no_fault(tmp_path: Path):
    raw = write(tmp_path / "raw", [GOOD + b"\r"], [b"00000000000000ab,0,\r"])
    with (raw / "sample_skeleton_train.csv").open("ab") as file:
        file.write(GOOD)
    assert prepare(raw, tmp_path / "out", Settings(valid=0.0), workers=1)["splits"]["train"]["exposures"] == 2


def test_a_line_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("preparation.sources.BLOCK", 100)
    raw = write(tmp_path / "raw", [GOOD, b"\0" * 1000], [b"00000000000000ab,0,"])
    with pytest.raises(UserError, match=r"sample_skeleton_train.csv:2: a line is longer than"):
        prepare(raw, tmp_path / "out", Settings(), workers=1)


@pytest.mark.parametrize("names", [[], ["sample_skeleton_train.csv"], ["sample_test.tar.gz"]])
def test_missing_files_are_named(tmp_path: Path, names: list[str]):
    for name in names:
        (tmp_path / name).touch()
    missing = (
        "common_features_train.csv is missing"
        if names[:1] == ["sample_skeleton_train.csv"]
        else "no training data here"
    )
    with pytest.raises(UserError, match=missing):
        prepare(tmp_path, tmp_path / "out", Settings(), workers=1)


def test_an_archive_that_lacks_a_file(tmp_path: Path):
    random_split(1).write(tmp_path / "plain", "train")
    with tarfile.open(tmp_path / "sample_train.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "plain/sample_skeleton_train.csv", "sample_skeleton_train.csv")
    with pytest.raises(UserError, match=r"sample_train.tar.gz: the archive holds no common_features_train.csv"):
        prepare(tmp_path, tmp_path / "out", Settings(), workers=1)


def test_a_truncated_archive_fails_or_loses_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr("preparation.sources.BLOCK", 10_000)
    split = random_split(1, rows=200)
    split.write(tmp_path / "plain", "train")
    path = archive(tmp_path / "plain", tmp_path / "raw", "train", skeleton_first=False)
    path.write_bytes(path.read_bytes()[:-5_000])
    reason = r"sample_skeleton_train.csv:\d+: the archive ends early \(an incomplete download\?\); the rest is lost"
    with pytest.raises(UserError, match=reason):
        prepare(tmp_path / "raw", tmp_path / "out", Settings(valid=0.0), workers=2)
    report = prepare(tmp_path / "raw", tmp_path / "out", Settings(valid=0.0, on_error="skip"), workers=2)
    kept = report["splits"]["train"]["exposures"]
    assert 0 < kept < len(split.exposures)
    assert report["bad_rows"]["count"] == 1
    assert f":{kept + 1}: " in report["bad_rows"]["first"][0]
    assert read_back(tmp_path / "out", "train") == expected(split)[:kept]


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda whole: b"", "the archive ends early"),
        (lambda whole: b"no gzip at all" * 100, "the archive is corrupt"),
        (lambda whole: gzip.compress(b"no tar at all" * 100), "the archive is corrupt"),
        (lambda whole: whole[:-8] + bytes(4) + whole[-4:], "the archive is corrupt .*incorrect data check"),
    ],
    ids=["empty", "no gzip", "no tar", "wrong checksum"],
)
def test_a_damaged_archive(tmp_path: Path, damage, reason: str):
    random_split(1).write(tmp_path / "plain", "train")
    path = archive(tmp_path / "plain", tmp_path / "raw", "train")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match=rf"sample_train.tar.gz\S*: {reason}"):
        prepare(tmp_path / "raw", tmp_path / "out", Settings(), workers=2)


def test_an_archive_of_several_gzip_members(tmp_path: Path):
    split = random_split(1)
    split.write(tmp_path / "plain", "train")
    path = archive(tmp_path / "plain", tmp_path / "raw", "train")
    tar = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(tar[:9_999]) + gzip.compress(tar[9_999:]))
    prepare(tmp_path / "raw", tmp_path / "out", Settings(valid=0.0), workers=2)
    assert read_back(tmp_path / "out", "train") == expected(split)


def slow_parse(line: bytes, common: bool) -> list[list[tuple[int, np.float32]]]:
    """A row's tokens by field, the plain way."""
    parts = [re.split("[\x02\x03]", token) for token in line.decode().strip().split(",")[-1].split("\x01") if token]
    return [
        [(int(number), np.float32(value)) for name, number, value in parts if name == field.name]
        for field in fields_of(common)
    ]


def fast_parse(line: bytes, common: bool) -> list[list[tuple[int, np.float32]]] | None:
    rows, _ = parse(line + b"\n", common)
    if not len(rows.number):
        return None
    pairs = list(zip(rows.tokens[:, 0].tolist(), rows.tokens.view(np.float32)[:, 1], strict=True))
    ends = np.cumsum(rows.lengths[0])
    return [pairs[end - length : end] for end, length in zip(ends, rows.lengths[0], strict=True)]


BYTES = st.sampled_from(
    [b"0", b"7", b"12", b"1.0", b"0.69315", b"a", b",", b"\x01", b"\x02", b"\x03", b".", b"e", b"-", b"_14"]
)


@settings(max_examples=600, deadline=None)
@given(seed=st.integers(0, 50), common=st.booleans(), data=st.data())
def test_the_fast_parser_refuses_exactly_what_can_be_explained(seed: int, common: bool, data: st.DataObject):
    split = random_split(seed, rows=3, mean_exposures=1)
    line = (split.common if common else split.exposures)[0].line()[:-1]
    for _ in range(data.draw(st.integers(0, 2))):
        start = data.draw(st.integers(0, len(line)))
        end = min(start + data.draw(st.integers(0, 3)), len(line))
        line = line[:start] + b"".join(data.draw(st.lists(BYTES | st.binary(max_size=2), max_size=2))) + line[end:]
    line = line.replace(b"\n", b"")
    reason = explain(line, common)
    found = fast_parse(line, common)
    assert (found is None) == bool(reason), reason
    if found is not None:
        assert found == slow_parse(line, common)


@pytest.mark.parametrize(
    "text",
    ["1.0", "0.69315", "8.2", "-1.5", "+2", "1.", ".5", "1e-5", "2.5E3", "0", "-0.0", "123456789.123456789", "0e5",
     "1e-60", "3.4028235e38", "16777217", "0.1000000000000000055511151231257827", "100000000000000000000"],
)  # fmt: skip
def test_values_are_read_as_float32_reads_them(text: str):
    found = fast_parse(f"1,0,0,{KEY},1,508\x027\x03{text}".encode(), False)
    assert found[fields_of(False).index(next(field for field in fields_of(False) if field.name == "508"))] == [
        (7, np.float32(text))
    ]


@pytest.mark.skipif(not REAL.exists(), reason="the real fragments are not here")
@pytest.mark.parametrize("name", ["deepcvr_notebook_heads.txt", "lhtlht_notebook_heads.txt"])
def test_verbatim_fragments_of_the_release_parse(name: str):
    """Notebook outputs: the string of tokens is cut at its end, so the last token is left out."""
    texts = re.findall(r"\S+\x02[^\s.]\S*", (REAL / name).read_text())
    lists = [text.split("\x01")[:-1] for text in texts if text.endswith("...") and text[0].isdigit()]
    assert len(lists) >= 2
    for tokens in lists:
        common = tokens[0].split("\x02")[0] in {field.name for field in fields_of(True)}
        head = "" if common else "1,0,0,"
        line = f"{head}bacff91692951881,{len(tokens)},{chr(1).join(tokens)}".encode()
        assert explain(line, common) == ""
        assert fast_parse(line, common) == slow_parse(line, common)
