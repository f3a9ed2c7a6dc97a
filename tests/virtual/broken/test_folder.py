from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from skimage.io import imread

from napari_etch.virtual.broken import folder
from napari_etch.virtual.broken.folder import PairsError, PairSet, write_pairs

PAIRS = PairSet("published", 64, 3)


def pictures(out):
    return {
        path.relative_to(out).as_posix(): path.read_bytes() for path in sorted(out.rglob("*.png"))
    }


def test_pairs_lie_in_the_published_layout(tmp_path):
    assert list(write_pairs(tmp_path / "set", PAIRS, 3, workers=1)) == [0, 1, 2, 3]
    names = [f"{kind}/{index}.png" for kind in ("label", "micro") for index in range(3)]
    assert list(pictures(tmp_path / "set")) == names
    broken, complete = PAIRS.pair(2)
    np.testing.assert_array_equal(imread(tmp_path / "set" / "micro" / "2.png"), broken)
    np.testing.assert_array_equal(imread(tmp_path / "set" / "label" / "2.png"), complete)
    manifest = json.loads((tmp_path / "set" / "pairs.json").read_text())
    assert manifest["set"] == {"preset": "published", "size": 64, "seed": 3}
    assert manifest["count"] == 3


def test_any_number_of_processes_make_the_same_pairs(tmp_path):
    list(write_pairs(tmp_path / "one", PAIRS, 12, workers=1))
    assert list(write_pairs(tmp_path / "two", PAIRS, 12, workers=2))[-1] == 12
    assert pictures(tmp_path / "one") == pictures(tmp_path / "two")
    assert len(set(pictures(tmp_path / "two").values())) > 20  # and no two processes repeat a pair


def test_there_are_no_more_processes_than_windows_allows(tmp_path, monkeypatch):
    """With 62 and more Python refuses there, and no pair was made."""
    asked = []

    class Pool:
        def __init__(self, workers, *_):
            asked.append(workers)

        def map(self, write, wanted, chunksize):
            return map(write, wanted)

        def shutdown(self, **_):
            pass

    monkeypatch.setattr(folder, "ProcessPoolExecutor", Pool)
    monkeypatch.setattr(folder, "_write_pair", lambda *_: None)
    monkeypatch.setattr(folder, "_MOST_WORKERS", 61)
    list(write_pairs(tmp_path, PAIRS, 100, workers=96))
    assert asked == [61]


@pytest.mark.parametrize("other", [PairSet("published", 64, 4), PairSet("realistic", 64, 3)])
def test_another_seed_or_preset_gives_other_pairs(other):
    assert not np.array_equal(PAIRS.pair(0)[1], other.pair(0)[1])


def test_a_stopped_call_is_gone_on_with(tmp_path, monkeypatch):
    steps = write_pairs(tmp_path, PAIRS, 6, workers=1)
    while next(steps) < 3:
        pass
    steps.close()
    (tmp_path / "micro" / "0.png").unlink()  # stopped between the two halves of a pair
    kept = pictures(tmp_path)["label/1.png"]
    made = []
    write_pair = folder._write_pair
    monkeypatch.setattr(
        folder,
        "_write_pair",
        lambda out, pairs, index: made.append(index) or write_pair(out, pairs, index),
    )
    assert list(write_pairs(tmp_path, PAIRS, 6, workers=1)) == [2, 3, 4, 5, 6]
    assert made == [0, 3, 4, 5]
    assert pictures(tmp_path)["label/1.png"] == kept
    assert len(pictures(tmp_path)) == 12


def test_a_file_is_whole_or_not_there(tmp_path, monkeypatch):
    def broken_disk(path, target):
        raise OSError(28, "No space left on device", str(target))

    monkeypatch.setattr(folder.Path, "replace", broken_disk)
    (tmp_path / "micro").mkdir()
    with pytest.raises(OSError, match="No space"):
        folder._write_whole(tmp_path / "micro" / "0.png", b"content")
    assert not list((tmp_path / "micro").iterdir())


def test_pairs_of_another_set_are_neither_mixed_in_nor_replaced_unasked(tmp_path):
    list(write_pairs(tmp_path, PAIRS, 4, workers=1))
    before = pictures(tmp_path)
    other = PairSet("published", 48, 3)
    with pytest.raises(PairsError, match=r"published, 64 px, seed 3.*--overwrite"):
        list(write_pairs(tmp_path, other, 2, workers=1))
    assert pictures(tmp_path) == before
    list(write_pairs(tmp_path, other, 2, workers=1, overwrite=True))
    assert len(pictures(tmp_path)) == 4
    assert imread(tmp_path / "micro" / "1.png").shape == (48, 48)


def test_pictures_of_unknown_origin_are_left_alone(tmp_path):
    (tmp_path / "micro").mkdir()
    (tmp_path / "micro" / "7.png").write_bytes(b"mine")
    with pytest.raises(PairsError, match=r"no pairs\.json"):
        list(write_pairs(tmp_path, PAIRS, 1))
    (tmp_path / "pairs.json").write_text("{}")
    with pytest.raises(PairsError, match="not a list of pairs"):
        list(write_pairs(tmp_path, PAIRS, 1))


def test_what_cannot_be_drawn_is_said(tmp_path):
    with pytest.raises(PairsError, match="published, realistic"):
        PairSet("other", 64, 0)
    with pytest.raises(PairsError, match="0 or more"):
        PairSet("published", 64, -1)
    (tmp_path / "file").write_text("")
    with pytest.raises(PairsError, match="is a file"):
        list(write_pairs(tmp_path / "file", PAIRS, 1))


def test_workers_end_when_what_started_them_is_killed(tmp_path):
    psutil = pytest.importorskip("psutil")
    script = f"""
from pathlib import Path
from napari_etch.virtual.broken.folder import PairSet, write_pairs
if __name__ == "__main__":
    pairs = PairSet("published", 64, 3)
    for done in write_pairs(Path({str(tmp_path / "set")!r}), pairs, 20_000, workers=2):
        print(done, flush=True)
"""
    file = tmp_path / "make.py"
    file.write_text(script, encoding="utf-8")
    with subprocess.Popen([sys.executable, file], stdout=subprocess.PIPE) as maker:
        while int(maker.stdout.readline()) < 1:
            pass
        started = psutil.Process(maker.pid).children(recursive=True)
        maker.kill()
    assert started
    _, alive = psutil.wait_procs(started, timeout=20)
    for each in alive:
        each.kill()
    assert not alive
