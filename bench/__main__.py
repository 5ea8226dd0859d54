"""Run every bench, or those named: ``python -m bench [NAME ...]``. Each ``bench/NAME.py`` has ``rows()``."""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")  # one thread each, ours and theirs; set before numpy is imported


def main() -> int:
    """Print a row for each claim; the exit status counts the bars that were missed."""
    import bench

    there = sorted(m.name for m in pkgutil.iter_modules(bench.__path__) if m.name not in ("__main__", "measure"))
    unknown = sorted(set(sys.argv[1:]) - set(there))
    if unknown:
        print(f"no bench {', '.join(unknown)}; available: {', '.join(there)}", file=sys.stderr)
        return 2
    missed = 0
    for name in sys.argv[1:] or there:
        print(f"\n{name}", flush=True)
        for row in importlib.import_module(f"bench.{name}").rows():
            print("  " + str(row), flush=True)
            missed += not row.passed
    return min(missed, 1)


if __name__ == "__main__":
    sys.exit(main())
