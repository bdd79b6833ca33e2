"""The command line that the tools share."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from typing import Any, Literal

from rec.config.config import load
from rec.console import log, set_up_logging
from rec.distributed import launcher
from rec.errors import UserError
from rec.help import topics
from rec.importing import import_paddle as import_paddle
from rec.importing import interrupts

Mode = Literal["dygraph", "static", "any"]
Task = Literal["train", "infer", "to_static", "paddle_infer"]


def run(mode: Mode, task: Task, description: str | None) -> None:
    """Parse the command line and run a tool; ends the process. Mode `any`: the one that the model directory has.

    Exit codes: 0 done, 2 something the user can mend (one line says what), 130 interrupted.
    """
    options = parser(description or "")
    if task == "paddle_infer":
        _add_inference_options(options)
    args = options.parse_args()
    guarded(lambda: _run(args, mode, task), "interrupted; checkpoints written so far are whole")


def guarded(work: Callable[[], None], if_interrupted: str) -> None:
    """Do a command's work; what goes wrong ends the process with one line and an exit code, as in `run`."""
    set_up_logging()
    interrupts.clear()
    try:
        work()
        launcher.end(None, 0)
        launcher.leave(0)
    except BrokenPipeError:
        os._exit(1)  # whoever read our output has left; nothing more can be said
    except (KeyboardInterrupt, Exception) as error:
        # Paddle makes an OSError of a KeyboardInterrupt that comes within a backward pass.
        if interrupts or isinstance(error, KeyboardInterrupt):
            launcher.end("interrupted", 130)
            print(if_interrupted, file=sys.stderr)
            launcher.leave(130)
            sys.exit(130)
        if isinstance(error, UserError):
            line = " ".join(str(error).splitlines())
            launcher.end(line, 2)
            print(f"error: {line}", file=sys.stderr)
            launcher.leave(2)
            sys.exit(2)
        launcher.end(f"{type(error).__name__}: {error}", 1)
        raise


def _run(args: argparse.Namespace, mode: Mode, task: Task) -> None:
    config = load(args.config_yaml, args.opt)
    # Imported late: --help and a file that is no config need no Paddle, whose import takes seconds.
    trains = task == "train" and not (args.dry_run or config.runner.replay)
    cpu_type = import_paddle(config.runner.mkl_on_amd, several=trains)
    from rec.run.assembly import assemble

    if mode == "any":  # a PaddleRec directory may have a static model only
        files = [config.model_dir / f"{name}_model.py" for name in ("dygraph", "static")]
        mode = "static" if files[1].is_file() and not files[0].is_file() else "dygraph"
    run = assemble(config, mode, "train" if task == "train" else "infer")
    if cpu_type and not run.native:  # our towers are NumPy's products
        log.info("MKL_DEBUG_CPU_TYPE=%s: Paddle's MKL at this AMD processor's speed (runner.mkl_on_amd)", cpu_type)
    if args.dry_run:
        from rec.loop.dry_run import dry_run

        dry_run(run)
    elif task == "train" and config.runner.replay:
        from rec.loop.replay import replay

        replay(run)
    elif task == "train":
        from rec.loop.train import train

        train(run)
    elif task == "to_static":
        from rec.export.dynamic import export

        export(run)
    elif task == "paddle_infer":
        from rec.export.predict import predict

        predict(run, args.model_file, args.cpu_threads)
    else:
        from rec.loop.evaluate import evaluate

        evaluate(run)


def parser(description: str) -> argparse.ArgumentParser:
    """-m, -o, --help and --dry-run."""
    options = bare_parser(description, topics.runner())
    add_config_arguments(options)
    options.add_argument(
        "--dry-run", action="store_true", help="check config, model, reader and first batch; write nothing"
    )
    return options


def bare_parser(description: str, epilog: str) -> argparse.ArgumentParser:
    """--help with its topics."""
    options = argparse.ArgumentParser(
        description=description, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter, add_help=False
    )
    options.add_argument(
        "-h", "--help", nargs="?", action=_Help, choices=topics.TOPICS, metavar="TOPIC",
        help=f"show this, or what a section of a config may say: {', '.join(topics.TOPICS)} (of the network of "
        "CONFIG's directory, if -m CONFIG stands before)",
    )  # fmt: skip
    return options


class _Help(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, options: Any, topic: Any, _: Any = None) -> None:
        if topic is None:
            parser.print_help()
        else:
            guarded(lambda: print(_reference(topic, options.config_yaml)), "")
        parser.exit()


def _reference(topic: str, config_yaml: str | None) -> str:
    if topic != "hyper_parameters":
        return topics.topic(topic)
    import_paddle()
    from rec.help.hyper_parameters import hyper_parameters
    from rec.nn.entire_space import EntireSpace
    from rec.run.model import network_of

    return hyper_parameters(network_of(load(config_yaml, []).model_dir) if config_yaml else EntireSpace)


def add_config_arguments(options: argparse.ArgumentParser) -> None:
    """-m and -o, which name a config and override its settings."""
    options.add_argument(
        "-m", "--config_yaml", required=True, metavar="CONFIG", help="config file of a model directory"
    )
    options.add_argument(
        "-o", "--opt", nargs="+", action="extend", default=[], metavar="KEY=VALUE",
        help="settings that override the file's, e.g. -o runner.epochs=2 'hyper_parameters.ctr_fc_sizes=[64, 32]'",
    )  # fmt: skip


def _add_inference_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model_file", metavar="FILE",
        help="exported model, .json beside its .pdiparams and .feeds.json (default: the one of the newest checkpoint)",
    )  # fmt: skip
    parser.add_argument("--cpu_threads", type=int, default=1, metavar="N", help="threads of the predictor (default: 1)")
