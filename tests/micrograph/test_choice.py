"""Files with several images, channels or data sets."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_etch.micrograph import MicrographError, read_micrograph
from napari_etch.results.source_image import is_source, read_source, said_of_image

RNG = np.random.default_rng(0)
SE, BSE, MORE = RNG.integers(0, 255, (3, 40, 60), dtype=np.uint8)
STACK = RNG.integers(0, 255, (4, 40, 60), dtype=np.uint8)


def of_um(size, **more):
    units = {"PhysicalSizeXUnit": "µm", "PhysicalSizeYUnit": "µm"}
    return {"PhysicalSizeX": size, "PhysicalSizeY": size, **units, **more}


@pytest.fixture
def series(tmp_path):
    """Three images in one OME-TIFF, each of its own pixel size; the first is a thumbnail."""
    path = tmp_path / "all.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as writer:
        writer.write(MORE[::4, ::4], metadata={"axes": "YX", "Name": "overview", **of_um(2.0)})
        channels = {"Channel": {"Name": ["SE", "BSE"]}}
        both = np.stack([SE, BSE])
        writer.write(both, metadata={"axes": "CYX", "Name": "both", **channels, **of_um(0.5)})
        writer.write(STACK, metadata={"axes": "ZYX", **of_um(0.25, PhysicalSizeZ=3.0)})
    return path


@pytest.mark.parametrize(
    ("wanted", "pixels", "size"),
    [
        ((0, None), MORE[::4, ::4], 2.0),
        (("Overview", None), MORE[::4, ::4], 2.0),
        ((1, 1), BSE, 0.5),
        (("both", "se"), SE, 0.5),
        (("1", "1"), BSE, 0.5),
    ],
)
def test_a_series_comes_with_its_own_pixel_size(series, wanted, pixels, size):
    read = read_micrograph(series, series=wanted[0], channel=wanted[1])
    np.testing.assert_array_equal(read.data, pixels)
    assert read.pixel_size_um == size


def test_a_stack_of_several_series_keeps_its_distance(series):
    read = read_micrograph(series, series=2, stack=True)
    np.testing.assert_array_equal(read.data, STACK)
    assert (read.pixel_size_um, read.distance_um) == (0.25, 3.0)


def test_a_thumbnail_before_the_image_does_not_lend_it_its_pixel_size(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as writer:
        writer.write(MORE[::4, ::4], metadata={"axes": "YX", **of_um(2.0)})
        writer.write(SE, metadata={"axes": "YX", **of_um(0.5)})
    assert read_micrograph(tmp_path / "a.ome.tif").pixel_size_um == 0.5


def test_what_a_file_holds_is_listed(series):
    with pytest.raises(MicrographError) as caught:
        read_micrograph(series)
    assert str(caught.value) == (
        "all.ome.tif holds images of different kinds or sizes, 3 series (0 overview: 10 × 15 px, "
        "1 both: 40 × 60 px in 2 channels, 2 Image2: 40 × 60 px); choose one with --series, or "
        "save it as a file of its own."
    )
    with pytest.raises(MicrographError, match=r"has 2 channels \(0 SE, 1 BSE\); choose one with"):
        read_micrograph(series, series=1)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"series": 3}, r"no series 3; it has 3 series \(0 overview, 1 both, 2 Image2\)\.$"),
        ({"series": "BSE"}, "no series 'BSE'; it has 3 series"),
        ({"series": 1, "channel": 2}, r"no channel 2; it has 2 channels \(0 SE, 1 BSE\)\.$"),
        ({"series": 1, "channel": "EBSD"}, "no channel 'EBSD'; it has 2 channels"),
        ({"series": 2, "channel": 1}, "no channel 1: its 4 pages are sections; save the one"),
        ({"series": 0, "channel": 1}, "no channel 1; it has 1 channel.$"),
    ],
)
def test_what_is_not_there_is_refused(series, wanted, words):
    with pytest.raises(MicrographError, match=words):
        read_micrograph(series, stack=True, **wanted)


def test_channels_of_sections_and_of_imagej(tmp_path):
    path = tmp_path / "a.tif"
    data = np.stack([STACK, STACK // 2], axis=1)
    about = {"axes": "ZCYX", "unit": "nm", "spacing": 50.0, "Labels": ["SE", "BSE"] * 4}
    tifffile.imwrite(path, data, imagej=True, metadata=about, resolution=(0.1, 0.1))
    read = read_micrograph(path, stack=True, channel="bse")
    np.testing.assert_array_equal(read.data, STACK // 2)
    assert read.pixel_size_um == pytest.approx(0.01)
    assert read.distance_um == pytest.approx(0.05)


@pytest.mark.parametrize("suffix", ["tif", "png"])
def test_planes_of_a_colour_image(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    colours = np.stack([SE, BSE, MORE], axis=-1)
    if suffix == "tif":
        tifffile.imwrite(path, colours, photometric="rgb")
    else:
        Image.fromarray(colours).save(path)
    for channel, plane in ((0, SE), ("green", BSE), ("Blue", MORE)):
        np.testing.assert_array_equal(read_micrograph(path, channel=channel).data, plane)
    with pytest.raises(MicrographError, match=r"no channel 'alpha'; it has 3 channels \(0 red, "):
        read_micrograph(path, channel="alpha")
    assert read_micrograph(path, series=0).is_rgb
    with pytest.raises(MicrographError, match="no series 1; it has 1 series"):
        read_micrograph(path, series=1)


def test_two_samples_are_channels_unless_one_is_alpha(tmp_path):
    both = np.stack([SE, BSE], axis=-1)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, both, photometric="minisblack", planarconfig="contig")
    with pytest.raises(MicrographError, match="2 channels"):
        read_micrograph(path)
    np.testing.assert_array_equal(read_micrograph(path, channel=1).data, BSE)
    Image.fromarray(both, "LA").save(path)
    np.testing.assert_array_equal(read_micrograph(path).data, SE)


def test_every_file_of_a_folder_gives_the_channel(tmp_path):
    for at, plane in enumerate((SE, BSE)):
        tifffile.imwrite(
            tmp_path / f"{at}.tif", np.stack([MORE, plane]), imagej=True, metadata={"axes": "CYX"}
        )
    read = read_micrograph(tmp_path, stack=True, channel=1)
    np.testing.assert_array_equal(read.data, np.stack([SE, BSE]))
    assert said_of_image(read)["channel"] == 1


def test_a_data_set_of_hdf5_is_chosen_by_its_path(tmp_path):
    path = tmp_path / "scan.h5"
    with h5py.File(path, "w") as file:
        file["entry/se"] = SE
        file["entry/bse"] = BSE
        file["entry/bse"].attrs["element_size_um"] = (1.0, 0.2, 0.2)
        file["table"] = np.arange(50)
        colours = np.stack([SE, BSE, MORE], -1)
    with h5py.File(tmp_path / "colours.h5", "w") as file:
        file["colours"] = colours
    assert read_micrograph(tmp_path / "colours.h5").is_rgb
    green = read_micrograph(tmp_path / "colours.h5", channel="green")
    np.testing.assert_array_equal(green.data, BSE)
    with pytest.raises(
        MicrographError, match=r"2 data sets \(0 /entry/bse: 40 × 60, 1 /entry/se: 40 × 60\)"
    ):
        read_micrograph(path)
    for name in ("/entry/bse", "entry/bse", "bse", 0):
        read = read_micrograph(path, series=name)
        np.testing.assert_array_equal(read.data, BSE)
        assert read.pixel_size_um == 0.2
    assert said_of_image(read)["series"] == "/entry/bse"
    with pytest.raises(MicrographError, match="no data set 'x'; it has 2 data sets"):
        read_micrograph(path, series="x")


def test_axes_of_hdf5_are_read_where_they_are_stated(tmp_path):
    path = tmp_path / "scan.h5"
    tags = '{"axes": [{"key": "y"}, {"key": "x"}, {"key": "z"}, {"key": "c"}]}'
    with h5py.File(path, "w") as file:
        file["a"] = np.moveaxis(np.stack([STACK, 255 - STACK]), (0, 1), (3, 2))
        file["a"].attrs["axistags"] = tags
        file["b"] = STACK[:, None].repeat(5, 1)[None]
        file["frames"] = np.moveaxis(STACK, 0, 2).repeat(
            2, 2
        )  # (y, x, frame), as some microscopes write
    np.testing.assert_array_equal(
        read_micrograph(path, series="a", channel=1, stack=True).data, 255 - STACK
    )
    for name in ("b", "frames"):
        with pytest.raises(MicrographError, match="axes cannot be told"):
            read_micrograph(path, series=name, stack=True)


def velox(group, data, said):
    group["Data"] = data[..., None]
    text = np.frombuffer(json.dumps(said).encode().ljust(4000, b"\0"), np.uint8)
    group["Metadata"] = text[:, None]


SAID = {"BinaryResult": {"PixelSize": {"width": "2.5e-9", "height": "2.5e-9"}, "PixelUnitX": "m"}}


def test_velox_files_state_their_pixel_size(tmp_path):
    path = tmp_path / "tem.emd"
    with h5py.File(path, "w") as file:
        velox(file.create_group("Data/Image/1f"), SE, SAID)
    read = read_micrograph(path)
    np.testing.assert_array_equal(read.data, SE)
    assert read.pixel_size_um == pytest.approx(0.0025)
    assert read.calibration.source == "Velox metadata of /Data/Image/1f/Data"
    with h5py.File(path, "w") as file:  # frames behind each other
        frames = np.moveaxis(STACK, 0, 2).repeat(2, 2)
        file.create_group("Data/Image/1f")["Data"] = frames
        text = json.dumps(SAID).encode()
        columns = np.repeat(np.frombuffer(text, np.uint8)[:, None], frames.shape[2], 1)
        file["Data/Image/1f/Metadata"] = columns
    np.testing.assert_array_equal(read_micrograph(path, stack=True).data, np.moveaxis(frames, 2, 0))


@pytest.mark.parametrize(
    "said",
    [
        {},
        [],
        {"BinaryResult": None},
        {"BinaryResult": {"PixelSize": {"width": 1}, "PixelUnitX": "m"}},
        {"BinaryResult": {"PixelSize": {"width": "a", "height": 1}, "PixelUnitX": "m"}},
        {"BinaryResult": {"PixelSize": {"width": 1, "height": 1}, "PixelUnitX": "1/m"}},
    ],
)
def test_velox_files_that_state_no_length_have_no_pixel_size(tmp_path, said):
    with h5py.File(tmp_path / "tem.emd", "w") as file:
        velox(file.create_group("Data/Image/1f"), SE, said)
    assert read_micrograph(tmp_path / "tem.emd").pixel_size_um is None


@pytest.mark.parametrize(
    ("units", "places", "size"),
    [
        ("nm", np.arange(60) * 50.0, 0.05),
        (b"um", 7 - np.arange(60) * 0.05, 0.05),
        ("nm", np.arange(61) * 50.0, 0.05),  # the edges of the pixels
        ("deg", np.arange(60) * 50.0, None),
        ("nm", np.arange(60) ** 2 * 50.0, None),
        ("nm", np.zeros(60), None),
    ],
)
def test_nexus_files_state_their_pixel_size_by_their_axes(tmp_path, units, places, size):
    path = tmp_path / "scan.nxs"
    with h5py.File(path, "w") as file:
        group = file.create_group("entry/data")
        group.attrs.update({"NX_class": "NXdata", "signal": "counts", "axes": ["y", "x"]})
        group["counts"] = SE
        group["y"] = np.arange(40) * 0.05
        group["y"].attrs["units"] = "um"
        group["x"] = places
        group["x"].attrs["units"] = units
    read = read_micrograph(path)
    np.testing.assert_array_equal(read.data, SE)
    assert read.pixel_size_um == (None if size is None else pytest.approx(size))


def ome_zarr(path, data, axes, scale):
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(str(path), mode="w")
    group.create_array("0", data=data)
    group.create_array("1", data=data[..., ::2, ::2])
    units = [{"name": a, "unit": "nanometer"} if a in "zyx" else {"name": a} for a in axes]
    levels = [
        {"path": str(at), "coordinateTransformations": [{"type": "scale", "scale": step}]}
        for at, step in enumerate((scale, scale))
    ]
    multiscales = [{"version": "0.5", "axes": units, "datasets": levels}]
    omero = {"channels": [{"label": "SE"}, {"label": "BSE"}]}
    group.attrs["ome"] = {"version": "0.5", "multiscales": multiscales, "omero": omero}
    return group


def test_a_channel_of_ome_zarr(tmp_path):
    path = tmp_path / "a.ome.zarr"
    group = ome_zarr(path, np.stack([STACK, STACK // 3]), "czyx", [1, 50, 20, 20])
    group.create_group("labels").create_array("grains", data=STACK.astype(np.int32))
    read = read_micrograph(path, channel="BSE", stack=True)
    np.testing.assert_array_equal(read.data, STACK // 3)
    assert read.pixel_size_um == pytest.approx(0.02)
    assert read.distance_um == pytest.approx(0.05)
    with pytest.raises(MicrographError, match=r"2 channels \(0 SE, 1 BSE\)"):
        read_micrograph(path, stack=True)
    with pytest.raises(MicrographError, match="4 sections where one image is wanted"):
        read_micrograph(path, channel=0)


def test_a_typed_pixel_size_goes_before_oblong_pixels(tmp_path):
    ome_zarr(tmp_path / "a.zarr", SE, "yx", [20, 40])
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["se"] = SE
        file["se"].attrs["element_size_um"] = (1, 0.2, 0.4)
    for name in ("a.zarr", "a.h5"):
        with pytest.raises(MicrographError, match="not square"):
            read_micrograph(tmp_path / name)
        assert read_micrograph(tmp_path / name, pixel_size_um=0.3).pixel_size_um == 0.3


def test_arrays_of_a_plain_zarr_group(tmp_path):
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(str(tmp_path / "a.zarr"), mode="w")
    group.create_array("se", data=SE)
    group.create_array("more/bse", data=BSE)
    with pytest.raises(
        MicrographError, match=r"2 data sets \(0 more/bse: 40 × 60, 1 se: 40 × 60\)"
    ):
        read_micrograph(tmp_path / "a.zarr")
    for name in ("more/bse", "bse", 0):
        read = read_micrograph(tmp_path / "a.zarr", series=name)
        np.testing.assert_array_equal(read.data, BSE)


def test_the_source_of_a_result_is_read_by_the_same_choice(series):
    read = read_micrograph(series, series=1, channel="BSE", keep_info_bar=True)
    summary = {"image": said_of_image(read)}
    assert summary["image"]["series"] == 1
    assert (summary["image"]["channel"], summary["image"]["channel_name"]) == (1, "BSE")
    found = read_source(series, summary, None)
    assert is_source(found, summary)
    np.testing.assert_array_equal(found.data, BSE)
    other = {"image": {**summary["image"], "channel": 0}}
    assert not is_source(read_source(series, other, None), summary)


def set_of_files(folder):
    """Write a stack as OME-TIFF whose sections are in a file each; return the first."""
    uuids = [f"urn:uuid:0000000{at}-0000-0000-0000-000000000000" for at in range(len(STACK))]
    planes = "".join(
        f'<TiffData FirstZ="{at}" IFD="0" PlaneCount="1"><UUID FileName="z{at}.ome.tif">{uuid}'
        "</UUID></TiffData>"
        for at, uuid in enumerate(uuids)
    )
    for at, uuid in enumerate(uuids):
        text = (
            f'<?xml version="1.0" encoding="UTF-8"?><OME '
            f'xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="{uuid}">'
            '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" '
            f'SizeX="60" SizeY="40" SizeC="1" SizeZ="{len(STACK)}" SizeT="1" PhysicalSizeX="0.5" '
            f'PhysicalSizeZ="2"><Channel ID="C:0" SamplesPerPixel="1"/>{planes}</Pixels></Image>'
            "</OME>"
        )
        tifffile.imwrite(folder / f"z{at}.ome.tif", STACK[at], description=text, metadata=None)
    return folder / "z0.ome.tif"


def test_a_section_whose_file_is_missing_is_not_black(tmp_path, caplog):
    path = set_of_files(tmp_path)
    np.testing.assert_array_equal(read_micrograph(path, stack=True).data, STACK)
    (tmp_path / "z2.ome.tif").unlink()
    with pytest.raises(MicrographError, match=r"page 2 is the first.*put all files of the set"):
        read_micrograph(path, stack=True)
