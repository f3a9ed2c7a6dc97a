"""How long each room takes to import in a fresh interpreter, and whether torch comes along.

    python benchmarks/import_time.py

Prints the best of five in milliseconds of processor time, which other work on the machine disturbs
less than the clock on the wall, with the empty interpreter taken off. Ends with 1 when a room needs
a second or loads what only its functions may load.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "napari_etch"
NOT_AT_IMPORT = {"torch", "napari", "qtpy", "matplotlib", "pandas", "skimage"}
LIMIT_S = 1.0
RUNS = 5


def best_time(code: str) -> float:
    """Return the least processor time, s, that a child process with this code needed."""
    times = []
    for _ in range(RUNS):
        before = os.times()
        subprocess.run([sys.executable, "-c", code], check=True)
        after = os.times()
        user = after.children_user - before.children_user
        times.append(user + after.children_system - before.children_system)
    return min(times)


def loaded_by(name: str) -> set[str]:
    code = f"import {name}, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return NOT_AT_IMPORT.intersection(done.stdout.split())


def rooms() -> list[str]:
    found = [path.parent.name for path in PACKAGE.glob("*/__init__.py")]
    found += [path.stem for path in PACKAGE.glob("*.py") if not path.stem.startswith("_")]
    return sorted(set(found) - {"_widgets"})


def main() -> int:
    empty = best_time("pass")
    failed = False
    for name in ["napari_etch", *(f"napari_etch.{room}" for room in rooms())]:
        seconds = best_time(f"import {name}") - empty
        heavy = loaded_by(name)
        bad = seconds >= LIMIT_S or bool(heavy)
        failed |= bad
        print(f"{name:30} {1000 * seconds:6.0f} ms  {'FAIL ' if bad else ''}{' '.join(heavy)}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
