"""Annotation files of other programs become maps, and the report says what did not."""

from __future__ import annotations

import base64
import copy
import io
import json
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_etch.grains.class_table import FRACTURE_MODES, ClassTable
from napari_etch.labels import Annotated, LabelsError, read_annotations
from napari_etch.labels.importing import write_maps

SQUARE = {"name": "polygon", "all_points_x": [2, 6, 6, 2], "all_points_y": [1, 1, 4, 4]}


def write(path, value):
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def image(folder, name="a.png", shape=(8, 10)):
    Image.fromarray(np.zeros(shape, np.uint8)).save(folder / name)


def via(*regions, name="a.png", **about):
    listed = [
        {"shape_attributes": shape, "region_attributes": {"name": word}} for shape, word in regions
    ]
    return {f"{name}100": {"filename": name, "size": 100, "regions": listed, **about}}


def said(found):
    return "\n".join(found.report.lines())


def expected(value=1):
    classes = np.zeros((8, 10), np.uint8)
    classes[1:4, 2:6] = value
    return classes


# -- VIA -------------------------------------------------------------------------------------------


def test_via_2_annotations_become_a_class_map(tmp_path):
    image(tmp_path)
    found = read_annotations(write(tmp_path / "via_region_data.json", via((SQUARE, "t"))))
    assert np.array_equal(found["a"].classes, expected(2))
    assert found["a"].classes.dtype == np.uint8
    assert found["a"].image_path == tmp_path / "a.png"
    assert found.report.lines() == ["1 region on 1 image."]


def test_via_2_project_and_via_1_are_read_alike(tmp_path):
    image(tmp_path)
    entries = via((SQUARE, "i"))
    project = write(tmp_path / "project.json", {"_via_settings": {}, "_via_img_metadata": entries})
    old = json.loads(json.dumps(entries))
    entry = next(iter(old.values()))
    entry["regions"] = {"0": entry["regions"][0]}
    entry |= {"fileref": "", "base64_img_data": ""}
    first = write(tmp_path / "via1.json", old)
    for path in (project, first):
        assert np.array_equal(read_annotations(path)["a"].classes, expected(1))


def test_via_3_is_read_with_its_options_and_shapes(tmp_path):
    image(tmp_path)
    value = {
        "project": {"pid": "__VIA_PROJECT_ID__"},
        "config": {},
        "attribute": {
            "1": {"aname": "name", "type": 4, "options": {"0": "i", "1": "t"}},
            "2": {"aname": "remark", "type": 1, "options": {}},
        },
        "file": {"1": {"fid": "1", "fname": "a.png", "type": 2, "loc": 1, "src": "a.png"}},
        "view": {"1": {"fid_list": ["1"]}},
        "metadata": {
            "1_a": {
                "vid": "1",
                "flg": 0,
                "z": [],
                "xy": [7, 2, 1, 6, 1, 6, 4, 2, 4],
                "av": {"1": "1"},
            },
            "1_b": {
                "vid": "1",
                "flg": 0,
                "z": [],
                "xy": [2, 7, 5, 2, 2],
                "av": {"1": "0", "2": "?"},
            },
            "1_c": {"vid": "1", "flg": 0, "z": [], "xy": [1, 3, 3], "av": {"1": "0"}},
            "1_d": {"vid": "1", "flg": 0, "z": [], "xy": [], "av": {"2": "whole file"}},
        },
    }
    found = read_annotations(write(tmp_path / "via3.json", value))
    wanted = expected(2)
    wanted[5:7, 7:9] = 1
    assert np.array_equal(found["a"].classes, wanted)
    assert "a point has no area" in said(found)


def test_rectangles_circles_and_ellipses_have_their_areas(tmp_path):
    shapes = [
        ({"name": "rect", "x": 1, "y": 2, "width": 10, "height": 5}, 50),
        ({"name": "circle", "cx": 40, "cy": 40, "r": 20}, np.pi * 400),
        ({"name": "ellipse", "cx": 40, "cy": 40, "rx": 20, "ry": 10, "theta": 0.5}, np.pi * 200),
    ]
    for shape, area in shapes:
        path = write(tmp_path / "via.json", via((shape, "i")))
        found = read_annotations(path, shapes={"a.png": (80, 80)})
        assert np.count_nonzero(found["a"].classes) == pytest.approx(area, rel=0.02)


def test_any_attribute_serves_through_a_class_table(tmp_path):
    table = ClassTable.from_json(
        {"attribute": "mode", "classes": [{"id": 3, "name": "dimple", "aliases": ["d"]}]}
    )
    regions = via((SQUARE, "i"))
    entry = next(iter(regions.values()))
    entry["regions"][0]["region_attributes"] = {"name": "x", "mode": {"d": True, "i": False}}
    found = read_annotations(
        write(tmp_path / "via.json", regions), classes=table, shapes={"a": (8, 10)}
    )
    assert np.array_equal(found["a"].classes, expected(3))


def test_later_regions_lie_on_top_and_the_report_says_so(tmp_path):
    path = write(tmp_path / "via.json", via((SQUARE, "i"), (SQUARE, "t")))
    found = read_annotations(path, shapes={"a": (8, 10)})
    assert np.array_equal(found["a"].classes, expected(2))
    assert "later regions cover 12 px of earlier ones" in said(found)


# -- what cannot be used ---------------------------------------------------------------------------


def test_the_report_names_what_was_skipped_and_why(tmp_path):
    image(tmp_path)
    outside = {"name": "polygon", "all_points_x": [50, 60, 60], "all_points_y": [1, 1, 4]}
    partly = {"name": "polygon", "all_points_x": [-9, 3, 3, -9], "all_points_y": [5, 5, 7, 7]}
    bow_tie = {"name": "polygon", "all_points_x": [6, 10, 10, 6], "all_points_y": [4, 8, 4, 8]}
    empty = {"name": "polygon", "all_points_x": [], "all_points_y": []}
    thin = {"name": "polygon", "all_points_x": [1, 9, 1], "all_points_y": [1, 1, 1]}
    broken = {"name": "polygon", "all_points_x": [1, "x", 3], "all_points_y": [1, 2, 3]}
    value = via(
        (SQUARE, "i"),
        (outside, "i"),
        (partly, "t"),
        (bow_tie, "t"),
        (empty, "i"),
        (thin, "i"),
        (broken, "i"),
        (SQUARE, "dimple"),
        (SQUARE, ""),
        ({"name": "point", "cx": 1, "cy": 1}, "i"),
    )
    value |= via((SQUARE, "i"), name="missing.png") | via(name="nothing.png")
    found = read_annotations(write(tmp_path / "via.json", value), kind="classes")
    words = said(found)
    for line in (
        "a: region 2 (i): skipped: it lies outside the image (10 × 8)",
        "a: region 3 (t): what lies outside the image was cut off",
        "a: region 4 (t): its outline crosses itself; it was filled even-odd",
        "a: region 5 (i): skipped: it is empty: it has fewer than three points",
        "a: region 6 (i): skipped: it is empty: no pixel's middle lies inside",
        "a: region 7 (i): skipped: it is empty",
        "a: region 8 (dimple): skipped: class 'dimple' is not in the class table",
        "a: region 9: skipped: it has no class",
        "a: region 10: skipped: a point has no area",
        "missing: skipped: the image missing.png was not found, so its size is not known",
        "nothing: skipped: it has no region that can be used",
    ):
        assert line in words
    assert list(found) == ["a"]
    assert found.report.regions == 3
    assert (found["a"].classes[1:4, 2:6] == 1).all()
    assert (found["a"].classes[5:7, :3] == 2).all()


def test_yolo_texts_from_windows_lose_no_line(tmp_path):
    for part in ("images", "labels"):
        (tmp_path / part).mkdir()
    for name in ("a.png", "b.png"):
        image(tmp_path / "images", name)
    (tmp_path / "data.yaml").write_text("names: [intergranular]")
    line = b"0 0.2 0.125 0.6 0.125 0.6 0.5 0.2 0.5\r\n"
    (tmp_path / "labels" / "a.txt").write_bytes(b"\xef\xbb\xbf" + line)
    (tmp_path / "labels" / "b.txt").write_bytes(b"0 \xfc\r\n" + line)
    found = read_annotations(tmp_path)
    assert np.array_equal(found["a"].classes, expected(1))
    assert np.array_equal(found["b"].classes, expected(1))
    assert "b: line 1: skipped: it is no class and outline" in said(found)


@pytest.mark.parametrize("names", ["3", "{a: grain}", "[1", "null"])
def test_a_yolo_table_that_names_no_classes_is_refused(tmp_path, names):
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text("0 0 0 1 0 1 1\n")
    (tmp_path / "data.yaml").write_text(f"names: {names}\n")
    with pytest.raises(LabelsError, match="names no classes"):
        read_annotations(tmp_path, shape=(20, 30))


def test_images_that_the_user_names_go_before_others_of_their_stem(tmp_path):
    """ImageJ regions lie beside NAME.tif, and what they were made on is NAME.png elsewhere."""
    import roifile

    for folder, names in (("set", ["a.tif"]), ("mine", ["a.png"]), ("both", ["a.png", "a.bmp"])):
        (tmp_path / folder).mkdir()
        for name in names:
            image(tmp_path / folder, name)
    roi = roifile.ImagejRoi.frompoints([[2, 1], [6, 1], [6, 4], [2, 4]], name="t-1")
    roifile.roiwrite(tmp_path / "set" / "a.zip", [roi], mode="w")
    assert read_annotations(tmp_path / "set")["a"].image_path == tmp_path / "set" / "a.tif"
    found = read_annotations(tmp_path / "set", images=tmp_path / "mine")
    assert found["a"].image_path == tmp_path / "mine" / "a.png"
    assert np.array_equal(found["a"].classes, expected(2))
    with pytest.raises(LabelsError, match=r"image a was not found \(it may be a\.bmp or a\.png\)"):
        read_annotations(tmp_path / "set", images=tmp_path / "both")


def test_another_size_than_that_of_the_image_is_refused(tmp_path):
    image(tmp_path, "b.png")
    image(tmp_path, "c.png")
    coco = {
        "images": [
            {"id": 1, "file_name": "b.png", "height": 80, "width": 100},
            {"id": 2, "file_name": "c.png", "height": 8, "width": 10},
        ],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[0, 0, 5, 0, 5, 5]]},
            {"id": 2, "image_id": 2, "category_id": 1, "segmentation": [[2, 1, 6, 1, 6, 4, 2, 4]]},
            {"id": 3, "image_id": 9, "category_id": 1, "segmentation": [[0, 0, 5, 0, 5, 5]]},
        ],
        "categories": [{"id": 1, "name": "intergranular"}],
    }
    found = read_annotations(write(tmp_path / "coco.json", coco))
    assert "it was annotated at 100 × 80, the image is 10 × 8" in said(found)
    assert "there is no image 9 in the file" in said(found)
    assert np.array_equal(found["c"].classes, expected(1))


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.json", "{", "cannot be read as JSON"),
        ("a.json", "[1, 2]", "neither VIA nor COCO nor LabelMe"),
        ("a.json", '{"images": [], "annotations": []}', "no annotation that can be used"),
        ("a.csv", "x", "no known format"),
        ("a_seg.npy", "x", "pickle"),
        ("a.npy", "x", "cannot be read as a mask"),
        ("a.tif", "x", "cannot be read as a mask"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_a_sentence(tmp_path, name, text, says):
    (tmp_path / name).write_text(text)
    with pytest.raises(LabelsError, match=says) as caught:
        read_annotations(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_labels_that_were_cut_off_are_refused(tmp_path):
    """Of a stack that was cut off the first section was imported as if it were all."""
    grains = np.arange(2000, dtype=np.int32).reshape(5, 20, 20)
    tifffile.imwrite(tmp_path / "a.tif", grains, compression="zlib", photometric="minisblack")
    whole = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(whole[: len(whole) * 3 // 4])
    with pytest.raises(LabelsError, match="truncated: it ends before its pixels do"):
        read_annotations(tmp_path / "a.tif")


def labelme():
    shape = {"label": "i", "points": [[2, 1], [6, 1], [6, 4]], "shape_type": "polygon"}
    return {"imagePath": "a.png", "imageHeight": 8, "imageWidth": 10, "shapes": [shape, shape]}


def coco():
    return {
        "images": [{"id": 1, "file_name": "a.png", "height": 8, "width": 10}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[2, 1, 6, 1, 6, 4]]},
            {"id": 2, "image_id": 1, "category_id": 1, "segmentation": {"size": [8, 10]}},
        ],
        "categories": [{"id": 1, "name": "i"}],
    }


def via_3():
    return {
        "attribute": {"1": {"aname": "name", "options": {"0": "i"}}},
        "file": {"1": {"fname": "a.png"}},
        "view": {"1": {"fid_list": ["1"]}},
        "metadata": {"a": {"vid": "1", "xy": [7, 2, 1, 6, 1, 6, 4], "av": {"1": "0"}}},
    }


def nodes(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, each in items:
        if isinstance(each, dict | list):
            yield from nodes(each, (*path, key))
        else:
            yield (*path, key)


@pytest.mark.parametrize(
    ("numbers", "grains"),
    [
        ((None, 1, 1), 2),  # what goes together has a group in LabelMe, the rest none
        ((1, None, 1), 2),
        ((2**31 - 1, None, None), 3),
        ((None, None, None), 3),
    ],
)
def test_a_region_without_a_number_is_a_grain_of_its_own(tmp_path, numbers, grains):
    value = labelme()
    value["shapes"] = [
        value["shapes"][0]
        | {"label": "grain", "group_id": number, "points": [[x, 1], [x + 2, 1], [x + 2, 4], [x, 4]]}
        for x, number in zip((0, 3, 6), numbers, strict=True)
    ]
    found = read_annotations(write(tmp_path / "a.json", value))["a"].grains
    assert np.unique(found[found > 0]).size == grains
    same = [number for number in numbers if number == 1]
    assert np.count_nonzero(found == 1) == 6 * max(1, len(same))


@pytest.mark.parametrize("make", [lambda: via((SQUARE, "i")), labelme, coco, via_3])
def test_whatever_stands_in_a_file_there_is_a_report_or_a_sentence(tmp_path, make):
    for path in list(nodes(make()))[1:]:
        for junk in (None, "x", -1, 1e400, [], {}, [None], {"a": []}, [[1], "x"]):
            value = copy.deepcopy(make())
            parent = value
            for key in path[:-1]:
                parent = parent[key]
            parent[path[-1]] = junk
            file = write(tmp_path / "a.json", value)
            try:
                found = read_annotations(file, shapes={"a": (8, 10)})
            except LabelsError as error:
                assert "\n" not in str(error)
            else:
                assert all(each.shape == (8, 10) for each in found.values())


def test_a_seg_file_of_cellpose_is_never_opened(tmp_path):
    np.save(tmp_path / "a_seg.npy", {"masks": np.ones((3, 3))}, allow_pickle=True)
    with pytest.raises(LabelsError, match="save the masks as TIFF or PNG"):
        read_annotations(tmp_path / "a_seg.npy")


def test_a_missing_path_and_unknown_options_are_refused(tmp_path):
    with pytest.raises(LabelsError, match="does not exist"):
        read_annotations(tmp_path / "no.json")
    with pytest.raises(LabelsError, match="choose auto, grains, classes, boundary"):
        read_annotations(tmp_path, kind="lines")
    with pytest.raises(LabelsError, match="choose project, published"):
        read_annotations(tmp_path, convention="theirs")


def test_damaged_run_lengths_are_skipped(tmp_path):
    entries = [
        {"counts": "zzz!", "size": [8, 10]},
        {"counts": [5, 2, 1], "size": [8, 10]},
        {"counts": [0, 80], "size": [8, 11]},
        {"counts": [79, 1], "size": [8, 10]},
        {"counts": None, "size": [8]},
    ]
    coco = {
        "images": [{"id": 1, "file_name": "a.png", "height": 8, "width": 10}],
        "annotations": [
            {"id": n, "image_id": 1, "category_id": 1, "segmentation": each}
            for n, each in enumerate(entries)
        ],
        "categories": [{"id": 1, "name": "i"}],
    }
    found = read_annotations(write(tmp_path / "coco.json", coco))
    assert said(found).count("run lengths are damaged") == 4
    assert np.argwhere(found["a"].classes).tolist() == [[7, 9]]


# -- grains ----------------------------------------------------------------------------------------


def test_regions_called_grain_are_grains_and_the_kind_can_be_said(tmp_path):
    path = write(tmp_path / "via.json", via((SQUARE, "grain"), (SQUARE, "i")))
    shapes = {"a": (8, 10)}
    both = read_annotations(path, shapes=shapes)["a"]
    assert np.array_equal(both.grains, expected(1))
    assert np.array_equal(both.classes, expected(1))
    only = read_annotations(path, shapes=shapes, kind="grains")
    assert np.array_equal(only["a"].grains, expected(2))
    assert only["a"].classes is None
    assert "later regions cover it entirely" in said(only)


# -- the published convention ----------------------------------------------------------------------


def test_published_masks_are_swapped_back(tmp_path):
    Image.fromarray(np.array([[0, 1, 2]], np.uint8)).save(tmp_path / "m.png")
    assert read_annotations(tmp_path / "m.png")["m"].classes.tolist() == [[0, 1, 2]]
    found = read_annotations(tmp_path / "m.png", convention="published")
    assert found["m"].classes.tolist() == [[0, 2, 1]]


@pytest.mark.parametrize(
    ("words", "mode"),
    [
        ("i", 1),
        ("t", 2),
        ("it", 2),  # 335 mod 256 = 79
        ("tt", 2),
        ("ttt", 1),  # 240
        ("ii", 1),  # 254
        ("tttt", 2),  # 64
    ],
)
def test_published_overlaps_are_added_in_eight_bits(tmp_path, words, mode):
    path = write(tmp_path / "via.json", via(*[(SQUARE, word) for word in words]))
    found = read_annotations(path, shapes={"a": (8, 10)}, convention="published")
    assert found["a"].classes[2, 4] == mode
    assert found["a"].classes[6, 8] == 0


def test_published_annotations_agree_with_published_masks(tmp_path):
    """What the published code would have written as a mask reads the same as its annotations."""
    from skimage.draw import polygon

    other = {"name": "polygon", "all_points_x": [4, 9, 9, 4], "all_points_y": [2, 2, 7, 7]}
    total = np.zeros((8, 10), np.uint8)
    for shape, value in ((SQUARE, 255), (other, 80)):
        rows, columns = polygon(shape["all_points_y"], shape["all_points_x"], total.shape)
        total[rows, columns] += np.uint8(value)
    mask = np.zeros_like(total)
    mask[(total > 20) & (total < 200)] = 1
    mask[total >= 200] = 2
    Image.fromarray(mask).save(tmp_path / "a.png")
    path = write(tmp_path / "via.json", via((SQUARE, "i"), (other, "t")))
    ours = read_annotations(path, shapes={"a": (8, 10)}, convention="published")["a"].classes
    theirs = read_annotations(tmp_path / "a.png", convention="published")["a"].classes
    assert np.array_equal(ours, theirs)
    assert set(np.unique(ours)) == {0, 1, 2}


def test_the_published_convention_needs_both_modes(tmp_path):
    path = write(tmp_path / "via.json", via((SQUARE, "a")))
    table = ClassTable.from_json(["a"])
    with pytest.raises(LabelsError, match="intergranular and transgranular"):
        read_annotations(path, classes=table, convention="published", shapes={"a": (8, 10)})


# -- masks -----------------------------------------------------------------------------------------


def test_masks_are_told_apart_by_their_values(tmp_path):
    masks = {
        "classes": np.array([[0, 1], [2, 2]], np.uint8),
        "boundary": np.array([[0, 255], [255, 0]], np.uint8),
        "grains": np.array([[0, 1], [2, 70_000]], np.int32),
    }
    for kind, mask in masks.items():
        np.save(tmp_path / f"{kind}.npy", mask)
        found = read_annotations(tmp_path / f"{kind}.npy")[kind]
        assert found.kinds == (kind,)
    assert read_annotations(tmp_path / "classes.npy", kind="grains")["classes"].kinds == ("grains",)


def test_a_picture_is_no_mask_unless_it_is_said_to_be_one(tmp_path):
    noise = np.random.default_rng(0).integers(0, 200, (80, 90), np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    with pytest.raises(LabelsError, match=r"a\.png looks like a picture"):
        read_annotations(tmp_path / "a.png")
    assert np.array_equal(read_annotations(tmp_path / "a.png", kind="grains")["a"].grains, noise)


def test_a_folder_of_masks_is_read_and_bad_ones_are_reported(tmp_path):
    folder = tmp_path / "masks"
    folder.mkdir()
    (tmp_path / "images").mkdir()
    image(tmp_path / "images", "a.jpg")
    Image.fromarray(expected(2)).save(folder / "a.png")
    Image.fromarray(np.full((4, 4, 3), (1, 2, 3), np.uint8)).save(folder / "b.png")
    found = read_annotations(folder)
    assert list(found) == ["a"]
    assert found["a"].image_path == tmp_path / "images" / "a.jpg"
    assert "in colour" in said(found)


def test_the_table_is_that_of_fracture_modes_by_default(tmp_path):
    path = write(tmp_path / "via.json", via((SQUARE, "i")))
    assert read_annotations(path, shapes={"a": (8, 10)}).table is FRACTURE_MODES


@pytest.mark.parametrize(
    ("key", "values", "says"),
    [
        ("grains", 0.7, "holds float64 numbers, which are no labels"),
        ("grains", -3, "holds numbers below 0"),
        ("grains", 2**40, "above 2147483647"),
        ("classes", 300, "classes go up to 255"),
    ],
)
@pytest.mark.parametrize("form", ["h5", "zarr"])
def test_numbers_of_a_container_that_are_no_labels_are_told(tmp_path, form, key, values, says):
    """They became others: 0.7 was 0, 300 was class 44, and a grain 2^40 was none."""
    numbers = np.full((5, 6), values)
    if form == "h5":
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file[f"frame/{key}"] = numbers
            file["other/grains"] = np.ones((5, 6), int)
        found = read_annotations(tmp_path / "a.h5")
        assert list(found) == ["other"]
        said = "\n".join(found.report.lines())
    else:
        zarr = pytest.importorskip("zarr")
        group = zarr.open_group(str(tmp_path / "a.ome.zarr"), mode="w")
        held = group.create_group("labels")
        held.attrs["labels"] = [key]
        held.create_group(key).create_array("0", data=numbers)
        held[key].attrs["multiscales"] = [{"datasets": [{"path": "0"}], "axes": []}]
        with pytest.raises(LabelsError) as told:
            read_annotations(tmp_path / "a.ome.zarr")
        said = str(told.value)
    assert says in said


@pytest.mark.parametrize("made", ["[1, 2]", "{", "3", "null"])
def test_what_a_file_says_of_its_making_may_be_rubbish(tmp_path, made):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["frame/grains"] = np.ones((5, 6), int)
        file["frame"].attrs["made"] = made
    assert read_annotations(tmp_path / "a.h5")["frame"].made == {}


@pytest.mark.parametrize("images", [[1], {"a": 1}, [{"name": "a", "made": [3]}], 3])
def test_a_damaged_manifest_says_nothing(tmp_path, images):
    (tmp_path / "labels").mkdir()
    tifffile.imwrite(tmp_path / "labels" / "a.tif", np.ones((5, 6), np.int32))
    manifest = {"program": "napari-etch", "images": images, "labels": [1]}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    assert read_annotations(tmp_path)["a"].made == {}


def test_a_picture_that_would_fill_the_memory_is_no_mask(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
    packed = io.BytesIO()
    Image.new("1", (11, 11)).save(packed, "PNG")
    text = base64.b64encode(packed.getvalue()).decode()
    shape = {"label": "i", "shape_type": "mask", "points": [[0, 0], [9, 9]], "mask": text}
    square = {"label": "i", "points": [[1, 1], [9, 1], [9, 9]]}
    value = {"imagePath": "a.png", "imageHeight": 20, "imageWidth": 20, "shapes": [shape, square]}
    (tmp_path / "a.json").write_text(json.dumps(value))
    found = read_annotations(tmp_path / "a.json")
    assert "shape 1 (i): skipped: its mask cannot be read" in "\n".join(found.report.lines())


def test_an_image_that_claims_to_be_larger_than_any_is_skipped(tmp_path):
    corner = {"id": 1, "image_id": 1, "segmentation": [[1, 1, 9, 1, 9, 9]]}
    images = [{"id": 1, "file_name": "a.png", "width": 10**7, "height": 10**7}]
    value = {"images": images, "annotations": [corner], "categories": []}
    (tmp_path / "a.json").write_text(json.dumps(value))
    with pytest.raises(LabelsError, match=r"claims to have 10000000 × 10000000 px"):
        read_annotations(tmp_path / "a.json")


@pytest.mark.parametrize("other", ["A", "a"])
def test_maps_of_names_that_are_one_elsewhere_are_refused(tmp_path, other):
    """On Windows and macOS the second image's map replaced the first's."""
    maps = [Annotated(name, (5, 6), grains=np.ones((5, 6), np.int32)) for name in ("a", other)]
    with pytest.raises(LabelsError, match=f"Two images are called {other}"):
        write_maps(maps, tmp_path / "maps")
    assert list(tmp_path.iterdir()) == []


def test_maps_of_which_one_is_open_are_replaced_all_or_none(tmp_path, monkeypatch):
    maps = [Annotated(name, (5, 6), grains=np.ones((5, 6), np.int32)) for name in "ab"]
    write_maps(maps, tmp_path / "maps")
    before = {path.name: path.read_bytes() for path in (tmp_path / "maps").iterdir()}
    rename = Path.rename

    def is_open(path, target):
        if path.name == "b_grains.tif":
            raise PermissionError(13, "it is being used by another process")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", is_open)
    new = [replace(each, grains=each.grains + 1) for each in maps]
    with pytest.raises(LabelsError, match="close it in the program that has it open"):
        write_maps(new, tmp_path / "maps", overwrite=True)
    assert {path.name: path.read_bytes() for path in (tmp_path / "maps").iterdir()} == before
