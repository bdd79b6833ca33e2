"""What is said of the data that a run reads."""

from rec.data.unseen import Unseen, summary
from rec.report.reading import log_rows, log_unseen
from support import Tool, tiny_lines, write_lines


def test_a_few_files_are_named(caplog):
    caplog.set_level("INFO")
    log_rows({"/data/a.csv": 900, "/data/b.csv": 0}, "training", 900)
    log_rows({"/data/a.csv": 1500}, "testing", 430)
    assert caplog.messages == [
        "/data: 900 rows (a.csv 900, b.csv 0)",
        "/data: 1,500 rows (a.csv 1,500), 430 for testing",
    ]


def test_files_of_several_folders_are_named_from_the_one_that_holds_them(caplog):
    caplog.set_level("INFO")
    log_rows({f"/data/dt={day}/part-0": day for day in (6, 7)}, "training", 13)
    log_rows({f"/data/dt={day}/part-0": day for day in range(10)}, "training", 45)
    assert caplog.messages == [
        "/data: 13 rows (dt=6/part-0 6, dt=7/part-0 7)",
        "/data: 45 rows (10 files of 0 to 9, of which 1 empty, such as dt=0/part-0)",
    ]


def test_many_files_are_summed_up(caplog):
    caplog.set_level("INFO")
    log_rows({f"/data/part-{n}": 1000 + n for n in range(100)}, "training", 104_950)
    log_rows({f"/data/part-{n}": 7 * (n != 3) for n in range(10)}, "training", 63)
    assert caplog.messages == [
        "/data: 104,950 rows (100 files of 1,000 to 1,099)",
        "/data: 63 rows (10 files of 0 to 7, of which 1 empty, such as part-3)",
    ]


def test_a_field_most_of_whose_values_are_unseen_is_warned_of(caplog):
    caplog.set_level("INFO")
    unseen = {"item": Unseen(5, 1, 100, 10, ("x",)), "user": Unseen(7, 6, 100, 90, ("12.0", "7.0"))}
    log_unseen(unseen)
    assert caplog.messages == [
        "values that training has not seen: user 90.0%, item 10.0%",
        "training has not seen most values of field user (90.0%: 6 of 7 values, such as '12.0', '7.0'): are they "
        "spelled otherwise?",
    ]
    assert (
        summary({str(n): Unseen(2, 1, 100, n, ()) for n in range(7)}) == "6 6.0%, 5 5.0%, 4 4.0%, 3 3.0%, 2 2.0%, ..."
    )


def test_rare_values_are_not_called_new(caplog):
    """With data.min_count they share the unknown id, whether training has seen them or not."""
    caplog.set_level("INFO")
    log_unseen({"user": Unseen(7, 6, 100, 90, ("u1",), min_count=20)})
    assert caplog.messages == [
        "values that training has seen fewer than 20 times (data.min_count): user 90.0%",
        "training has seen most values of field user fewer than 20 times (data.min_count) (90.0%: 6 of 7 values, such "
        "as 'u1'): are they spelled otherwise?",
    ]


def test_a_run_says_how_many_rows_each_file_had(tool: Tool, tiny, tmp_path):
    (tmp_path / "train" / "part-1.txt").write_text("".join(line + "\n" for line in tiny_lines(50)))
    write_lines(tmp_path / "valid", tiny_lines(30))
    outcome = tool("trainer", *tiny, "runner.epochs=1", f"runner.valid_data_dir={tmp_path / 'valid'}")
    assert f"{tmp_path / 'train'}: 650 rows (part-0.txt 600, part-1.txt 50)\n" in outcome.err
    assert f"{tmp_path / 'valid'}: 30 rows (part-0.txt 30)\n" in outcome.err
    assert f"{tmp_path / 'test'}: 200 rows (part-0.txt 200)\n" in tool("infer", *tiny, "runner.infer_end_epoch=1").err
