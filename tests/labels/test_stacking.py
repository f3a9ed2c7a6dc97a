"""Annotations of sections find their places in a stack."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import tifffile

from napari_etch.labels import (
    FORMATS,
    Annotated,
    AnnotationSet,
    ExportRequest,
    LabelsError,
    LabelSource,
    export_all,
    read_annotations,
)
from napari_etch.labels.stacking import onto_stack, read_mask_stack

SHAPE = (4, 20, 30)


def grains(seed=0, shape=SHAPE):
    """Return grains in squares of 5 px; the same numbers in every section."""
    random = np.random.default_rng(seed)
    numbers = random.permutation(24) + 1
    section = numbers.reshape(4, 6).repeat(5, 0).repeat(5, 1)
    return np.repeat(section[None], shape[0], 0).astype(np.int32)


def sections(*names, maps=None, shape=SHAPE[1:]):
    maps = grains() if maps is None else maps
    made = {name: Annotated(name, shape, grains=maps[i]) for i, name in enumerate(names)}
    return AnnotationSet(made)


def export_sections(volume, folder, format_):
    picture = np.zeros(SHAPE[1:], np.uint8)

    def one(at):
        name = f"my steel_{at:04d}"
        return lambda: Annotated(name, SHAPE[1:], grains=volume[at], image=picture)

    sources = [LabelSource(f"my steel_{at:04d}", one(at)) for at in range(len(volume))]
    export_all(sources, ExportRequest(folder, format=format_, labels="grains"))


@pytest.mark.parametrize("format_", sorted(FORMATS))
def test_what_was_exported_from_a_stack_comes_back_onto_it(tmp_path, format_):
    pytest.importorskip({"zarr": "ome_zarr"}.get(format_, "numpy"))
    volume = grains()
    export_sections(volume, tmp_path / "set", format_)
    found = read_annotations(tmp_path / "set", kind="grains")
    stack, report = onto_stack(found, ["my steel"], SHAPE)
    assert stack.sections == (0, 1, 2, 3) and not report.skipped
    if format_ == "yolo":  # its grain numbers start anew
        pairs = np.unique(np.stack([stack.grains[0], volume[0]]).reshape(2, -1), axis=1)
        assert pairs.shape[1] == 24
    else:
        assert np.array_equal(stack.grains, volume)


def test_numbers_count_from_0_or_from_1_and_some_may_be_missing():
    stack, _ = onto_stack(sections("z3", "z1"), ["steel"], SHAPE)
    assert stack.sections == (1, 3)
    assert not stack.grains[[0, 2]].any() and stack.grains[[1, 3]].all()
    stack, report = onto_stack(sections("s1", "s2", "s3", "s4"), ["steel"], SHAPE)
    assert stack.sections == (0, 1, 2, 3)
    assert "numbers: they count from 1" in report.lines()
    with pytest.raises(LabelsError, match="section 4, counted from 0, and “steel” has 4 sections"):
        onto_stack(sections("s1", "s4"), ["steel"], SHAPE)


def test_images_called_as_the_stack_come_before_others():
    stack, _ = onto_stack(sections("other_2", "steel_1"), ["steel"], SHAPE)
    assert stack.sections == (1,)


def test_one_without_a_number_belongs_to_the_section_that_is_shown():
    stack, report = onto_stack(sections("frame 7"), ["steel"], SHAPE, shown=2)
    assert stack.sections == (2,)
    assert "put on the section that is shown (2)" in report.lines()[1]
    with pytest.raises(LabelsError, match="do not say which section of “steel”"):
        onto_stack(sections("left", "right"), ["steel"], SHAPE)


def test_a_number_in_several_sections_is_one_grain_unless_it_is_numbered_anew():
    found = sections("s0", "s2")
    kept, report = onto_stack(found, ["steel"], SHAPE)
    assert np.array_equal(kept.grains[0], kept.grains[2])
    assert "24 grain numbers: in several sections" in report.lines()[1]
    anew, report = onto_stack(found, ["steel"], SHAPE, anew=True)
    assert len(report.lines()) == 1
    assert np.array_equal(anew.grains[0], kept.grains[0])
    assert np.array_equal(anew.grains[2], kept.grains[2] + 24)
    assert np.array_equal(found["s2"].grains, grains()[1])  # what was read stays


def test_another_size_is_refused():
    with pytest.raises(LabelsError, match="are 30 × 10 px, the sections of “steel” 30 × 20 px"):
        onto_stack(sections("s1", maps=grains()[:, :10], shape=(10, 30)), ["steel"], SHAPE)


@pytest.mark.parametrize("suffix", ["tif", "npy"])
def test_a_mask_of_all_sections_is_read_whole(tmp_path, suffix):
    path = tmp_path / f"grains.{suffix}"
    plain = partial(tifffile.imwrite, photometric="minisblack")
    write = {"tif": plain, "npy": np.save}[suffix]
    write(path, grains())
    stack = read_mask_stack(path, SHAPE)
    assert np.array_equal(stack.grains, grains()) and stack.sections == (0, 1, 2, 3)
    with pytest.raises(LabelsError, match="4 sections of 30 × 20 px, the stack has 9 sections"):
        read_mask_stack(path, (9, 20, 30))
    write(path, grains()[0])
    assert read_mask_stack(path, SHAPE) is None
    write(path, grains().astype(np.float32) + 0.5)
    with pytest.raises(LabelsError, match="float32 numbers, which are no labels"):
        read_mask_stack(path, SHAPE)
