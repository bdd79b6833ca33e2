"""Text eight bytes at a time: which of them end a name or a number, and what number some digits are.

A word is a uint64 whose lowest byte is the first in memory, as on every processor that Paddle runs on. Each constant
repeats a byte, so that one operation looks at eight of them.
"""

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

U = np.uint64
SIZE = 8
HIGH, LOW = U(0x8080808080808080), U(0x7F7F7F7F7F7F7F7F)
ZEROS = U(0x3030303030303030)
OVER_NINE = U(0x7676767676767676)
ALL = U(0xFFFFFFFFFFFFFFFF)


@intrinsic
def load(_, text, at):
    """text[at:at + SIZE], wherever it begins, unchecked; what NumPy's views check costs twenty times as much."""

    def codegen(context, builder, signature, args):
        array = context.make_array(signature.args[0])(context, builder, args[0])
        first = builder.gep(array.data, [args[1]])
        word = builder.load(builder.bitcast(first, ir.IntType(64).as_pointer()))
        word.align = 1
        return word

    return types.uint64(text, types.int64), codegen


@numba.njit(nogil=True, cache=True)
def zeros(word):
    """The high bit of each byte that is zero."""
    return ~(((word & LOW) + LOW) | word | LOW)


@intrinsic
def _zeros_below(_, word):
    """How many bits below the lowest that is set are not; 64 where none is: one instruction."""

    def codegen(context, builder, signature, args):
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), codegen


@numba.njit(nogil=True, cache=True)
def first(marks):
    """The place of the first byte whose high bit is set; 8 where there is none."""
    return _zeros_below(marks) >> 3


@numba.njit(nogil=True, cache=True)
def keep(word, count):
    """The first `count` (below 8) bytes; zeros stand for the others."""
    return word & ~(ALL << U(8 * count))


@numba.njit(nogil=True, cache=True)
def not_digits(word):
    """The high bit of each byte that is none of 0 to 9."""
    values = word ^ ZEROS
    return (((values & LOW) + OVER_NINE) | values) & HIGH


@numba.njit(nogil=True, cache=True)
def number(word, count):
    """The number that the first `count` (1 to 8) bytes, all digits, spell. Neighbours are joined three times over."""
    digits = (word ^ ZEROS) << U(64 - 8 * count)
    pairs = (digits * U(10) + (digits >> U(8))) & U(0x00FF00FF00FF00FF)
    fours = (pairs * U(100) + (pairs >> U(16))) & U(0x0000FFFF0000FFFF)
    return np.int64((fours * U(10_000) + (fours >> U(32))) & U(0xFFFFFFFF))
