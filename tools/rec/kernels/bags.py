"""Inner loops over ragged rows: tokens of a row's fields in turn, `offsets` int [R * F + 1] bounding each bag."""

import numba


@numba.njit(nogil=True, cache=True)
def scatter_field(tokens, starts, field, num_field, offsets, out):
    """Copy one field's tokens, row r's beginning at tokens[starts[r]], into its bags, as many as these hold."""
    for row in range(len(starts) - 1):
        bag = row * num_field + field
        for i in range(offsets[bag + 1] - offsets[bag]):
            out[offsets[bag] + i] = tokens[starts[row] + i]


@numba.njit(nogil=True, cache=True)
def count_tokens(rows, num_field, offsets):
    """Tokens in all the given rows."""
    total = 0
    for row in rows:
        total += offsets[(row + 1) * num_field] - offsets[row * num_field]
    return total


@numba.njit(nogil=True, cache=True)
def take_rows(rows, num_field, offsets, tokens, out_offsets, out_tokens):
    """Copy rows, in the given order, into out_offsets (int [len(rows) * F + 1]) and out_tokens."""
    at = 0
    out_offsets[0] = 0
    for r in range(len(rows)):
        first = rows[r] * num_field
        begin, end = offsets[first], offsets[first + num_field]
        for field in range(num_field):
            out_offsets[r * num_field + field + 1] = at + offsets[first + field + 1] - begin
        for i in range(begin, end):
            out_tokens[at] = tokens[i]
            at += 1
