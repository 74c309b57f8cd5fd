"""`python -m benchmarks [NAME...]`: runs the benchmarks and prints one table; exits 1 when a bar is missed."""

import asyncio
import importlib
import inspect
import pkgutil
import sys
import traceback

import benchmarks
from benchmarks.table import Row, show
from tests.fixtures.keeper import keep


def main(wanted: list[str]) -> int:
    """Run the named benchmarks, or all of them."""
    names = sorted(
        m.name for m in pkgutil.iter_modules(benchmarks.__path__) if m.name not in ("table", "__main__")
    )
    rows: list[Row] = []
    for name in names:
        if wanted and name not in wanted:
            continue
        bench = getattr(importlib.import_module(f"benchmarks.{name}"), "bench", None)
        if bench is None:
            continue
        print(f"running {name} ...", flush=True)
        try:
            measured = asyncio.run(bench()) if inspect.iscoroutinefunction(bench) else bench()
        except Exception as error:
            traceback.print_exc()
            measured = [Row(name, "runs to its end", f"{type(error).__name__}: {error}"[:100], False)]
        print(show(measured), flush=True)
        rows += measured
    print(f"\n{show(rows)}")
    return 0 if all(row.ok for row in rows) else 1


if __name__ == "__main__":
    keep()
    sys.exit(main(sys.argv[1:]))
