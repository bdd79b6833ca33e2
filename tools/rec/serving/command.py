"""The command line of tools/serve.py."""

from __future__ import annotations

import argparse
import os
from importlib.util import find_spec
from pathlib import Path

from rec import cli
from rec.errors import UserError
from rec.serving.settings import KEY, Settings

_MORE = f"""EXPORT is a folder that tools/export.py made; a new one in its place is taken without a restart, if it
predicts what its trained model did. Elsewhere than on this machine's own addresses the environment variable
{KEY} must hold a key, which callers show as "Authorization: Bearer KEY"."""

_PACKAGES = ("fastapi", "uvicorn", "prometheus_client", "onnxruntime")


def run(description: str | None) -> None:
    """Serve an exported model; ends the process."""
    parser = argparse.ArgumentParser(
        description=description, epilog=_MORE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("export", type=Path, metavar="EXPORT", help="the model")
    parser.add_argument("--host", default=Settings.host, help="where to listen [%(default)s]")
    parser.add_argument("--port", type=int, default=Settings.port, help="the port; 0: a free one [%(default)s]")
    parser.add_argument("--workers", type=int, default=Settings.workers, metavar="N", help="processes [%(default)s]")
    parser.add_argument(
        "--max-candidates", type=int, default=Settings.max_candidates, metavar="N",
        help="of a request, or rows [%(default)s]",
    )  # fmt: skip
    parser.add_argument(
        "--max-body", type=int, default=Settings.max_body, metavar="BYTES", help="of a request [%(default)s]"
    )
    parser.add_argument(
        "--timeout", type=float, default=Settings.timeout, metavar="SECONDS", help="of a request [%(default)s]"
    )
    parser.add_argument(
        "--drain", type=float, default=Settings.drain, metavar="SECONDS",
        help="after SIGTERM in which new requests are still taken, while /readyz says 503 [%(default)s]",
    )  # fmt: skip
    args = parser.parse_args()
    cli.guarded(lambda: _serve(Settings(**vars(args), key=os.environ.get(KEY, ""))), "interrupted")


def _serve(settings: Settings) -> None:
    absent = [name for name in _PACKAGES if find_spec(name) is None]
    if absent:
        raise UserError(f"tools/serve.py needs {' and '.join(absent)}: pip install -r requirements-serve.txt")
    _check(settings)
    from rec.serving.supervisor import serve

    serve(settings)


def _check(settings: Settings) -> None:
    if min(settings.workers, settings.max_candidates, settings.max_body) < 1:
        raise UserError("--workers, --max-candidates and --max-body should be at least 1")
    if not 0 < settings.timeout <= 3600 or not 0 <= settings.drain <= 3600:
        raise UserError("--timeout should be above 0, --drain at least 0, and both at most 3600 seconds")
    if not settings.local and not settings.key:
        raise UserError(
            f"--host {settings.host}: others than this machine may reach it: set the environment variable {KEY} to a "
            "key that callers show as Authorization: Bearer KEY"
        )
    if not settings.key.isascii():
        raise UserError(f"{KEY}: should be of ASCII characters")
