"""What this machine's processor can do that a library does not find out by itself."""

from __future__ import annotations

from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")


def mkl_cpu_type(cpuinfo: Path = _CPUINFO) -> str | None:
    """What MKL_DEBUG_CPU_TYPE should say here; None: nothing.

    The MKL in Paddle's wheel takes its slowest path on processors of AMD. Told that it is on one of Intel's with the
    same instructions, it multiplies matrices several times as fast: 7 stands for AVX-512, 5 for AVX2.
    """
    try:
        lines = cpuinfo.read_text(errors="replace").split("\n\n")[0].splitlines()
    except OSError:
        return None
    facts = {name.strip(): value.split() for name, _, value in (line.partition(":") for line in lines)}
    if facts.get("vendor_id") != ["AuthenticAMD"]:
        return None
    flags = set(facts.get("flags", []))
    if {"avx512f", "avx512dq", "avx512bw", "avx512vl"} <= flags:
        return "7"
    return "5" if {"avx2", "fma"} <= flags else None
