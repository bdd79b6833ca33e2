"""Fixtures: the tools as functions, and small data for them."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from commands import Commands
from support import ESMM, SHARED, Outcome, Tool, tiny_lines, write_lines

# A shell's background job ignores interrupts, and with it every command that it starts and a test would interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


THOROUGH = (
    # Each has a sibling in `make test`: the other graph mode, a smaller config of the directory, another comparison.
    "*test_matrix.py::*config_bigdata.yaml*",
    "*test_matrix.py::*kuairand.yaml*",
    "*test_matrix.py::*hillstrom*",
    "*test_matrix.py::*carts.yaml*",
    "*test_matrix.py::*paper.yaml*",
    "*test_matrix.py::*successors.yaml*",
    "*test_matrix.py::*config_small.yaml*",
    "*test_matrix.py::*stem.yaml*",
    "*test_matrix.py::*home.yaml*",
    "*test_matrix.py::*pepnet.yaml*",
    "*test_product.py::test_interactions_combine_with_sharing*-home]",
    "*test_product.py::test_sharing_computed_on_the_host*[[]home[]]",
    "*test_product.py::test_sharing_and_behaviours_combine[[]home-esm2[]]",
    "*test_matrix.py::test_the_doctor_finds_nothing_wrong*-static[]]",
    "*test_matrix.py::test_a_dry_run_counts*-static[]]",
    "*test_matrix.py::test_a_dry_run_counts*[[][!e]*",  # without those of ESMM and its like
    "*test_matrix.py::test_a_replay*[[][!e]*",
    "*test_shipped.py::*carts.yaml*",
    "*test_shipped.py::*hillstrom*",
    "*test_shipped.py::*successors*",
    "*test_resume.py::test_killed_three_times*[[]static_trainer[]]",
    "*test_learned_from.py::test_predictions_after_sampling*static_trainer[]]",
    "*test_learned_from.py::test_killed*",
    "*test_compare_command.py::test_simulated_data*",
    "*test_raw_rows.py::test_rows_stored_in_less*",
    "*test_report_page.py::test_what_leaving_a_task_out_changes*",
    "*docs/test_daily.py::*",
    "*tune/test_command.py::*",  # test_search.py searches without processes
    # Long runs of what `make test` has parts of.
    "*docs/test_tuning.py::*",
    "*benchmarks/test_ali_ccp.py::*",
    "*test_faults.py::*[[]two_trainings[]]",
    "*test_faults.py::*[[]damaged_input[]]",
)
"""What `make test` leaves to `make thorough`: patterns of test names."""


@pytest.fixture(autouse=True)
def _no_network_stays() -> Iterator[None]:
    """Forget the `net` that a test imported from a model directory: the next test's is another."""
    yield
    sys.modules.pop("net", None)


@pytest.fixture(autouse=True)
def _begins_alike() -> None:
    """Dynamic graph and the same random numbers, whatever ran before in this process."""
    if "paddle" in sys.modules:
        import paddle

        paddle.disable_static()
        paddle.seed(0)


@pytest.fixture(scope="module")
def process() -> Iterator[Commands]:
    started = Commands()
    yield started
    started.close()


@pytest.fixture(scope="module")
def inference() -> Iterator[Commands]:
    started = Commands()
    yield started
    started.close()


@pytest.fixture
def export(process: Commands, inference: Commands) -> Tool:
    """`tool` in other processes, Paddle Inference in one of its own: it ends one in which Python operators have run."""

    def run(name: str, *arguments: object) -> Outcome:
        return (inference if name == "paddle_infer" else process)(Path.cwd(), name, *arguments)

    return run


@pytest.fixture
def tool(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Tool:
    """Run a tool in this process: `tool("trainer", "-m", config, "-o", ...)`. Faster than a process of its own."""
    from rec import cli
    from rec.prepare import command as prepare

    modes = {
        "trainer": ("dygraph", "train"),
        "infer": ("dygraph", "infer"),
        "static_trainer": ("static", "train"),
        "static_infer": ("static", "infer"),
        "to_static": ("dygraph", "to_static"),
        "paddle_infer": ("any", "paddle_infer"),
    }

    def run(name: str, *arguments: object) -> Outcome:
        import paddle

        paddle.disable_static()
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *map(str, arguments)])
        capfd.readouterr()
        code = 0
        try:
            if name == "prepare":
                prepare.run(description=None)
            else:
                cli.run(*modes[name], description=None)
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capfd.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The command-line arguments for ESMM on 600 + 200 tiny lines; checkpoints go to the current, temporary folder."""
    monkeypatch.chdir(tmp_path)
    write_lines(tmp_path / "train", tiny_lines(600, seed=1))
    write_lines(tmp_path / "test", tiny_lines(200, seed=2))
    settings = {
        "runner.train_data_dir": tmp_path / "train",
        "runner.test_data_dir": tmp_path / "test",
        "runner.train_batch_size": 32,
        "runner.infer_batch_size": 64,
        "runner.epochs": 2,
        "runner.print_interval": 5,
        "runner.model_save_path": "out",
        "runner.infer_load_path": "out",
        "runner.infer_end_epoch": 2,
        "hyper_parameters.fields": "[user, item, tags]",
        "hyper_parameters.sparse_feature_number": 60,
        "hyper_parameters.sparse_feature_dim": 4,
        "hyper_parameters.ctr_fc_sizes": "[8]",
        "hyper_parameters.cvr_fc_sizes": "[8]",
        "hyper_parameters.optimizer.learning_rate": 0.01,
    }
    return ["-m", str(ESMM / "config.yaml"), "-o", *(f"{key}={value}" for key, value in settings.items())]


@pytest.fixture
def shared_data() -> Path:
    """The folder of small real data sets; tests that use it skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} is absent")
    return SHARED


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what `make test` leaves to `make thorough`."""
    for item in items:
        if any(fnmatchcase(item.nodeid, pattern) for pattern in THOROUGH):
            item.add_marker(pytest.mark.thorough)
