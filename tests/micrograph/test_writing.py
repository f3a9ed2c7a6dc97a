"""What is written is read back, and a failure leaves nothing behind."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_etch.micrograph import MicrographError, read_micrograph, write_tiff

WRITTEN = ["uint8", "uint16", "int32", "uint32", "float32"]


@settings(deadline=None, max_examples=80)
@given(
    data=st.sampled_from(WRITTEN).flatmap(
        lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=2, max_dims=3, max_side=20))
    ),
    um=st.none() | st.floats(1e-4, 1e3),
)
def test_round_trip(tmp_path_factory, data, um):
    assume(data.shape[2:] != (3,))  # colours, or sections too narrow to be told from them
    path = tmp_path_factory.mktemp("written") / "a.tif"
    write_tiff(path, data, pixel_size_um=um)
    back = tifffile.imread(path)
    assert back.dtype == data.dtype
    assert np.array_equal(back.reshape(data.shape), data, equal_nan=data.dtype.kind == "f")
    if data.dtype.kind == "f" and not np.isfinite(data).any():
        return
    micrograph = read_micrograph(path, stack=True)
    if um is None:
        assert micrograph.calibration is None
    else:
        assert micrograph.pixel_size_um == pytest.approx(um, rel=1e-5)
        assert micrograph.calibration.source == "ImageJ"


@pytest.mark.parametrize("dtype", WRITTEN)
@pytest.mark.parametrize("shape", [(7, 9), (4, 7, 9)])
def test_imagej_finds_its_header(tmp_path, dtype, shape):
    write_tiff(tmp_path / "a.tif", np.ones(shape, dtype=dtype), pixel_size_um=0.25)
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert tif.is_imagej
        page = tif.pages[0]
        assert tif.imagej_metadata["unit"] == "um"
        assert page.tags["XResolution"].value == (4, 1)
        assert page.tags["ResolutionUnit"].value == 1
        # what ImageJ itself decodes: deflate, and no predictor but the horizontal one
        assert page.compression == tifffile.COMPRESSION.ADOBE_DEFLATE
        assert page.predictor == 1
        assert len(tif.pages) == (shape[0] if len(shape) == 3 else 1)


def test_colours_are_written_as_colours(tmp_path):
    rgb = np.random.default_rng(0).integers(0, 255, (8, 9, 3), dtype=np.uint8)
    write_tiff(tmp_path / "a.tif", rgb, pixel_size_um=2)
    micrograph = read_micrograph(tmp_path / "a.tif")
    assert np.array_equal(micrograph.data, rgb)
    assert micrograph.pixel_size_um == 2


@pytest.mark.parametrize(
    ("dtype", "written"), [("bool", "uint8"), ("float64", "float32"), ("int64", "int32")]
)
def test_types_that_are_converted(tmp_path, dtype, written):
    data = np.array([[0, 1], [1, 0]], dtype=dtype)
    write_tiff(tmp_path / "a.tif", data)
    back = tifffile.imread(tmp_path / "a.tif")
    assert back.dtype == written
    assert np.array_equal(back, data * (255 if dtype == "bool" else 1))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.zeros((2, 2), dtype=complex), "without losing values"),
        (np.full((2, 2), 2**40), "without losing values"),
        (np.zeros(4), r"from shape \(4,\)"),
        (np.zeros((0, 4)), r"from shape \(0, 4\)"),
    ],
)
def test_what_cannot_be_written(tmp_path, data, message):
    with pytest.raises(MicrographError, match=message):
        write_tiff(tmp_path / "a.tif", data)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder(tmp_path):
    with pytest.raises(MicrographError, match="check that the folder exists"):
        write_tiff(tmp_path / "no" / "a.tif", np.zeros((3, 3), dtype=np.uint8))


def test_an_impossible_pixel_size_leaves_no_file(tmp_path):
    with pytest.raises(MicrographError, match="not a positive number"):
        write_tiff(tmp_path / "a.tif", np.zeros((3, 3), dtype=np.uint8), pixel_size_um=0)
    assert list(tmp_path.iterdir()) == []


def test_a_failure_keeps_the_older_file_and_nothing_else(tmp_path, monkeypatch):
    write_tiff(tmp_path / "a.tif", np.full((3, 3), 5, dtype=np.uint8))

    def half_a_file(file, *_args, **_kwargs):
        file.write(b"II*")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tifffile, "imwrite", half_a_file)
    with pytest.raises(MicrographError, match="No space left on device"):
        write_tiff(tmp_path / "a.tif", np.zeros((3, 3), dtype=np.uint8))
    assert [p.name for p in tmp_path.iterdir()] == ["a.tif"]
    assert (tifffile.imread(tmp_path / "a.tif") == 5).all()


def test_the_same_array_makes_the_same_bytes(tmp_path):
    data = np.arange(12, dtype=np.float32).reshape(3, 4)
    for name in ("a.tif", "b.tif"):
        write_tiff(tmp_path / name, data, pixel_size_um=0.3)
    assert (tmp_path / "a.tif").read_bytes() == (tmp_path / "b.tif").read_bytes()
