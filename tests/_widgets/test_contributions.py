"""What the manifest offers to napari: reader, sample data, menu item, dock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
from napari.layers import Image
from npe2 import PluginManager, PluginManifest

import napari_etch
from napari_etch._widgets.annotation_files import get_annotation_reader
from napari_etch._widgets.array_files import get_array_reader
from napari_etch._widgets.array_files import read_layers as read_array_layers
from napari_etch._widgets.layers import pixel_size_um, section_distance_um
from napari_etch._widgets.reader import get_reader, write_calibrated
from napari_etch._widgets.samples import steel, virtual
from napari_etch.micrograph import MicrographError, read_micrograph, write_tiff

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = Path(napari_etch.__file__).parent / "napari.yaml"


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, shape, np.uint8)


@pytest.fixture
def calibrated(tmp_path: Path) -> Path:
    path = tmp_path / "calibrated.tif"
    write_tiff(path, noise(40, 50), pixel_size_um=0.25)
    return path


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    path = tmp_path / "plain.tif"
    tifffile.imwrite(path, noise(40, 50))
    return path


def test_every_command_of_the_manifest_can_be_imported() -> None:
    manifest = PluginManifest.from_file(MANIFEST)
    manifest.validate_imports()
    assert manifest.contributions.commands


# -- reader --------------------------------------------------------------------------------------


def test_a_calibrated_tiff_opens_in_micrometres(calibrated: Path) -> None:
    reader = get_reader(str(calibrated))
    assert reader is not None
    [(data, keywords, kind)] = reader(str(calibrated))
    assert kind == "image"
    assert data.shape == (40, 50)
    assert keywords["scale"] == pytest.approx((0.25, 0.25))
    assert keywords["units"] == ("µm", "µm")
    assert keywords["name"] == "calibrated"


def test_a_tiff_without_a_pixel_size_opens_as_napari_opens_it(plain: Path) -> None:
    reader = get_reader(str(plain))
    assert reader is not None
    [layer] = reader(str(plain))
    np.testing.assert_array_equal(np.asarray(layer[0]), tifffile.imread(plain))
    assert len(layer) == 1 or "scale" not in layer[1]


def test_a_multi_page_tiff_opens_as_napari_opens_it(tmp_path: Path) -> None:
    path = tmp_path / "pages.tif"
    tifffile.imwrite(path, noise(4, 40, 50), photometric="minisblack")
    reader = get_reader(str(path))
    assert reader is not None
    assert np.asarray(reader(str(path))[0][0]).shape == (4, 40, 50)


def test_a_calibrated_stack_keeps_its_pixel_size_and_the_distance_of_its_sections(
    tmp_path: Path,
) -> None:
    path, pages = tmp_path / "stack.tif", noise(4, 40, 50)
    about = {"axes": "ZYX", "unit": "nm", "spacing": 50.0}
    tifffile.imwrite(path, pages, imagej=True, metadata=about, resolution=(0.1, 0.1))
    reader = get_reader(str(path))
    assert reader is not None
    [(data, keywords, kind)] = reader(str(path))
    np.testing.assert_array_equal(data, pages)
    assert (kind, keywords["rgb"]) == ("image", False)
    assert keywords["scale"] == pytest.approx((0.05, 0.01, 0.01))
    layer = Image(data, **keywords)
    assert pixel_size_um(layer) == pytest.approx(0.01)
    assert section_distance_um(layer) == pytest.approx(0.05)
    write_calibrated(str(tmp_path / "saved.tif"), data, keywords)
    saved = read_micrograph(tmp_path / "saved.tif", stack=True)
    assert (saved.pixel_size_um, saved.distance_um) == pytest.approx((0.01, 0.05))


def test_a_stack_whose_distance_is_not_stated_has_none(tmp_path: Path) -> None:
    write_tiff(tmp_path / "stack.tif", noise(4, 40, 50), pixel_size_um=0.25)
    reader = get_reader(str(tmp_path / "stack.tif"))
    assert reader is not None
    [(data, keywords, _)] = reader(str(tmp_path / "stack.tif"))
    assert section_distance_um(Image(data, **keywords)) is None


def test_each_channel_of_a_calibrated_tiff_is_a_layer(tmp_path: Path) -> None:
    path, planes = tmp_path / "both.ome.tif", noise(2, 40, 50)
    about = {"axes": "CYX", "Channel": {"Name": ["SE", "BSE"]}, "PhysicalSizeX": 0.5}
    tifffile.imwrite(path, planes, metadata=about)
    reader = get_reader(str(path))
    assert reader is not None
    layers = reader(str(path))
    assert [keywords["name"] for _, keywords, _ in layers] == ["both.ome SE", "both.ome BSE"]
    for (data, keywords, _), plane in zip(layers, planes, strict=True):
        np.testing.assert_array_equal(data, plane)
        assert keywords["scale"] == (0.5, 0.5)


def test_each_series_of_a_calibrated_tiff_is_a_layer(tmp_path: Path) -> None:
    """napari's own reader showed the first alone, as a thumbnail."""
    path = tmp_path / "all.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as writer:
        sizes = ({"PhysicalSizeX": 2.0}, {"PhysicalSizeX": 0.5}, {"PhysicalSizeX": 0.5})
        shapes, axes = ((40, 50), (2, 40, 50), (3, 40, 50)), ("YX", "CYX", "ZYX")
        for shape, letters, size in zip(shapes, axes, sizes, strict=True):
            writer.write(noise(*shape), metadata={"axes": letters, "Name": f"of {letters}", **size})
    reader = get_reader(str(path))
    assert reader is not None
    found = {each["name"]: (data.shape, each["scale"]) for data, each, _ in reader(str(path))}
    assert found == {
        "all.ome of YX": ((40, 50), (2.0, 2.0)),
        "all.ome of CYX 0": ((40, 50), (0.5, 0.5)),
        "all.ome of CYX 1": ((40, 50), (0.5, 0.5)),
        "all.ome of ZYX": ((3, 40, 50), (1.0, 0.5, 0.5)),
    }


def test_a_stack_of_colours_stays_coloured(tmp_path: Path) -> None:
    path, colours = tmp_path / "colours.tif", noise(4, 40, 50, 3)
    about = {"axes": "ZYXS", "unit": "um"}
    tifffile.imwrite(path, colours, imagej=True, metadata=about, resolution=(2, 2))
    reader = get_reader(str(path))
    assert reader is not None
    [(data, keywords, _)] = reader(str(path))
    np.testing.assert_array_equal(data, colours)
    assert keywords["rgb"] and keywords["scale"][1:] == (0.5, 0.5)


def test_a_list_of_files_is_stacked_by_napari(plain: Path, calibrated: Path) -> None:
    paths = [str(plain), str(calibrated)]
    reader = get_reader(paths)
    assert reader is not None
    assert np.asarray(reader(paths)[0][0]).shape == (2, 40, 50)


def test_other_kinds_of_files_are_not_claimed() -> None:
    manifest = PluginManifest.from_file(MANIFEST)
    micrographs, annotations, arrays = manifest.contributions.readers or []
    assert set(micrographs.filename_patterns) == {"*.tif", "*.tiff"}
    assert {"*.json", "*.zip"} <= set(annotations.filename_patterns)
    assert {"*.h5", "*.hdf5", "zarr.json"} <= set(arrays.filename_patterns)
    # or napari would ask for the reader of every folder
    assert not any(each.accepts_directories for each in (micrographs, annotations, arrays))


def test_an_hdf5_file_opens_with_its_pixel_size_unless_it_holds_no_image(tmp_path: Path) -> None:
    pixels, path = noise(40, 50), str(tmp_path / "scan.h5")
    with h5py.File(path, "w") as file:
        file["entry/image"] = pixels
        file["entry/image"].attrs["element_size_um"] = (1, 0.5, 0.5)
    assert get_annotation_reader(path) is None
    reader = get_array_reader(path)
    assert reader is not None
    [(data, keywords, kind)] = reader(path)
    np.testing.assert_array_equal(data, pixels)
    assert (kind, keywords["name"], keywords["scale"]) == ("image", "scan", (0.5, 0.5))
    with h5py.File(path, "w") as file:
        file["weights"] = np.zeros(1000)
    (tmp_path / "text.h5").write_text("no HDF5")
    for other in (path, str(tmp_path / "text.h5"), str(tmp_path / "none.h5"), [path]):
        assert get_array_reader(other) is None


def test_every_image_of_an_hdf5_file_is_a_layer_and_what_cannot_be_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr("napari.utils.notifications.show_info", told.append)
    path = str(tmp_path / "scan.h5")
    with h5py.File(path, "w") as file:
        file["a/image"], file["b/image"] = noise(40, 50), noise(3, 40, 50)
        file["c/odd"] = noise(40, 50, 9, 8, 8)
    layers = read_array_layers(Path(path))
    found = {keywords["name"]: data.shape for data, keywords, _ in layers}
    assert found == {"scan /a/image": (40, 50), "scan /b/image": (3, 40, 50)}
    assert "/c/odd in scan.h5 has shape" in told[0]
    with h5py.File(path, "w") as file:
        file["c/odd"] = noise(40, 50, 9, 8, 8)
    with pytest.raises(MicrographError, match="axes cannot be told"):
        read_array_layers(Path(path))


def test_the_scenes_of_a_czi_file_are_layers_with_its_pixel_size(tmp_path: Path) -> None:
    czi = pytest.importorskip("pylibCZIrw.czi")
    path = str(tmp_path / "steel.czi")
    with czi.create_czi(path) as file:
        for scene in (0, 1):
            file.write(noise(40, 50)[..., None], scene=scene, location=(0, 100 * scene))
        file.write_metadata("steel", scale_x=5e-7, scale_y=5e-7)
    reader = get_array_reader(path)
    assert reader is not None
    layers = reader(path)
    assert [keywords["name"] for _, keywords, _ in layers] == ["steel scene 0", "steel scene 1"]
    for data, keywords, _ in layers:
        np.testing.assert_array_equal(data, noise(40, 50))
        assert keywords["scale"] == pytest.approx((0.5, 0.5))
    (tmp_path / "text.czi").write_text("no image")
    assert get_array_reader(str(tmp_path / "text.czi")) is None


def test_a_zarr_folder_is_opened_by_its_metadata(tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")
    pixels = noise(40, 50)
    zarr.save_array(str(tmp_path / "scan.zarr"), pixels)
    reader = get_array_reader(str(tmp_path / "scan.zarr" / "zarr.json"))
    assert reader is not None
    [(data, keywords, _)] = reader("")
    np.testing.assert_array_equal(data, pixels)
    assert keywords["name"] == "scan"


@pytest.mark.dev_data
def test_a_zeiss_frame_opens_with_the_pixel_size_of_its_header(dev_data: Path) -> None:
    path = str(dev_data / "particles-sem" / "1908248.tif")
    reader = get_reader(path)
    assert reader is not None
    [(data, keywords, _kind)] = reader(path)
    assert data.ndim == 2
    assert keywords["units"] == ("µm", "µm")
    assert keywords["scale"][0] > 0
    assert "Zeiss" in keywords["metadata"]["napari_etch"]["calibration"]


# -- sample data ---------------------------------------------------------------------------------


def test_the_steel_sample_is_calibrated() -> None:
    [(data, keywords, kind)] = steel()
    assert kind == "image"
    assert data.shape == (600, 800)
    assert keywords["scale"] == pytest.approx((50 / 222, 50 / 222))
    assert keywords["units"] == ("µm", "µm")


def test_the_virtual_sample_comes_with_its_grains() -> None:
    pytest.importorskip("torch")
    (image, _, image_kind), (labels, keywords, labels_kind) = virtual()
    assert (image_kind, labels_kind) == ("image", "labels")
    assert image.shape == labels.shape
    assert not keywords["visible"]


# -- in napari -----------------------------------------------------------------------------------


@pytest.fixture
def registered(npe2pm: Any) -> Any:
    npe2pm.register(PluginManifest.from_file(MANIFEST))
    npe2pm.discover_called = True
    return npe2pm


@pytest.mark.gui
def test_napari_opens_a_file_with_the_reader(
    make_napari_viewer: Any, registered: PluginManager, calibrated: Path
) -> None:
    viewer = make_napari_viewer()
    [layer] = viewer.open(str(calibrated), plugin="napari-etch")
    np.testing.assert_allclose(layer.scale, (0.25, 0.25))
    assert [str(unit) for unit in layer.units] == ["micrometer", "micrometer"]


@pytest.mark.gui
@pytest.mark.parametrize("kind", ["image", "labels", "colour"])
def test_a_layer_is_saved_with_its_pixel_size_and_opened_as_what_it_is(
    make_napari_viewer: Any, registered: PluginManager, tmp_path: Path, kind: str
) -> None:
    """napari's own TIFF has no pixel size; grains with one were opened as a micrograph."""
    data: Any = noise(40, 50, 4) if kind == "colour" else noise(40, 50)
    if kind == "labels":
        data = data.astype(np.int32) + 70_000  # more than a micrograph holds
    viewer = make_napari_viewer()
    add = viewer.add_labels if kind == "labels" else viewer.add_image
    layer = add(data, scale=(0.25, 0.25), units=("µm", "µm"))
    path = tmp_path / "saved.tif"
    assert viewer.layers.save(str(path), plugin="napari-etch") == [str(path)]
    [again] = viewer.open(str(path), plugin="napari-etch")
    assert type(again) is type(layer) and again.name == "saved"
    np.testing.assert_array_equal(again.data, data[..., :3] if kind == "colour" else data)
    np.testing.assert_allclose(again.scale, (0.25, 0.25))
    assert [str(unit) for unit in again.units] == ["micrometer", "micrometer"]


def test_a_layer_that_no_tiff_of_ours_can_hold_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "four.tif"
    with pytest.raises(MicrographError, match="shape"):
        write_calibrated(str(path), np.zeros((2, 3, 4, 5)), {})
    assert not path.exists()


@pytest.mark.gui
def test_napari_opens_the_steel_sample(make_napari_viewer: Any, registered: PluginManager) -> None:
    viewer = make_napari_viewer()
    viewer.open_sample("napari-etch", "steel")
    assert viewer.layers[0].name == "NIST steel"


@pytest.mark.gui
def test_the_menu_command_opens_the_dock_and_starts_the_generalist(
    make_napari_viewer: Any, registered: PluginManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_etch._widgets import segment_dock
    from napari_etch._widgets.commands import segment_with_generalist

    started: list[str] = []
    monkeypatch.setattr(segment_dock.SegmentDock, "run_model", lambda _, name: started.append(name))
    monkeypatch.setattr(segment_dock.SegmentDock, "_probe", lambda *_: None)
    viewer = make_napari_viewer()
    viewer.add_image(noise(32, 32), name="steel")
    segment_with_generalist(viewer)
    segment_with_generalist(viewer)  # the dock that is open is used again
    assert started == ["generalist", "generalist"]
    assert len(viewer.window.dock_widgets) == 1


@pytest.mark.gui
@pytest.mark.parametrize("kind", ["image", "labels"])
def test_the_menu_command_opens_the_repair_dock_and_repairs_the_selected_layer(
    make_napari_viewer: Any, registered: PluginManager, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    from napari_etch._widgets import repair_dock
    from napari_etch._widgets.commands import repair_selected

    started: list[Any] = []
    monkeypatch.setattr(
        repair_dock.RepairDock, "start", lambda dock: started.append(dock.layers.layer())
    )
    monkeypatch.setattr(repair_dock, "offer_devices", lambda *_: None)
    viewer = make_napari_viewer()
    viewer.add_image(noise(40, 50), name="other")
    layer = getattr(viewer, f"add_{kind}")(noise(40, 50))
    viewer.layers.selection.active = layer
    repair_selected(viewer)
    repair_selected(viewer)  # the dock that is open is used again
    assert started == [layer, layer]


# -- annotation files ----------------------------------------------------------------------------


def annotated_layers() -> list[Any]:
    grains = np.ones((40, 50), np.int32)
    grains[:, 25:] = 70_000
    classes = np.zeros((40, 50), np.uint8)
    classes[3:9, 3:9] = 2
    place = {"scale": (0.25, 0.25), "units": ("µm", "µm")}
    return [
        (noise(40, 50), {"name": "steel", **place}, "image"),
        (grains, {"name": "steel · grains", **place}, "labels"),
        (classes, {"name": "steel · fracture", **place}, "labels"),
    ]


@pytest.mark.parametrize("suffix", [".json", ".zip", ".h5"])
def test_labels_are_saved_and_opened_again(tmp_path: Path, suffix: str) -> None:
    from napari_etch._widgets.annotation_files import get_annotation_reader, write_annotations

    path = str(tmp_path / f"steel{suffix}")
    layers = annotated_layers()
    tifffile.imwrite(tmp_path / "steel.tif", layers[0][0])
    assert write_annotations(path, layers) == [path]
    reader = get_annotation_reader(path)
    assert reader is not None
    opened = {keywords["name"]: (data, keywords) for data, keywords, _kind in reader(path)}
    assert set(opened) == {"steel", "steel · grains", "steel · fracture"}
    for data, about, _kind in layers:
        np.testing.assert_array_equal(opened[about["name"]][0], data)
        if suffix != ".zip":
            assert opened[about["name"]][1]["scale"] == pytest.approx((0.25, 0.25))


@pytest.mark.parametrize("name", ["a.json", "a.zip", "b.json", "c.zip"])
def test_other_json_and_zip_files_are_left_to_others(tmp_path: Path, name: str) -> None:
    import zipfile

    from napari_etch._widgets.annotation_files import get_annotation_reader

    (tmp_path / "a.json").write_text('{"type": "FeatureCollection", "features": []}')
    (tmp_path / "b.json").write_text("{")
    (tmp_path / "a.zip").write_bytes(b"no zip")
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as file:
        file.writestr("a.txt", "x")
    assert get_annotation_reader(str(tmp_path / name)) is None


def test_napari_saves_selected_layers_with_our_writer(
    make_napari_viewer: Any, tmp_path: Path
) -> None:
    viewer = make_napari_viewer()
    for data, keywords, kind in annotated_layers():
        getattr(viewer, f"add_{kind}")(data, **keywords)
    path = tmp_path / "steel.json"
    assert viewer.layers.save(str(path), plugin="napari-etch") == [str(path)]
    from napari_etch.labels import read_annotations

    found = read_annotations(path)["steel"]
    assert found.kinds == ("grains", "classes")
    assert found.pixel_size_um == pytest.approx(0.25)


def test_labels_of_a_region_are_saved_with_that_part_of_a_multi_scale_image(tmp_path: Path) -> None:
    from napari.layers import Image, Labels

    from napari_etch._widgets.annotation_files import annotated_from

    pixels = np.random.default_rng(0).integers(0, 255, (60, 80), np.uint8)
    image = Image([pixels, pixels[::2, ::2]], multiscale=True, scale=(0.5, 0.5))
    labels = Labels(np.ones((20, 30), np.int32), scale=(0.5, 0.5), translate=(5, 10))
    found, _table = annotated_from([each.as_layer_data_tuple() for each in (image, labels)])
    np.testing.assert_array_equal(found.image, pixels[10:30, 20:50])
