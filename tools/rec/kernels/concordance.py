"""Inner loops of XAUC: with how many others each row is in the right order, while labels are merge sorted."""

import numba


@numba.njit(nogil=True, cache=True)
def count_pairs(labels, counts, other_labels, other_counts):
    """Sort labels, and add to each one's count twice the rows before it with a smaller and behind it with a larger one.

    Args:
        labels: float32 [n], in the order of their scores.
        counts: int32 [n], which move with them.
        other_labels, other_counts: [n], scratch memory.

    Returns:
        whether the result is in the scratch memory.
    """
    n, swapped, width = len(labels), False, 1
    while width < n:
        a, c = (other_labels, other_counts) if swapped else (labels, counts)
        b, d = (labels, counts) if swapped else (other_labels, other_counts)
        for start in range(0, n, 2 * width):
            middle, end = min(start + width, n), min(start + 2 * width, n)
            i, j, below = start, middle, start  # `below`: how far the left labels are below that of j
            above = middle  # how far the right labels are not above that of i
            for k in range(start, end):
                if j >= end or (i < middle and a[i] <= a[j]):
                    while above < end and a[above] <= a[i]:
                        above += 1
                    b[k], d[k] = a[i], c[i] + 2 * (end - above)
                    i += 1
                else:
                    while below < middle and a[below] < a[j]:
                        below += 1
                    b[k], d[k] = a[j], c[j] + 2 * (below - start)
                    j += 1
        swapped = not swapped
        width *= 2
    return swapped


@numba.njit(nogil=True, cache=True)
def count_ties(words, counts):
    """Of each row how many have the same score and another label, int32 [n].

    `words` uint64 [n] are sorted; the upper half of each tells its score, the lower one its label.
    """
    n, start = len(words), 0
    while start < n:
        end = start
        while end < n and words[end] >> 32 == words[start] >> 32:
            end += 1
        i = start
        while i < end:
            j = i
            while j < end and words[j] == words[i]:
                j += 1
            counts[i:j] = (end - start) - (j - i)
            i = j
        start = end
