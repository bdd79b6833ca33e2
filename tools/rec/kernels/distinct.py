"""Inner loop of `rec.data.distinct`."""

import numba


@numba.njit(nogil=True, cache=True)
def number(ids, slot, rows, found, where):
    for i in range(len(ids)):
        if slot[ids[i]] < 0:
            slot[ids[i]] = found
            rows[found] = ids[i]
            found += 1
        where[i] = slot[ids[i]]
    return found
