"""Numba kernels: the loops that run once per token or per table row.

Their types are inferred by numba, so they carry no annotations; the modules that wrap them do. All release the GIL and
are compiled once, then cached on disk.
"""
