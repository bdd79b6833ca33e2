"""Text files whose rows are read one by one: quotes, line breaks, headers, encodings."""

import numpy as np
import pytest

from rec.data import columns
from rec.data.table_settings import FieldColumn, read_settings
from rec.data.tables.source import TableSource
from rec.data.tables.text import Text, stretches
from rec.errors import UserError


def read(path, content: bytes, **settings):
    path.write_bytes(content)
    section = read_settings({"labels": {"click": "c"}, "fields": {"a": None}, **settings})
    source = TableSource([str(path)], section)
    return source.read(source.fragments)


def texts(table, name="a"):
    return columns.lists_of_text(table, name, FieldColumn(), None)[1].to_pylist()


def dump(quotes: dict[int, str]) -> bytes:
    """1,500 tab-separated rows whose names may hold a quote, without quoting."""
    rows = [f"u{n}\t{quotes.get(n + 1, f'tv {n % 7}')}\t{n % 2}" for n in range(1500)]
    return "\n".join(["user\ta\tc", *rows, ""]).encode()


DUMP = dump({301: '"big tv', 901: 'tv 9" x'})


def test_a_quote_that_would_swallow_rows_is_refused(tmp_path):
    """The parser alone would read 900 of 1,500 rows, one value of which has 600 lines."""
    with pytest.raises(UserError) as error:
        read(tmp_path / "t.tsv", DUMP, delimiter="\t")
    assert "t.tsv: row 301 (lines 302 to 902): column a holds a line break within quotes, 'big tv" in str(error.value)
    assert "data.quoting: none" in str(error.value)


def test_a_dump_without_quoting_is_read_whole(tmp_path):
    table = read(tmp_path / "t.tsv", DUMP, delimiter="\t", quoting="none")
    assert len(table) == 1500
    assert texts(table)[300] == '"big tv'
    assert texts(table)[900] == 'tv 9" x'


def test_quotes_behind_spaces_may_be_plain_characters(tmp_path):
    assert texts(read(tmp_path / "t.csv", b'a, c\n 5 "in", 0\n "x", 1\n', quoting="none")) == ['5 "in"', '"x"']


def test_a_quote_that_is_never_closed_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"row 1200 \(lines 1201 to 1501\): column a holds a line break"):
        read(tmp_path / "t.tsv", dump({1200: '"big tv'}), delimiter="\t")


def test_the_swallowing_column_need_not_be_one_that_is_read(tmp_path):
    content = b'title,a,c\nx,1,0\n"y,2,1\nz",3,0\nw,4,1\n'
    with pytest.raises(UserError, match=r"row 2 \(lines 3 to 4\): column title holds a line break"):
        read(tmp_path / "t.csv", content)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_breaks_in_values_are_read_if_asked_for(tmp_path, end):
    content = end.join(["a,c", f'"big{end}tv",0', "b,1", ""]).encode()
    with pytest.raises(UserError, match=r"row 1 \(lines 2 to 3\): column a holds a line break"):
        read(tmp_path / "t.csv", content)
    table = read(tmp_path / "t.csv", content, newlines_in_values=True)
    assert texts(table) == [f"big{end}tv", "b"]


@pytest.mark.parametrize(
    ("content", "lines"),
    [(b"", 0), (b"\n\n", 0), (b"a", 1), (b"a\n", 1), (b"a\r\n\r\nb", 2), (b"a\rb\r", 2), (b"\n\na\n\nb\n", 2)],
)
def test_lines_are_counted_without_empty_ones(tmp_path, content, lines, monkeypatch):
    (tmp_path / "t").write_bytes(content)
    for block in (1 << 24, 1, 2):  # every border of a block
        monkeypatch.setattr("rec.data.tables.text.BLOCK", block)
        found = stretches(Text(str(tmp_path / "t"), "utf-8"), quoted=False)
        assert sum(stretch.rows for stretch in found) == lines
        assert [s.start for s in found] == [0, *(s.stop for s in found)][: len(found)]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"\xef\xbb\xbfa,c\r\n 1 ,0\r\n\r\n3.0,1", ["1", "3"]),
        (b"a,c\rx,0\ry,1\r", ["x", "y"]),
        (b"b , a, c\n1,x, 1\n", ["x"]),
        (b'"a","c"\n"x, y",0\n', ["x, y"]),
        (b"b,a,c,b\n1,x,0,3\n", ["x"]),
        (b'a,c\n" ""x""",0\n', ['"x"']),
        (b'a,c\n"{""k"": 1, ""l"": 2}",0\n', ['{"k": 1, "l": 2}']),
        (b"a,c\n", []),
        (b"a,c", []),
        (b"a,c\n\n\n", []),
    ],
)
def test_a_file_as_programs_write_it(tmp_path, content, found):
    assert texts(read(tmp_path / "t.csv", content)) == found


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "t.csv: is empty, expected a line with the columns' names"),
        (b"a;c\n1;0\n", "t.csv: has no column a, c; its columns are a;c (data.delimiter parts columns)"),
        (b"a,c,a\n1,0,2\n", "t.csv: has more than one column a"),
        (b'b, a, c\n1, x, 0\n2, "big, tv", 1\n', "row 2 (line 3): has a space before a quote, ' \"big': take it out"),
        (b'b, a, c\n1, x, 0\n2, "tv", 1\n', "row 2 (line 3): has a space before a quote, ' \"tv\"': take it out"),
        (b'b, "a", c\n1, x, 0\n', "t.csv: the header has a space before a quote, ' \"a\"': take it out"),
        (b"a,c\nx,0\ny,1,5\n", "t.csv: row 2 (line 3): has 3 values, the header 2 names"),
        (
            b"a,c\nx,0\n\xb4\xf3,0\n",
            "t.csv: row 2 (line 3): column a is not UTF-8: say what it is in with data.encoding",
        ),
        (b"\xb4\xf3,c\nx,0\n", "t.csv: the header is not UTF-8"),
        (b"b" * 200_000 + b",c\nx,0\n", "t.csv: has no column a; its columns are bbb"),
    ],
)
def test_what_cannot_be_read_is_said_with_file_and_row(tmp_path, content, message):
    with pytest.raises(UserError) as error:
        read(tmp_path / "t.csv", content)
    assert message in str(error.value)
    assert len(str(error.value)) < 1000
    str(error.value).encode()  # a byte that is no UTF-8 is not printed


def test_a_large_file_in_several_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr("rec.data.tables.text.BLOCK", 1 << 12)
    rows = [f"v{n % 50},{n % 2}" for n in range(5000)]
    table = read(tmp_path / "t.csv", "\n".join(["a,c", *rows]).encode())
    assert len(table.pieces) > 5
    assert texts(table) == [row.split(",")[0] for row in rows]
    assert table.where(4321).endswith("t.csv: row 4322")
    kept = np.arange(5000) % 3 == 0
    assert table.filter(kept).where(1000).endswith("t.csv: row 3001")
    assert texts(table.filter(kept)) == [f"v{n % 50}" for n in range(0, 5000, 3)]
