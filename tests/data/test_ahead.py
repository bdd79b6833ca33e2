"""The next piece of the data is loaded beside the one in use."""

import threading

import pytest

from rec.data.ahead import Ahead


class Loading:
    """Notes what is read and joined; a piece is the sum of its parts."""

    def __init__(self, sizes, wrong=None):
        self.log, self.wrong = [], wrong
        self.asked = threading.Event()
        self.ahead = Ahead(self.read, self.join, sizes)

    def read(self, source):
        if source == self.wrong:
            raise ValueError(f"{source} is damaged")
        self.log.append(source)
        return source

    def join(self, parts, number):
        self.log.append(("joined", number))
        self.asked.set()
        return sum(parts)


SIZES = {0: [1, 2], 1: [3], 3: [4, 5]}


def test_pieces_come_in_order_and_those_before_are_let_go():
    loading = Loading(SIZES)
    with loading.ahead as ahead:
        assert ahead.between(0, 0) == [3]
        assert ahead.between(0, 1) == [3, 3]  # a batch across the border of two
        assert ahead.between(1, 1) == [3]
        assert ahead.between(3, 3) == [9]
    assert loading.log == [1, 2, ("joined", 0), 3, ("joined", 1), 4, 5, ("joined", 3)]


def test_the_next_is_loaded_while_one_is_in_use():
    """Piece 1 is joined though nobody has asked for more than piece 0."""
    loading = Loading(SIZES)
    with loading.ahead as ahead:
        ahead.between(0, 0)
        while ("joined", 1) not in loading.log:
            loading.asked.wait(10)
            loading.asked.clear()
        assert ("joined", 3) not in loading.log  # two are in memory at most


def test_an_error_comes_where_its_piece_is_needed():
    loading = Loading(SIZES, wrong=3)
    with loading.ahead as ahead:
        assert ahead.between(0, 0) == [3]
        assert ahead.between(0, 0) == [3]
        with pytest.raises(ValueError, match="3 is damaged"):
            ahead.between(1, 1)


def test_no_thread_is_left():
    before = threading.active_count()
    with Loading(SIZES).ahead as ahead:
        ahead.between(0, 0)
    assert threading.active_count() == before
