"""A folder of broken boundary networks and their originals, in the published layout.

``micro/<i>.png`` is broken, ``label/<i>.png`` complete. A pair depends on its seed, preset, size
and number alone, so any number of processes make the same set, and a later call goes on with it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import zlib
from collections.abc import Generator, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any

import numpy as np

from napari_etch.virtual.broken import PRESETS, Pair

BROKEN_FOLDER, COMPLETE_FOLDER = "micro", "label"
MANIFEST_FILE = "pairs.json"
# So few pairs are made sooner than processes start.
_FEW = 8
# A pool takes no more processes on Windows, which waits for so many things at once.
_MOST_WORKERS = 61 if sys.platform == "win32" else 1024
# Pairs a process is handed at a time.
_HANDED = 4


class PairsError(ValueError):
    """The folder holds something else, or what was asked for cannot be drawn."""


@dataclass(frozen=True)
class PairSet:
    """What a set of pairs follows from.

    Attributes
    ----------
    preset : a key of `virtual.broken.PRESETS`
    size : side in px
    seed : the same seed gives the same pairs
    """

    preset: str
    size: int
    seed: int

    def __post_init__(self) -> None:
        if self.preset not in PRESETS:
            known = ", ".join(PRESETS)
            raise PairsError(f"There is no preset {self.preset}: choose one of {known}.")
        if self.seed < 0:
            raise PairsError(f"A seed is 0 or more, not {self.seed}.")

    def pair(self, index: int) -> Pair:
        """Draw the broken and the complete network of a number, uint8 (size, size) each."""
        key = (self.seed, zlib.crc32(self.preset.encode()), self.size, index)
        return PRESETS[self.preset](self.size, np.random.default_rng(key))


def write_pairs(
    out: Path,
    pairs: PairSet,
    count: int,
    *,
    workers: int | None = None,
    overwrite: bool = False,
) -> Generator[int, None, None]:
    """Write the pairs 0 to `count` - 1 that the folder does not hold yet.

    Parameters
    ----------
    out : Path
        Is made, with its parents. Gets ``micro``, ``label`` and ``pairs.json``.
    pairs : PairSet
    count : int
        How many the folder shall hold.
    workers : int, optional
        Processes; as many as processors when not given.
    overwrite : bool
        Remove the pairs the folder holds and make all anew.

    Yields
    ------
    int
        How many pairs are there: first those found, then after each that is made.

    Raises
    ------
    PairsError
        If the folder holds pairs of another set.
    OSError
        If the disk does not take them.
    """
    if overwrite:
        _remove_pairs(out)
    _check_same(out, pairs)
    for name in (BROKEN_FOLDER, COMPLETE_FOLDER):
        (out / name).mkdir(parents=True, exist_ok=True)
    _write_manifest(out, pairs, count)
    found = pairs_in(out)
    wanted = [index for index in range(count) if index not in found]
    done = count - len(wanted)
    yield done
    with _mapping(wanted, workers or os.cpu_count() or 1) as each:
        for _ in each(partial(_write_pair, out, pairs), wanted):
            done += 1
            yield done


def pairs_in(out: Path) -> set[int]:
    """Return the numbers of the pairs that a folder holds."""
    return _numbers(out / BROKEN_FOLDER) & _numbers(out / COMPLETE_FOLDER)


@contextmanager
def _mapping(wanted: list[int], workers: int) -> Iterator[Any]:
    """Give a function like map that spreads the work over processes, where that pays."""
    workers = min(workers, len(wanted), _MOST_WORKERS)
    if workers < 2 or len(wanted) <= _FEW:
        yield map
        return
    # Not forked: torch and its threads do not survive that.
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _begin_worker)
    try:
        yield partial(pool.map, chunksize=_HANDED)
    finally:
        pool.shutdown(cancel_futures=True)


def _begin_worker() -> None:
    """Leave Ctrl-C to the process that started this one, end with it, and take one processor."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["OMP_NUM_THREADS"] = "1"
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when the one that started it is gone, even if it was killed.

    A worker waits for pairs to make, and nobody would hand it any or tell it to stop.
    """
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _write_pair(out: Path, pairs: PairSet, index: int) -> None:
    import imagecodecs

    broken, complete = pairs.pair(index)
    for name, picture in ((COMPLETE_FOLDER, complete), (BROKEN_FOLDER, broken)):
        content = bytes(imagecodecs.png_encode(picture))
        _write_whole(out / name / f"{index}.png", content)


def _write_whole(path: Path, content: bytes) -> None:
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _numbers(folder: Path) -> set[int]:
    """Return the numbers of the pictures in a folder."""
    if not folder.is_dir():
        return set()
    names = (Path(entry.name) for entry in os.scandir(folder))
    return {int(name.stem) for name in names if name.suffix == ".png" and name.stem.isdecimal()}


def _remove_pairs(out: Path) -> None:
    (out / MANIFEST_FILE).unlink(missing_ok=True)
    for name in (BROKEN_FOLDER, COMPLETE_FOLDER):
        for number in _numbers(out / name):
            (out / name / f"{number}.png").unlink(missing_ok=True)


def _check_same(out: Path, pairs: PairSet) -> None:
    """Raise PairsError where pairs of another set, or of none that is known, would be mixed in."""
    remedy = "add --overwrite to replace them, or choose another folder"
    if out.exists() and not out.is_dir():
        raise PairsError(f"{out} is a file: choose another folder")
    manifest = out / MANIFEST_FILE
    if not manifest.exists():
        if _numbers(out / BROKEN_FOLDER) | _numbers(out / COMPLETE_FOLDER):
            raise PairsError(f"{out} holds pairs but no {MANIFEST_FILE} to go on from: {remedy}")
        return
    try:
        there = PairSet(**json.loads(manifest.read_text(encoding="utf-8"))["set"])
    except (ValueError, TypeError, KeyError) as error:
        raise PairsError(f"{manifest} is not a list of pairs: {remedy}") from error
    if there != pairs:
        raise PairsError(
            f"{out} holds pairs of the preset {there.preset}, {there.size} px, seed {there.seed}: "
            f"{remedy}"
        )


def _write_manifest(out: Path, pairs: PairSet, count: int) -> None:
    from napari_etch import __version__

    manifest = out / MANIFEST_FILE
    if manifest.exists():
        count = max(count, json.loads(manifest.read_text(encoding="utf-8")).get("count", 0))
    said = {
        "set": asdict(pairs),
        "count": count,
        "broken": f"{BROKEN_FOLDER}/<i>.png",
        "complete": f"{COMPLETE_FOLDER}/<i>.png",
        "boundaries": "0 on 255",
        "napari_etch": __version__,
    }
    _write_whole(manifest, (json.dumps(said, indent=1) + "\n").encode())
