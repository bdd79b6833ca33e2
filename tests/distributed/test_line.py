"""Lines between processes: what is said arrives, and the end of a process is noticed."""

import queue
import socket
import time

import pytest

from rec.distributed import line as module
from rec.distributed.line import Line


@pytest.fixture
def ends(monkeypatch):
    """A line whose other end is a socket, and what it hears and loses."""
    monkeypatch.setattr(module, "_BEAT", 0.05)
    ours, others = socket.socketpair()
    heard: queue.Queue = queue.Queue()
    lost: queue.Queue = queue.Queue()
    return Line(ours, 0.4, heard.put, lost.put), others, heard, lost


def test_messages_arrive_in_order_and_signs_of_life_are_no_messages(ends):
    _, other, heard, _ = ends
    other.sendall(b'{}\n{"order": "step", "index": 3}\n{}\n{"ready"')
    assert heard.get(timeout=5) == {"order": "step", "index": 3}
    other.sendall(b": true}\n")
    assert heard.get(timeout=5) == {"ready": True}


def test_it_gives_signs_of_life(ends):
    _, other, _, _ = ends
    other.settimeout(5)
    assert other.recv(3) == b"{}\n"


def test_a_silent_process_is_lost(ends):
    assert ends[3].get(timeout=5) == "gave no sign of life for 0.4 s"


def test_a_process_that_ended_is_lost_at_once(ends):
    ends[1].close()
    assert ends[3].get(timeout=5) == "has ended"


def test_an_end_that_is_meant_is_no_loss(ends):
    ends[1].sendall(b'{"over": true}\n')
    ends[1].close()
    time.sleep(0.6)
    assert ends[3].empty()
