"""A process that edits is killed, as a crash or the system would; its last map comes back."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_etch.corrections import journals_in, read_journal

# Edits at random, and says the state of the map once it is told to be on disk.
EDITOR = """
import sys, zlib
from pathlib import Path
import numpy as np
from napari_etch.corrections import Journal

grains = np.arange(1, 1 + 64 * 64, dtype=np.int32).repeat(64).reshape(512, 512).copy()
journal = Journal(grains, "killed", [Path(sys.argv[1])], compact_bytes=int(sys.argv[2]))
random = np.random.default_rng(int(sys.argv[3]))
journal.flush()
for edit in range(10_000):
    y, x = random.integers(0, 480, 2)
    window = (slice(y, y + 30), slice(x, x + 25))
    before = grains[window].copy()
    grains[window] = 10_000 + edit
    journal.record(window, before, grains[window])
    if edit % 7 == 0:
        journal.flush()
        print(edit + 1, zlib.crc32(grains), flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize(("compact_bytes", "seed"), [(1 << 30, 0), (20_000, 1), (20_000, 2)])
def test_after_sigkill_the_map_comes_back(tmp_path: Path, compact_bytes: int, seed: int) -> None:
    command = [sys.executable, "-c", EDITOR, str(tmp_path), str(compact_bytes), str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as editor:
        assert editor.stdout is not None
        told = [editor.stdout.readline() for _ in range(20 + 7 * seed)]
        assert journals_in(tmp_path) == []  # in use
        editor.send_signal(signal.SIGKILL)
        told += editor.stdout.readlines()
    edits_told, _ = map(int, told[-1].split())
    [path] = journals_in(tmp_path)
    back = read_journal(path)
    assert edits_told <= back.edits <= edits_told + 7
    np.testing.assert_array_equal(back.grains, replayed(back.edits, seed))


def replayed(edits: int, seed: int) -> np.ndarray:
    grains = np.arange(1, 1 + 64 * 64, dtype=np.int32).repeat(64).reshape(512, 512).copy()
    random = np.random.default_rng(seed)
    for edit in range(edits):
        y, x = random.integers(0, 480, 2)
        grains[y : y + 30, x : x + 25] = 10_000 + edit
    return grains
