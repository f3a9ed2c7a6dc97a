"""What an import from the dock does in its thread; no window is needed."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from micrograph.scenes import specimen
from printing import print_of, printed

from napari_etch._widgets.export_run import ImportChoice, Imported, LayerJob, Plane, run_import
from napari_etch._widgets.run import Failed, Stopped

SQUARE = {"name": "polygon", "all_points_x": [2, 9, 9, 2], "all_points_y": [1, 1, 6, 6]}


def write_via(path: Path, *names: str) -> Path:
    regions = [{"shape_attributes": SQUARE, "region_attributes": {"name": "i"}}]
    path.write_text(json.dumps({name: {"filename": name, "regions": regions} for name in names}))
    return path


def outcome(path: Path, *, cancelled: bool = False, **more: Any) -> Any:
    cancel = threading.Event()
    if cancelled:
        cancel.set()
    choice = ImportChoice(path, **{"names": ("steel", "frame 7"), "shape": (20, 30), **more})
    events = run_import(choice, None, cancel, None)
    try:
        while True:
            next(events)
    except StopIteration as end:
        return end.value


@pytest.mark.parametrize("names", [("only.png",), ("a.png", "steel.png"), ("a.png", "frame 7.tif")])
def test_labels_are_picked_by_name_or_because_there_are_no_others(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    found = outcome(write_via(tmp_path / "via.json", *names))
    assert isinstance(found, Imported)
    assert found.each.name == Path(names[-1]).stem
    assert found.each.shape == (20, 30)


def test_one_of_many_has_to_be_named(tmp_path: Path) -> None:
    found = outcome(write_via(tmp_path / "via.json", "a.png", "b.png"))
    assert isinstance(found, Failed)
    assert "holds labels of 2 images (a, b), and none is called “steel”" in found.message


def test_labels_of_another_size_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones((10, 12), np.int32))
    found = outcome(tmp_path / "a.npy")
    assert isinstance(found, Failed)
    assert "are 12 × 10 px, “steel” is 30 × 20 px" in found.message


def test_a_pickle_and_nonsense_are_refused_in_a_sentence(tmp_path: Path) -> None:
    np.save(tmp_path / "a_seg.npy", {"masks": 1}, allow_pickle=True)
    (tmp_path / "a.zip").write_bytes(b"PK nonsense")
    for name, says in (("a_seg.npy", "is a pickle"), ("a.zip", "cannot be read as ImageJ")):
        found = outcome(tmp_path / name)
        assert isinstance(found, Failed) and says in found.message


def test_a_cancelled_import_adds_nothing(tmp_path: Path) -> None:
    assert isinstance(outcome(write_via(tmp_path / "v.json", "a.png"), cancelled=True), Stopped)


def exported(image: np.ndarray, grains: np.ndarray) -> Any:
    """Return how an image with its grains is annotated for an export."""
    job = LayerJob("steel", Plane(image, False), {"grains": grains})
    (source,) = job.sources(only_reviewed=False)
    return source.load()


def test_nothing_is_to_be_learnt_from_a_scale_bar_unless_it_was_labelled() -> None:
    made = printed(specimen(), print_of(box="filled"))
    grains = np.ones(made.image.shape, np.int32)
    assert exported(made.image, grains).ignore is None
    top, bottom, left, right = made.box
    grains[top:bottom, left:right] = 0
    ignored = exported(made.image, grains).ignore
    assert ignored[top:bottom, left:right].mean() > 0.95
    assert not ignored[grains > 0].any()
    assert exported(specimen(), np.zeros_like(grains)).ignore is None
