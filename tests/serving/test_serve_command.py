"""What tools/serve.py refuses before it listens, in one line each."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from rec.serving import command
from rec.serving.settings import KEY
from support import alone


@pytest.fixture
def refused(capsys, monkeypatch, tmp_path):
    """The line that a command line is refused with."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(KEY, raising=False)

    def run(*arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", ["serve.py", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            command.run(description=None)
        assert ended.value.code == 2
        (line,) = capsys.readouterr().err.splitlines()
        return line

    return run


def test_addresses_that_others_reach_need_a_key(refused, monkeypatch):
    for host in ("0.0.0.0", "::", "192.0.2.1", "example.org"):
        line = refused("export", "--host", host)
        assert line.startswith(f"error: --host {host}: others than this machine may reach it: set the environment")
        assert KEY in line
    monkeypatch.setenv(KEY, "schlüssel")
    assert refused("export") == f"error: {KEY}: should be of ASCII characters"
    # With a key an address is tried: this one is nobody's here.
    monkeypatch.setenv(KEY, "secret")
    assert refused("export", "--host", "192.0.2.1").startswith("error: --host 192.0.2.1 --port 8000: cannot listen")


def test_what_cannot_be(refused, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert "cannot listen there" in refused("export", "--port", port)
    for option in ("--workers", "--max-candidates", "--max-body"):
        assert refused("export", option, 0).endswith("should be at least 1")
    assert refused("export", "--timeout", "nan").startswith("error: --timeout should be above 0")
    monkeypatch.setattr(command, "find_spec", lambda name: None if name == "fastapi" else name)
    assert refused("export") == "error: tools/serve.py needs fastapi: pip install -r requirements-serve.txt"


def test_no_export(monkeypatch, tmp_path):
    """Said by the worker, which opens it."""
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    outcome = alone("serve", "empty", "--port", 0)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == "error: empty: holds no export.json, which tools/export.py writes\n"
