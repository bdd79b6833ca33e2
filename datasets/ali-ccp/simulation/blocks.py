"""How a part (train, test) is cut into blocks, the same whatever the number of threads, and how its common rows lie."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from simulation.chance import bits, key
from simulation.compiled import compiled
from simulation.people import row_exposures
from simulation.world import ROW, World

_BLOCK_EXPOSURES = 1 << 15
_STRIDE = 2_654_435_761  # a prime above every number of rows: place * _STRIDE % rows visits every row once
_INDEX = 5


class Part(NamedTuple):
    """How many exposures and common rows a part (train or test) has, and the order of its common file."""

    exposures: int
    rows: int
    inverse: int
    """Inverse of _STRIDE modulo rows."""


class Block(NamedTuple):
    """A run of common rows, and where their exposures stand in the file (0-based)."""

    first_row: int
    end_row: int
    first_exposure: int
    end_exposure: int


@compiled
def _rows_for(world: World, exposures: int) -> int:
    served = 0
    for row in range(exposures):
        served += row_exposures(world, row)
        if served >= exposures:
            return row + 1
    return exposures


@compiled
def _served(world: World, first_row: int, end_row: int) -> int:
    served = 0
    for row in range(first_row, end_row):
        served += row_exposures(world, row)
    return served


def part_of(world: World, exposures: int) -> Part:
    """As many common rows as it takes to serve the exposures."""
    rows = _rows_for(world, exposures)
    return Part(exposures, rows, pow(_STRIDE, -1, rows))


def blocks(world: World, part: Part) -> Iterator[Block]:
    """Cut a part into blocks of about _BLOCK_EXPOSURES; the last row's exposures end with the part's."""
    step = max(1, round(_BLOCK_EXPOSURES / world.exposures_per_common))
    first = 0
    for row in range(0, part.rows, step):
        end_row = min(row + step, part.rows)
        end = min(first + _served(world, row, end_row), part.exposures)
        yield Block(row, end_row, first, end)
        first = end


@compiled
def row_at(part: Part, place: int) -> int:
    """The common row at a place of the common file: another order than the exposures'."""
    return place * _STRIDE % part.rows


@compiled
def common_index(world: World, part: Part, row: int) -> np.uint64:
    """The row's name in both files: grows with its place in the common file, which is thereby sorted by it."""
    width = np.uint64(0xFFFFFFFFFFFFFFFF) // np.uint64(part.rows)
    place = np.uint64(row * part.inverse % part.rows)
    return place * width + bits(key(world.seed, ROW + world.part, row), _INDEX) % width
