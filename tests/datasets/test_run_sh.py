"""run.sh against a local server: fetched, resumed, verified, prepared, and every way in which that goes wrong."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from hashlib import md5
from pathlib import Path

import pytest
from fileserver import Behaviour, serving
from rawfiles import archive, expected, random_split, read_back

SCRIPT = Path(__file__).parents[2] / "datasets/ali-ccp/run.sh"
SHELL = shutil.which("dash") or "sh"
ARCHIVES = ("sample_train.tar.gz", "sample_test.tar.gz")
pytestmark = pytest.mark.skipif(not (shutil.which("curl") or shutil.which("wget")), reason="neither curl nor wget here")


def environment(server: Behaviour | None, **more: str) -> dict[str, str]:
    proxies = {name for name in os.environ if name.lower().endswith("_proxy")}
    inherited = {name: value for name, value in os.environ.items() if name not in proxies}
    return inherited | {"PYTHON": sys.executable} | ({"ALI_CCP_URL": server.url} if server else {}) | more


def run(server: Behaviour | None, *arguments: object, **more: str) -> subprocess.CompletedProcess:
    command = [SHELL, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, env=environment(server, **more), capture_output=True, text=True, timeout=60)


@pytest.fixture
def server() -> Iterator[Behaviour]:
    with serving() as behaviour:
        yield behaviour


@pytest.fixture
def full(server: Behaviour, tmp_path: Path) -> Behaviour:
    """A server of both archives with their MD5 sums."""
    for seed, split in enumerate(("train", "test")):
        random_split(seed + 1).write(tmp_path / "plain", split)
        path = archive(tmp_path / "plain", tmp_path / "served", split)
        path.with_name(f"{path.name}.md5").write_text(f"{md5(path.read_bytes()).hexdigest()}  {path.name}\n")
    server.add(tmp_path / "served")
    return server


def without(program: str, folder: Path) -> str:
    """A PATH on which a program is missing."""
    folder.mkdir()
    for directory in os.environ["PATH"].split(":"):
        for path in Path(directory).glob("*"):
            if path.name != program and not (folder / path.name).exists():
                (folder / path.name).symlink_to(path)
    return str(folder)


def test_fetches_verifies_and_prepares_and_then_does_nothing(full: Behaviour, tmp_path: Path):
    done = run(full, tmp_path / "raw", tmp_path / "out")
    assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), done.stderr
    assert "to do: fetch" in done.stdout
    assert "checking the MD5 sum" in done.stdout
    assert read_back(tmp_path / "out", "test")
    parts = read_back(tmp_path / "out", "train") + read_back(tmp_path / "out", "valid")
    assert len(parts) == len(expected(random_split(1)))
    asked = len(full.gets)
    again = run(full, tmp_path / "raw", tmp_path / "out")
    assert (again.returncode, again.stdout) == (0, f"run.sh: {tmp_path}/out is prepared already: nothing to do\n")
    assert len(full.gets) == asked


def test_a_second_run_fetches_only_what_is_missing(full: Behaviour, tmp_path: Path):
    shutil.copytree(tmp_path / "served", tmp_path / "raw")
    (tmp_path / "raw" / ARCHIVES[1]).unlink()
    assert run(full, tmp_path / "raw", tmp_path / "out").returncode == 0
    assert [path for path, _ in full.gets] == [f"/{ARCHIVES[1]}"]


def test_archives_put_there_by_hand_need_no_server(full: Behaviour, tmp_path: Path):
    done = run(None, tmp_path / "served", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert not full.gets
    missing = run(None, tmp_path / "empty", tmp_path / "other")
    assert missing.returncode == 1
    assert "sample_train.tar.gz is missing; get it from Tianchi or set ALI_CCP_URL" in missing.stderr


@pytest.mark.parametrize("program", ["curl", "wget"])
def test_a_killed_download_goes_on_where_it_was(full: Behaviour, tmp_path: Path, program: str):
    if not shutil.which(program):
        pytest.skip(f"no {program} here")
    path = without("wget" if program == "curl" else "curl", tmp_path / "bin")
    raw, half = tmp_path / "raw", len(full.files[f"/{ARCHIVES[0]}"]) // 2
    raw.mkdir()
    for name in ARCHIVES:
        shutil.copy(tmp_path / "served" / f"{name}.md5", raw)
    full.stall_after = half
    command = [SHELL, str(SCRIPT), str(raw), str(tmp_path / "out")]
    first = subprocess.Popen(
        command, env=environment(full, PATH=path), start_new_session=True, stdout=subprocess.DEVNULL
    )
    assert full.stalled.wait(20)
    part = raw / f"{ARCHIVES[0]}.part"
    while not part.exists() or not part.stat().st_size:
        assert first.poll() is None
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    assert not (raw / ARCHIVES[0]).exists()
    there = part.stat().st_size
    full.stall_after = None
    done = run(full, raw, tmp_path / "out", PATH=path)
    assert done.returncode == 0, done.stderr
    assert f"{ARCHIVES[0]}: going on after" in done.stdout
    assert full.gets[1] == (f"/{ARCHIVES[0]}", there)
    assert (raw / ARCHIVES[0]).read_bytes() == full.files[f"/{ARCHIVES[0]}"]


def test_failures_and_broken_connections_are_retried(server: Behaviour, tmp_path: Path):
    server.files = {"/traindata_10w.csv": b"1,0,0,205:7\n" * 100, "/testdata_10w.csv": b"1,0,0,205:8\n"}
    server.fail = 1
    server.break_after = 700
    done = run(server, "--small", tmp_path / "small")
    assert done.returncode == 0, done.stderr
    assert "failed (HTTP 200), next attempt in 1 s" in done.stdout
    assert (tmp_path / "small/train/traindata_10w.csv").read_bytes() == server.files["/traindata_10w.csv"]
    assert server.gets[:3] == [("/traindata_10w.csv", 0), ("/traindata_10w.csv", 0), ("/traindata_10w.csv", 700)]


def test_the_small_files_are_fetched_once(server: Behaviour, tmp_path: Path):
    server.files = {"/traindata_10w.csv": b"a\n", "/testdata_10w.csv": b"b\n"}
    assert run(server, "--small", tmp_path / "small").returncode == 0
    asked = len(server.gets)
    (tmp_path / "small/test/testdata_10w.csv").unlink()
    assert run(server, "--small", tmp_path / "small").returncode == 0
    assert server.gets[asked:] == [("/testdata_10w.csv", 0)]
    assert (tmp_path / "small/test/testdata_10w.csv").read_bytes() == b"b\n"


def test_a_corrupted_download_is_deleted_and_fetched_anew(full: Behaviour, tmp_path: Path):
    good = full.files[f"/{ARCHIVES[0]}"]
    full.files[f"/{ARCHIVES[0]}"] = good[:100] + b"x" + good[101:]
    wrong = run(full, tmp_path / "raw", tmp_path / "out")
    assert wrong.returncode == 1
    assert f"{ARCHIVES[0]} arrived with another MD5 sum" in wrong.stderr
    assert [path.name for path in (tmp_path / "raw").iterdir()] == [f"{ARCHIVES[0]}.md5"]
    full.files[f"/{ARCHIVES[0]}"] = good
    assert run(full, tmp_path / "raw", tmp_path / "out").returncode == 0


def test_a_corrupted_archive_of_the_user_is_refused_and_left_alone(full: Behaviour, tmp_path: Path):
    path = tmp_path / "served" / ARCHIVES[1]
    path.write_bytes(path.read_bytes()[:-50])
    wrong = run(None, tmp_path / "served", tmp_path / "out")
    assert wrong.returncode == 1
    assert f"{ARCHIVES[1]} has another MD5 sum than" in wrong.stderr
    assert path.exists()
    path.with_name(f"{path.name}.md5").unlink()  # without a sum, the preparation notices
    wrong = run(None, tmp_path / "served", tmp_path / "out")
    assert wrong.returncode == 2
    assert "the archive ends early (an incomplete download?)" in wrong.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_a_file_that_is_not_served_is_named_before_anything_is_fetched(full: Behaviour, tmp_path: Path):
    del full.files[f"/{ARCHIVES[1]}"]
    missing = run(full, tmp_path / "raw", tmp_path / "out")
    assert missing.returncode == 1
    assert missing.stderr == f"run.sh: {full.url}/{ARCHIVES[1]} is not there (HTTP 404)\n"
    assert not full.gets


@pytest.mark.parametrize("announced", [True, False])
def test_a_full_disk(server: Behaviour, tmp_path: Path, announced: bool):
    """Noticed before the download if its size is known, else by the download; then it goes on when there is room."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        server.files = {"/traindata_10w.csv": os.urandom(300_000), "/testdata_10w.csv": b"b\n"}
        server.lengths = announced
        full = run(server, "--small", disk / "small")
        assert full.returncode == 1
        if announced:
            assert "has room for" in full.stderr
            assert "but the rest of traindata_10w.csv takes 300000 bytes" in full.stderr
            assert not server.gets
        else:
            assert "no room left for" in full.stderr
        subprocess.run(["mount", "-o", "remount,size=1m", str(disk)], check=True)
        assert run(server, "--small", disk / "small").returncode == 0
        assert (disk / "small/train/traindata_10w.csv").read_bytes() == server.files["/traindata_10w.csv"]
        assert announced or server.gets[1][1] > 0
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_help_and_unknown_options():
    shown = run(None, "--help")
    assert (shown.returncode, "ALI_CCP_URL" in shown.stdout) == (0, True)
    assert run(None, "--smal").stderr == "run.sh: unknown option --smal; see sh run.sh --help\n"


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="no shellcheck here")
def test_shellcheck_finds_nothing():
    found = subprocess.run(["shellcheck", str(SCRIPT)], capture_output=True, text=True)
    assert found.stdout == ""
