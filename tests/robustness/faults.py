"""Faults that happen to whole trainings, as processes; each a function of (random, folder) that asserts what must hold.

What must hold: exit code 0, or 2 (130 when interrupted) with exactly one `error:` line, the last; no traceback, no
hang, and nothing half-written: every checkpoint that has a name is whole.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from safetensors.numpy import load_file

from mutation import damage
from rec.checkpoint.files import load
from rec.checkpoint.store import Store
from support import ESMM, ROOT, tiny_lines, write_lines

SECONDS = 180
"""A run that takes longer hangs; each trains for a second or two."""

SETTINGS = {
    "runner.train_batch_size": 32, "runner.infer_batch_size": 64, "runner.epochs": 2, "runner.print_interval": 1,
    "runner.model_save_path": "out", "runner.infer_load_path": "out", "runner.infer_end_epoch": 2,
    "hyper_parameters.fields": "[user, item, tags]", "hyper_parameters.sparse_feature_number": 60,
    "hyper_parameters.sparse_feature_dim": 4, "hyper_parameters.ctr_fc_sizes": "[8]",
    "hyper_parameters.cvr_fc_sizes": "[8]",
}  # fmt: skip


def command(name: str, folder: Path, *options: str) -> list[str]:
    """A tool on tiny data in `folder`, which is made where it is missing."""
    if not (folder / "train").exists():
        write_lines(folder / "train", tiny_lines(600, seed=1))
        write_lines(folder / "test", tiny_lines(200, seed=2))
    given = {**SETTINGS, "runner.train_data_dir": folder / "train", "runner.test_data_dir": folder / "test"}
    arguments = ["-m", str(ESMM / "config.yaml"), "-o", *(f"{k}={v}" for k, v in given.items()), *options]
    return [sys.executable, "-u", str(ROOT / "tools" / f"{name}.py"), *arguments]


def begin(arguments: list[str], folder: Path, **more: object) -> subprocess.Popen[str]:
    """Start a tool; its log is its stderr."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    more.setdefault("preexec_fn", _take_interrupts)
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True, "errors": "replace"}
    return subprocess.Popen(arguments, cwd=folder, env=environment, **pipes, **more)  # type: ignore[call-overload]


def _take_interrupts() -> None:
    """A shell starts what runs in the background with SIGINT ignored, and children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def finish(run: subprocess.Popen[str], folder: Path, so_far: str = "") -> tuple[int, str]:
    """Wait for a tool and check what must hold of any end; gives exit code and error line."""
    try:
        log = so_far + run.communicate(timeout=SECONDS)[1]
    except subprocess.TimeoutExpired:
        run.kill()
        raise AssertionError(f"no end after {SECONDS} seconds") from None
    lines = log.strip().splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    assert "Traceback" not in log, log[-3000:]
    assert run.returncode in (0, 2, 130), f"exit code {run.returncode}: {log[-3000:]}"
    assert len(errors) == (run.returncode == 2), log[-3000:]
    assert not errors or lines[-1] == errors[0], log[-3000:]
    check_checkpoints(folder / "out")
    return run.returncode, errors[0] if errors else ""


def check_checkpoints(folder: Path) -> None:
    """Everything that is named as a checkpoint is whole, and a run that ended itself left nothing behind."""
    for manifest in Store(folder).manifests():
        load(folder / manifest.name, "everything")
    if folder.is_dir():
        assert not [path.name for path in folder.iterdir() if path.name.startswith(".")], "left behind"


def wait_for(run: subprocess.Popen[str], text: str, times: int = 1) -> str:
    """Read a tool's log until a line holds `text` for the so-manieth time; gives what was read."""
    assert run.stderr is not None
    seen = []
    for line in run.stderr:
        seen.append(line)
        times -= text in line
        if times <= 0:
            break
    return "".join(seen)


@contextlib.contextmanager
def read_only(path: Path) -> Iterator[None]:
    """A folder that nobody can write to, root included: a read-only bind mount of itself."""
    path.mkdir(parents=True, exist_ok=True)
    mounts = (["mount", "--bind", path, path], ["mount", "-o", "remount,ro,bind", path, path])
    if any(subprocess.run(call, check=False, capture_output=True).returncode for call in mounts):
        subprocess.run(["umount", path], check=False, capture_output=True)
        path.chmod(0o555)
        if os.access(path, os.W_OK):
            raise NotImplementedError("this system gives no way to make a folder read-only")
        yield
        path.chmod(0o755)
        return
    try:
        yield
    finally:
        subprocess.run(["umount", path], check=True)


def _trainer(random: Random) -> str:
    return random.choice(("trainer", "static_trainer"))


def killed_at_any_moment(random: Random, folder: Path) -> str | None:
    """kill -9 three times, then the end: as if nothing had happened."""
    name, options = _trainer(random), ["runner.save_steps=3", "runner.resume=true"]
    assert finish(begin(command(name, folder, *options, "runner.model_save_path=whole"), folder), folder)[0] == 0
    arguments = command(name, folder, *options, f"runner.num_workers={random.choice((0, 2))}")
    for _ in range(3):
        run = begin(arguments, folder)
        if random.random() < 0.7:
            wait_for(run, "batch_id", random.randrange(1, 25))
        time.sleep(random.random() * 0.1)
        run.kill()
        run.communicate()
    assert finish(begin(arguments, folder), folder)[0] == 0
    for file in sorted((folder / "whole" / "1").glob("rec*.safetensors")):
        kept, found = load_file(file), load_file(folder / "out" / "1" / file.name)
        assert kept.keys() == found.keys()
        assert all((found[key] == value).all() for key, value in kept.items()), "resumed differs from uninterrupted"
    return None


def interrupted(random: Random, folder: Path) -> str | None:
    """Ctrl-C or a scheduler's SIGTERM."""
    run = begin(command(_trainer(random), folder, "runner.epochs=1000", "runner.save_steps=5"), folder)
    log = wait_for(run, "batch_id", random.randrange(1, 30))
    time.sleep(random.random() * 0.1)
    run.send_signal(random.choice((signal.SIGINT, signal.SIGTERM)))
    assert finish(run, folder, log)[0] == 130
    return None


def two_trainings(random: Random, folder: Path) -> str | None:
    """The second into one folder is refused, in either mode; after the first has gone, however it went, one may."""
    first = begin(command(_trainer(random), folder, "runner.epochs=100000", "runner.num_workers=1"), folder)
    wait_for(first, "batch_id")
    try:
        second = begin(command(_trainer(random), folder, "runner.resume=true"), folder)
        log = second.communicate(timeout=SECONDS)[1]
    finally:
        first.kill()
        first.communicate()
    assert second.returncode == 2, log
    line = log.strip().splitlines()[-1]
    assert line.startswith("error: out: another training (process ")
    assert f"process {first.pid} on " in line
    assert finish(begin(command("trainer", folder, "runner.epochs=1"), folder), folder)[0] == 0
    return line


def a_worker_killed(random: Random, folder: Path) -> str | None:
    """A reader process that is killed, as the system does when memory runs out."""
    # An epoch of 1250 steps: a worker that has delivered its last batch may die unnoticed.
    write_lines(folder / "long", tiny_lines(40_000))
    options = [f"runner.train_data_dir={folder / 'long'}", f"runner.num_workers={random.choice((1, 2, 3))}"]
    run = begin(command(_trainer(random), folder, *options), folder)
    log = wait_for(run, "batch_id", random.randrange(1, 20))
    victim = random.choice(_children(run.pid))
    os.kill(victim, signal.SIGKILL)
    code, line = finish(run, folder, log)
    assert code == 2
    assert "was killed by SIGKILL" in line
    return line


def _children(pid: int) -> list[int]:
    """Processes that a process has started and not yet waited for."""
    for _ in range(500):
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if found:
            return [int(child) for child in found]
        time.sleep(0.002)
    raise AssertionError("no reader process seen")


def file_removed(random: Random, folder: Path) -> str | None:
    """Training data that go away, or become shorter, while they are read."""
    arguments = command(_trainer(random), folder, "runner.epochs=100000", f"runner.num_workers={random.choice((0, 2))}")
    run = begin(arguments, folder)
    log = wait_for(run, "batch_id", random.randrange(1, 20))
    file = folder / "train" / "part-0.txt"
    shorter = random.random() < 0.5
    if shorter:
        os.truncate(file, random.randrange(2000))
    else:
        file.unlink()
        time.sleep(1)  # an open file stays readable, so this run may well go on for as long as it likes
        run.send_signal(signal.SIGINT)
    code, line = finish(run, folder, log)
    assert code == 2 if shorter else code in (2, 130)
    return line or None


def no_room(random: Random, folder: Path) -> str | None:
    """A file that cannot grow: the failure of a full disk, at any byte of a checkpoint."""
    limit = random.randrange(0, 9000)

    def cap() -> None:
        _take_interrupts()
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    formats = f"runner.save_format={random.choice(('safetensors', 'pdparams'))}"
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_CACHE_DIR": str(folder / "numba")}
    run = subprocess.Popen(
        command(_trainer(random), folder, formats), cwd=folder, env=environment, preexec_fn=cap,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    code, line = finish(run, folder)
    assert code == 0 or "File too large" in line, line
    return line or None


def read_only_folder(random: Random, folder: Path) -> str | None:
    """Checkpoints that may not be written: said before training."""
    with read_only(folder / "out"):
        run = begin(command(_trainer(random), folder), folder)
        log = run.communicate(timeout=SECONDS)[1]
    assert run.returncode == 2, log
    assert "cannot write to out: Read-only file system" in log or "Permission denied" in log
    assert "batch_id" not in log
    return log.strip().splitlines()[-1]


def damaged_input(random: Random, folder: Path) -> str | None:
    """Whole runs of the four tools with damaged lines, config or checkpoint."""
    base = command("trainer", folder, "runner.epochs=1")
    kind = random.choice(("lines", "config", "checkpoint", "infer"))
    if kind == "lines":
        file = folder / random.choice(("train", "test")) / "part-0.txt"
        file.write_bytes(damage(random, file.read_bytes()))
        arguments = command(_trainer(random), folder, f"runner.valid_data_dir={folder / 'test'}", "runner.epochs=1")
    elif kind == "config":
        model = folder / "model"
        model.mkdir()
        for source in ESMM.glob("*.*"):
            (model / source.name).write_bytes(source.read_bytes())
        (model / "config.yaml").write_bytes(damage(random, (ESMM / "config.yaml").read_bytes()))
        base[base.index("-m") + 1] = str(model / "config.yaml")
        arguments = base
    else:
        assert finish(begin(base, folder), folder)[0] == 0
        file = random.choice([path for path in sorted((folder / "out" / "0").iterdir()) if path.suffix != ".yaml"])
        file.write_bytes(damage(random, file.read_bytes()))
        tool = _trainer(random) if kind == "checkpoint" else random.choice(("infer", "static_infer"))
        arguments = command(tool, folder, "runner.resume=true")
        run = begin(arguments, folder)
        log = run.communicate(timeout=SECONDS)[1]
        assert "Traceback" not in log, log[-3000:]
        assert run.returncode in (0, 2), log[-3000:]
        return None if run.returncode == 0 else log.strip().splitlines()[-1]
    return finish(begin(arguments, folder), folder)[1] or None


FAULTS: dict[str, Callable[[Random, Path], str | None]] = {
    fault.__name__: fault
    for fault in (
        killed_at_any_moment, damaged_input, two_trainings, no_room, a_worker_killed, file_removed, interrupted,
        read_only_folder,
    )
}  # fmt: skip
