"""Sets as a whole: splits, tiles, the manifest, and what happens to a folder that is there."""

from __future__ import annotations

import csv
import hashlib
import json
import os
from contextlib import contextmanager
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_etch.grains.class_table import ClassTable
from napari_etch.labels import (
    FORMATS,
    Annotated,
    Exported,
    ExportRequest,
    LabelsError,
    LabelSource,
    Split,
    Tiles,
    WriteOptions,
    export_all,
    export_set,
    read_annotations,
)
from napari_etch.training.folder import read_training_folder


def field(name="a", shape=(40, 50), specimen="", **more):
    grains = np.ones(shape, np.int32)
    grains[:, shape[1] // 2 :] = 2
    image = np.arange(shape[0] * shape[1], dtype=np.uint16).reshape(shape)
    about = {"grains": grains, "image": image, "specimen": specimen}
    return Annotated(name, shape, **{**about, **more})


def everything(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


# -- the manifest ----------------------------------------------------------------------------------


def test_the_manifest_says_what_each_image_is(tmp_path):
    source = tmp_path / "raw.bin"
    source.write_bytes(b"pixels")
    made = {"model": "generalist", "reviewed_share": 0.25}
    each = field(pixel_size_um=0.5, specimen="S1", image_path=source, made=made)
    exported = export_all([each, field("b")], ExportRequest(str(tmp_path / "set")))
    manifest = json.loads((tmp_path / "set" / "manifest.json").read_text())
    assert manifest == exported.manifest
    assert (manifest["format"], manifest["labels"]) == ("pairs", "grains")
    first, second = manifest["images"]
    assert first["source"] == {
        "path": str(source),
        "sha256": hashlib.sha256(b"pixels").hexdigest(),
        "of": "file",
    }
    assert second["source"]["of"] == "pixels"
    assert (first["made"], first["reviewed_share"], first["grains"]) == (made, 0.25, 2)
    assert (first["pixel_size_um"], first["specimen"]) == (0.5, "S1")
    assert manifest["version"]
    assert read_annotations(tmp_path / "set")["a"].made == made
    with (tmp_path / "set" / "specimens.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == {"image": "a.tif", "specimen": "S1", "pixel_size_um": "0.5"}


# -- what is there stays ---------------------------------------------------------------------------


def test_an_earlier_export_is_replaced_only_when_asked(tmp_path):
    out = tmp_path / "set"
    export_all([field()], ExportRequest(out))
    before = everything(out)
    with pytest.raises(LabelsError, match="already holds an export: add --overwrite"):
        export_all([field("b")], ExportRequest(out))
    assert everything(out) == before
    export_all([field("b")], ExportRequest(out, overwrite=True))
    assert not (out / "images" / "a.tif").exists()
    assert (out / "images" / "b.tif").exists()
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_what_somebody_else_put_into_a_set_stays(tmp_path, form):
    """All of the folder was deleted, and the user's own files with it."""
    out = tmp_path / "set"
    export_all([field()], ExportRequest(out, form))
    mine = [out / "notes.txt", out / "images" / "mine.tif", out / "own" / "deep" / "a.txt"]
    for path in mine:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(path.name)
    (out / "link").symlink_to(tmp_path)
    done = export_all([field("b")], ExportRequest(out, form, overwrite=True))
    assert [path.read_text() for path in mine] == [path.name for path in mine]
    assert (out / "link").readlink() == tmp_path
    assert list(tmp_path.iterdir()) == [out]
    said = "images/mine.tif, link, notes.txt, own/deep/a.txt: no part of the export, left as it was"
    assert said in [str(each) for each in done.report.remarks]
    assert "a" not in {path.stem for path in out.rglob("*") if path not in mine}
    export_all([field("c")], ExportRequest(out, form, overwrite=True))  # still nobody's
    assert all(path.exists() for path in mine)


def test_a_file_of_somebody_else_is_not_replaced_by_one_of_the_set(tmp_path):
    out = tmp_path / "set"
    export_all([field()], ExportRequest(out))
    (out / "images" / "b.tif").write_text("mine")
    before = everything(out)
    with pytest.raises(LabelsError, match=r"b\.tif was put there by somebody else"):
        export_all([field("b")], ExportRequest(out, overwrite=True))
    assert everything(out) == before
    assert list(tmp_path.iterdir()) == [out]


def test_a_set_that_does_not_say_what_it_wrote_is_not_replaced(tmp_path):
    out = tmp_path / "set"
    export_all([field()], ExportRequest(out))
    manifest = json.loads((out / "manifest.json").read_text())
    del manifest["files"]
    (out / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(LabelsError, match="does not say which files"):
        export_all([field("b")], ExportRequest(out, overwrite=True))


def test_a_link_to_a_set_goes_on_standing_for_it(tmp_path):
    export_all([field()], ExportRequest(tmp_path / "set"))
    (tmp_path / "link").symlink_to(tmp_path / "set")
    export_all([field("b")], ExportRequest(tmp_path / "link", overwrite=True))
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "set" / "images" / "b.tif").exists()


@pytest.mark.parametrize("name", ["notes.txt", "manifest.json"])
def test_a_folder_with_anything_else_is_never_replaced(tmp_path, name):
    (tmp_path / name).write_text('{"program": "another"}')
    with pytest.raises(LabelsError, match="holds other files"):
        export_all([field()], ExportRequest(tmp_path, overwrite=True))
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", [".DS_Store", "Thumbs.db", "desktop.ini"])
def test_a_folder_with_what_the_system_puts_there_is_empty(tmp_path, name):
    """A folder that was looked at in the Finder was no empty one."""
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / name).write_bytes(b"\0")
    export_all([field()], ExportRequest(tmp_path / "set"))
    (tmp_path / "set" / "images" / name).write_bytes(b"\0")
    (tmp_path / "set" / "labels" / name).write_bytes(b"\0")
    assert list(read_annotations(tmp_path / "set")) == ["a"]
    (pair,) = read_training_folder(tmp_path / "set")
    assert pair.source == "a"
    export_all([field("b")], ExportRequest(tmp_path / "set", overwrite=True))
    assert (tmp_path / "set" / name).read_bytes() == b"\0"


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "set").write_text("")
    with pytest.raises(LabelsError, match="is a file"):
        export_all([field()], ExportRequest(tmp_path / "set"))


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_an_export_that_is_stopped_leaves_nothing(tmp_path, form):
    sources = [LabelSource.of(field(name)) for name in "abc"]
    events = export_set(sources, ExportRequest(tmp_path / "set", form))
    assert next(events).done == 1
    events.close()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LabelsError, match="could not be written"):
        export_all([field()], ExportRequest(tmp_path / "file" / "set"))


def test_what_a_killed_process_left_is_cleared(tmp_path):
    left = tmp_path / ".set.unfinished.0123abcd"
    (left / "images").mkdir(parents=True)
    (left / "images" / "old.tif").write_text("")
    os.utime(left, (0, 0))  # of another run, which may be at work, until a day has passed
    export_all([field()], ExportRequest(tmp_path / "set"))
    assert list(tmp_path.iterdir()) == [tmp_path / "set"]
    assert not (tmp_path / "set" / "images" / "old.tif").exists()


def test_a_set_that_another_run_has_written_meanwhile_is_not_replaced(tmp_path, monkeypatch):
    out = tmp_path / "set"

    @contextmanager
    def rival(_folder):
        monkeypatch.undo()
        export_all([field("b")], ExportRequest(out))
        yield

    monkeypatch.setattr("napari_etch.labels.exporting.one_at_a_time", rival)
    with pytest.raises(LabelsError, match="already holds an export"):
        export_all([field("a")], ExportRequest(out))
    assert [path.name for path in (out / "images").iterdir()] == ["b.tif"]


def test_an_export_that_fails_leaves_an_earlier_one(tmp_path, monkeypatch):
    out = tmp_path / "set"
    export_all([field()], ExportRequest(out))
    before = everything(out)

    def fail(*_args, **_keywords):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("napari_etch.labels.folders.write_mask", fail)
    with pytest.raises(LabelsError, match="No space left on device"):
        export_all([field("b")], ExportRequest(out, overwrite=True))
    assert everything(out) == before
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.skipif(os.name == "nt", reason="there is no limit to the size of files")
@pytest.mark.parametrize("limit", [1000, 6000, 40_000])
def test_a_full_disk_ends_an_hdf5_set_with_a_sentence(tmp_path, limit):
    import resource

    noise = np.random.default_rng(0).integers(0, 9, (300, 300), np.int32)
    each = Annotated("a", noise.shape, grains=noise, image=noise.astype(np.uint8))
    most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, most[1]))
    try:
        with pytest.raises(LabelsError, match="File too large"):  # the library of HDF5 crashed
            export_all([each], ExportRequest(tmp_path / "set", format="hdf5"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, most)
    assert not any(tmp_path.iterdir())


# -- what cannot be exported -----------------------------------------------------------------------


def test_an_image_that_cannot_be_used_does_not_stop_the_others(tmp_path):
    def broken():
        raise OSError(2, "No such file")

    classes = np.full((40, 50), 9, np.uint8)
    sources = [
        LabelSource("gone", broken),
        LabelSource.of(field("c", grains=None)),
        LabelSource.of(field("d", grains=None, classes=classes)),
        LabelSource.of(field("e", ignore=np.ones((40, 50), bool))),
        LabelSource.of(field("f")),
    ]
    *_steps, exported = export_set(sources, ExportRequest(tmp_path / "set"))
    assert isinstance(exported, Exported)
    assert [str(each) for each in exported.report.skipped] == [
        "gone: skipped: No such file",
        "c: skipped: it has no grains or classes or boundary",
        "d: skipped: it holds class 9, which is not in the class table",
        "e: skipped: all of it is to be ignored",
    ]
    assert [path.name for path in (tmp_path / "set" / "images").iterdir()] == ["f.tif"]


@pytest.mark.parametrize(
    ("sources", "request_", "says"),
    [
        ([], {}, "nothing to export"),
        ([field(grains=None)], {}, "Nothing could be exported"),
        ([field()], {"format": "docx"}, "no format 'docx'"),
        ([field()], {"labels": "words"}, "choose auto"),
        ([field()], {"format": "yolo", "labels": "boundary"}, "holds grains and classes"),
        ([field("a"), field("A")], {}, "Two images are called A"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(tmp_path, sources, request_, says):
    with pytest.raises(LabelsError, match=says):
        export_all(sources, ExportRequest(tmp_path / "set", **request_))
    assert list(tmp_path.iterdir()) == []


def test_a_set_of_one_map_an_image_keeps_to_one_kind(tmp_path):
    classes = np.ones((40, 50), np.uint8)
    each = [field("a"), field("b", classes=classes), field("c", grains=None, classes=classes)]
    exported = export_all(each, ExportRequest(tmp_path / "set"))
    assert exported.manifest["labels"] == "grains"
    assert "c: skipped: it has no grains" in str(exported.report.skipped[0])


# -- kinds -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [1, 2, 3, 4, 5])
def test_boundaries_have_the_width_that_was_asked_for(tmp_path, width):
    options = WriteOptions(line_width=width)
    request = ExportRequest(tmp_path / "set", labels="boundary", options=options)
    exported = export_all([field()], request)
    back = read_annotations(tmp_path / "set")["a"]
    assert back.kinds == ("boundary",)
    assert (back.boundary.sum(axis=1) == width).all()
    assert exported.manifest["line_width_px"] == width


def test_classes_travel_with_their_table(tmp_path):
    table = ClassTable.from_json([{"id": 4, "name": "dimple"}])
    classes = np.zeros((40, 50), np.uint8)
    classes[3:9] = 4
    for form in ("pairs", "yolo"):
        out = tmp_path / form
        options = WriteOptions(table=table)
        each = field(grains=None, classes=classes)
        export_all([each], ExportRequest(out, form, options=options))
        found = read_annotations(out, classes=None if form == "pairs" else table)
        assert found.table.names[4] == "dimple"
        assert np.array_equal(found["a"].classes, classes)


# -- splits ----------------------------------------------------------------------------------------


@settings(deadline=None)
@given(
    specimens=st.lists(st.sampled_from(["", "A", "B", "C", "D"]), min_size=1, max_size=40),
    seed=st.integers(0, 5),
)
def test_images_of_a_specimen_stay_together(specimens, seed):
    names = {f"{at:02d}": specimen for at, specimen in enumerate(specimens)}
    split = Split(seed=seed)
    parts = split.parts(names)
    assert list(parts) == list(names)
    for specimen in set(specimens) - {""}:
        assert len({parts[name] for name, each in names.items() if each == specimen}) == 1
    assert split.parts(names) == parts
    groups = len(set(specimens) - {""}) + specimens.count("")
    assert len(split.missing(parts)) == max(0, 3 - groups)


def test_shares_are_met_by_image():
    names = {f"{at}": "one specimen" for at in range(20)}
    parts = list(Split(by="image").parts(names).values())
    assert [parts.count(part) for part in ("train", "val", "test")] == [14, 3, 3]
    assert parts != list(Split(by="image", seed=1).parts(names).values())


@pytest.mark.parametrize(
    ("text", "shares"),
    [("70,15,15", (0.7, 0.15, 0.15)), ("0.8/0.2", (0.8, 0.2, 0)), ("1", (1, 0, 0))],
)
def test_a_split_is_read_from_a_word(text, shares):
    assert Split.parse(text).shares == pytest.approx(shares)


@pytest.mark.parametrize("text", ["", "a,b", "1,2,3,4", "-1,2", "0,0", "nan", "inf,1"])
def test_a_word_that_is_no_split_is_refused(text):
    with pytest.raises(LabelsError, match="no split"):
        Split.parse(text)


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_every_part_is_a_set_of_its_own(tmp_path, form):
    each = [field(f"{at}", specimen=f"S{at // 2}") for at in range(8)]
    exported = export_all(each, ExportRequest(tmp_path / "set", form, split=Split()))
    parts = {entry["name"]: entry["part"] for entry in exported.manifest["images"]}
    assert set(parts.values()) == {"train", "val", "test"}
    assert len(read_annotations(tmp_path / "set")) == 8
    for part in ("train", "val", "test"):
        found = read_annotations(tmp_path / "set" / part)
        assert set(found) == {name for name, each in parts.items() if each == part}
        assert all(found[name].specimen == f"S{int(name) // 2}" for name in found)
    if form == "yolo":
        import yaml

        data = yaml.safe_load((tmp_path / "set" / "data.yaml").read_text())
        assert (data["train"], data["val"]) == ("train/images", "val/images")
        assert "path" not in data  # "." was the folder that the training is started in


def test_too_few_specimens_are_told(tmp_path):
    each = [field(name, specimen="S") for name in "ab"]
    exported = export_all(each, ExportRequest(tmp_path / "set", split=Split()))
    said = "\n".join(exported.report.lines())
    assert "split by specimen: there are too few of them, so val has no image" in said


# -- tiles -----------------------------------------------------------------------------------------


@given(st.integers(1, 200), st.integers(16, 64), st.integers(0, 15))
def test_tiles_cover_all_and_overlap_enough(length, size, overlap):
    starts = Tiles(size, overlap).starts(length)
    covered = np.zeros(length, bool)
    for start in starts:
        covered[start : start + size] = True
        assert start + size <= max(length, size)
    assert covered.all()
    assert all(two - one <= size - overlap for one, two in pairwise(starts))


def test_tiles_hold_what_the_image_holds(tmp_path):
    each = field(shape=(40, 50), ignore=np.zeros((40, 50), bool), specimen="S")
    each.ignore[:20, :20] = True
    request = ExportRequest(tmp_path / "set", tiles=Tiles(20, 4))
    exported = export_all([each], request)
    found = read_annotations(tmp_path / "set")
    for entry in exported.manifest["images"]:
        top, left = entry["made"]["tile"]["top"], entry["made"]["tile"]["left"]
        back = found[entry["name"]]
        assert np.array_equal(back.grains, each.grains[top : top + 20, left : left + 20])
        assert back.specimen == "S"
    assert len(found) == 3 * 3 - 1
    assert "all of it is to be ignored" in str(exported.report.skipped[0])


def test_tiles_of_an_image_stay_in_one_part(tmp_path):
    each = [field(name) for name in "abcd"]
    request = ExportRequest(tmp_path / "set", split=Split(), tiles=Tiles(20))
    entries = export_all(each, request).manifest["images"]
    parts = {(entry["made"]["tile"]["of"], entry["part"]) for entry in entries}
    assert len(parts) == 4


@pytest.mark.parametrize(("size", "overlap"), [(8, 0), (20, 20), (20, -1)])
def test_tiles_that_cannot_be_are_refused(size, overlap):
    with pytest.raises(LabelsError, match="Tiles of"):
        Tiles(size, overlap)
