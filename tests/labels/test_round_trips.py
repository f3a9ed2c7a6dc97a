"""What is exported in a format comes back equal, and the format's own library agrees."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from labels.maps import annotated, same

from napari_etch.labels import (
    FORMATS,
    Annotated,
    ExportRequest,
    WriteOptions,
    export_all,
    read_annotations,
)
from napari_etch.micrograph import read_micrograph


def round_trip(each, folder, form, **options):
    request = ExportRequest(folder / "set", form, options=WriteOptions(**options))
    exported = export_all([each], request)
    return exported, read_annotations(folder / "set")


def check(each, form, **options):
    with tempfile.TemporaryDirectory() as folder:
        kept = FORMATS[form].kinds
        if FORMATS[form].is_single:
            kept = [kind for kind in kept if kind in each.kinds][:1]
        if not any(np.any(getattr(each, kind)) for kind in kept):
            return  # nothing is drawn, so formats of regions have nothing to say
        exported, found = round_trip(each, Path(folder), form, **options)
        (back,) = found.values()
        for kind in kept:
            theirs = getattr(each, kind)
            if form == "yolo" and kind == "grains" and theirs is not None:
                theirs = np.unique(theirs, return_inverse=True)[1].reshape(theirs.shape)
                theirs = theirs + (0 not in each.grains)
            assert same(getattr(back, kind), theirs), kind
        assert same(back.ignore, each.ignore)
        assert (back.name, back.shape) == (each.name, each.shape)
        assert (back.pixel_size_um, back.specimen) == (each.pixel_size_um, each.specimen)
        image = back.image
        if image is None:
            image = read_micrograph(back.image_path, keep_info_bar=True).data
        assert np.array_equal(image, each.image)
        assert not exported.report.skipped


FAST = [
    ("pairs", {}),
    ("pairs", {"image_format": "png"}),
    ("coco", {}),
    ("coco", {"polygons": True}),
    ("via", {}),
    ("labelme", {}),
    ("yolo", {}),
    ("cellpose", {}),
    ("stardist", {}),
    ("imagej", {}),
    ("hdf5", {}),
]


@pytest.mark.parametrize(("form", "options"), FAST)
@settings(deadline=None, max_examples=15, suppress_health_check=list(HealthCheck))
@given(each=annotated())
def test_maps_come_back_equal(form, options, each):
    if FORMATS[form].kinds == ("grains",) and each.grains is None:
        each = replace(each, grains=each.classes.astype(np.int32))
    if each.ignore is not None and each.ignore.all():
        each = replace(each, ignore=None)
    check(each, form, **options)


@settings(deadline=None, max_examples=4, suppress_health_check=list(HealthCheck))
@given(each=annotated())
def test_maps_come_back_equal_from_ome_zarr(each):
    if each.ignore is not None and each.ignore.all():
        each = replace(each, ignore=None)
    check(each, "zarr")


def voronoi(size=80, seed=0):
    from measure.tessellation import poisson_voronoi

    return poisson_voronoi(size, 25, seed)


def field(**more):
    grains = voronoi()
    grains[30:36, 30:36] = 0  # a hole
    random = np.random.default_rng(0)
    about = {"pixel_size_um": 0.5, "image": random.integers(0, 255, (80, 80), np.uint8)}
    return Annotated("field", (80, 80), **{"grains": grains.astype(np.int32), **about, **more})


@pytest.mark.parametrize("form", ["pairs", "cellpose", "stardist", "hdf5", "coco", "zarr"])
def test_a_report_counts_grains_not_masks(form, tmp_path):
    each = field()
    _exported, found = round_trip(each, tmp_path, form)
    assert found.report.regions == len(np.unique(each.grains)) - 1 == 25
    assert found.report.summary() == "25 regions on 1 image."


# -- the libraries of the formats ------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools'
@pytest.mark.parametrize("polygons", [False, True])
def test_pycocotools_decodes_the_same_grains(tmp_path, polygons):
    from pycocotools.coco import COCO

    each = field()
    round_trip(each, tmp_path, "coco", polygons=polygons)
    coco = COCO(tmp_path / "set" / "annotations.json")
    (image,) = coco.loadImgs(coco.getImgIds())
    assert (image["height"], image["width"]) == each.shape
    seen = np.zeros(each.shape, np.int32)
    entries = coco.loadAnns(coco.getAnnIds())
    for entry in entries:
        mask = coco.annToMask(entry).astype(bool)
        assert mask.sum() == entry["area"]
        seen[mask] = entry["grain"]
    assert np.array_equal(seen, each.grains)
    outlined = [isinstance(entry["segmentation"], list) for entry in entries]
    assert any(outlined) is polygons


def test_roifile_reads_the_regions(tmp_path):
    import roifile
    from skimage.draw import polygon2mask

    each = field()
    round_trip(each, tmp_path, "imagej")
    rois = roifile.roiread(tmp_path / "set" / "field.zip")
    seen = np.zeros(each.shape, np.int32)
    for roi in rois:
        ring = roi.coordinates()[:, ::-1] - 0.5
        seen[polygon2mask(each.shape, ring)] = int(roi.name.split("-")[1].split(".")[0])
    assert np.array_equal(seen, each.grains)


def test_ome_zarr_reads_image_labels_and_pixel_size(tmp_path):
    from ome_zarr.io import parse_url
    from ome_zarr.reader import Reader

    each = field(classes=(voronoi() % 3).astype(np.uint8), ignore=voronoi() == 5)
    round_trip(each, tmp_path, "zarr")
    location = parse_url(tmp_path / "set" / "field.ome.zarr")
    assert location is not None
    nodes = {node.zarr.basename(): node for node in Reader(location)()}
    assert np.array_equal(np.asarray(nodes["field.ome.zarr"].data[0]), each.image)
    for name in ("grains", "classes"):
        assert np.array_equal(np.asarray(nodes[name].data[0]), getattr(each, name))
    scale = nodes["field.ome.zarr"].metadata["coordinateTransformations"][0][0]["scale"]
    assert scale == [0.5, 0.5]
    assert json.loads((tmp_path / "set" / "field.ome.zarr" / "zarr.json").read_text())[
        "attributes"
    ]["ome"]["version"].startswith("0.5")


def test_ome_zarr_labels_state_their_version(tmp_path):
    import zarr

    each = field()
    round_trip(each, tmp_path, "zarr")
    group = zarr.open_group(str(tmp_path / "set" / "field.ome.zarr"), mode="r")
    assert group["labels"].attrs["ome"] == {"version": "0.5", "labels": ["grains"]}


def test_the_seg_file_is_written_for_cellpose_and_never_read(tmp_path):
    each = field()
    _exported, found = round_trip(each, tmp_path, "cellpose", seg_npy=True)
    seg = np.load(tmp_path / "set" / "field_seg.npy", allow_pickle=True).item()
    assert np.array_equal(seg["masks"], each.grains)
    assert np.array_equal(found["field"].grains, each.grains)
    (tmp_path / "set" / "field_masks.tif").rename(tmp_path / "set" / "other_masks.tif")
    report = "\n".join(read_annotations(tmp_path / "set").report.lines())
    assert "it is a pickle, which can run any program, and is not opened" in report


# -- what single formats do ------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["coco", "via", "labelme", "yolo"])
def test_decimals_become_eight_bits_with_a_remark(tmp_path, form):
    image = np.random.default_rng(0).normal(size=(80, 80)).astype(np.float32)
    exported, found = round_trip(field(image=image), tmp_path, form)
    assert "scaled to 8 bits" in str(exported.report.changed[0])
    picture = read_micrograph(found["field"].image_path).data
    assert (picture.dtype, picture.min(), picture.max()) == (np.uint8, 0, 255)


@pytest.mark.parametrize("shape", [(20, 30, 3), (20, 30)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_colour_and_sixteen_bits_come_back(tmp_path, shape, dtype):
    image = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype)
    grains = np.ones((20, 30), np.int32)
    each = Annotated("a", (20, 30), grains=grains, image=image)
    for form in ("coco", "pairs"):
        _exported, found = round_trip(each, tmp_path / form, form, image_format="png")
        back = read_micrograph(found["a"].image_path, keep_info_bar=True).data
        assert np.array_equal(back, image)


def test_the_bundled_reader_of_training_takes_the_pairs(tmp_path):
    from napari_etch.training.folder import read_training_folder

    each = field()
    for image_format in ("tiff", "png"):
        out = tmp_path / image_format
        request = ExportRequest(out, options=WriteOptions(image_format=image_format))
        export_all([each], request)
        (pair,) = read_training_folder(out)
        inside = each.grains > 0
        assert np.array_equal(pair.labels[inside], each.grains[inside])


def test_training_learns_nothing_from_what_is_ignored_and_knows_specimens(tmp_path):
    from napari_etch.training.folder import read_training_folder

    ignore = np.zeros((80, 80), bool)
    ignore[:, 50:] = True
    each = field(ignore=ignore, specimen="plate 7")
    export_all([each], ExportRequest(tmp_path / "set"))
    (pair,) = read_training_folder(tmp_path / "set")
    assert not pair.learnt[ignore].any() and pair.learnt[~ignore & (each.grains > 0)].all()
    assert pair.specimen == "plate 7"
