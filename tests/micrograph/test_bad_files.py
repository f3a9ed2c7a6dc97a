"""Bad input is one clear sentence, whatever is wrong with it."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from micrograph.scenes import specimen
from PIL import Image

from napari_etch.micrograph import MicrographError, micrograph_from_array, read_micrograph

GREY = specimen(48, 60)


def encoded(kind: str) -> bytes:
    buffer = io.BytesIO()
    if kind == "pages":
        tifffile.imwrite(buffer, np.stack([GREY] * 5), photometric="minisblack", metadata=None)
    elif kind == "contiguous":
        tifffile.imwrite(buffer, np.stack([GREY] * 5), photometric="minisblack")
    elif kind == "deflate":
        tifffile.imwrite(buffer, np.stack([GREY] * 5), photometric="minisblack", compression="zlib")
    elif kind == "imagej":
        tifffile.imwrite(buffer, np.stack([GREY] * 5), imagej=True)
    elif kind == "tiled":
        tifffile.imwrite(buffer, GREY, tile=(16, 16), compression="lzw", bigtiff=True)
    else:
        Image.fromarray(GREY).save(buffer, kind)
    return buffer.getvalue()


KINDS = ["pages", "contiguous", "deflate", "imagej", "tiled", "PNG", "JPEG", "BMP"]
WHOLE = {kind: encoded(kind) for kind in KINDS}


def one_sentence(error: MicrographError) -> bool:
    text = str(error)
    return "\n" not in text and text.endswith(".") and text[0] != " " and len(text) < 400


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9, 0.97])
def test_truncated_files(tmp_path, kind, share):
    path = tmp_path / "a.tif"
    path.write_bytes(WHOLE[kind][: int(len(WHOLE[kind]) * share)])
    try:
        micrograph = read_micrograph(path, stack=True)
    except MicrographError as error:
        assert one_sentence(error)
        assert "a.tif" in str(error)
    else:  # only the directories behind the pixels are cut
        assert kind == "contiguous"
        assert np.array_equal(micrograph.data, np.stack([GREY] * 5))


@settings(deadline=None, max_examples=150)
@given(kind=st.sampled_from(KINDS), data=st.data())
def test_damaged_bytes_never_raise_anything_else(tmp_path_factory, kind, data):
    raw = bytearray(WHOLE[kind])
    for _ in range(data.draw(st.integers(1, 4))):
        # headers and directories are at either end
        where = data.draw(st.integers(0, 300)) * data.draw(st.sampled_from([1, -1]))
        raw[max(-len(raw), min(where, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "a.tif"
    path.write_bytes(bytes(raw))
    try:
        micrograph = read_micrograph(path, stack=True)
    except MicrographError as error:
        assert one_sentence(error)
    else:
        assert micrograph.data.size > 0


def test_a_missing_file(tmp_path):
    with pytest.raises(MicrographError, match=r"nowhere.tif does not exist"):
        read_micrograph(tmp_path / "nowhere.tif")


def test_an_empty_file(tmp_path):
    (tmp_path / "a.tif").touch()
    with pytest.raises(MicrographError, match=r"a.tif is empty \(0 bytes\)"):
        read_micrograph(tmp_path / "a.tif")


@pytest.mark.parametrize(
    "content", [b"x", b"grain,area\n1,2\n", b"GIF89a" + bytes(90), bytes(2000)]
)
def test_a_file_that_is_no_image(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(MicrographError, match=r"a.png is not a TIFF, .*, LIF or HDF5 file"):
        read_micrograph(tmp_path / "a.png")


def test_a_file_without_permission(tmp_path, monkeypatch):
    path = tmp_path / "a.tif"
    path.write_bytes(WHOLE["pages"])

    def refused(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refused)
    with pytest.raises(MicrographError, match="may not be read; check its permissions"):
        read_micrograph(path)


def test_a_file_behind_a_folder_that_may_not_be_entered(tmp_path, monkeypatch):
    def refused(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.is_dir", refused)
    monkeypatch.setattr("pathlib.Path.open", refused)
    with pytest.raises(MicrographError, match="may not be read; check its permissions"):
        read_micrograph(tmp_path / "a.tif")


def test_images_of_different_kinds_in_one_file(tmp_path):
    for second in (GREY.astype(np.uint16), GREY[:-8]):
        with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
            tif.write(GREY)
            tif.write(second)
        with pytest.raises(MicrographError, match="images of different kinds or sizes"):
            read_micrograph(tmp_path / "a.tif")


def test_a_file_that_does_not_fit_into_memory(tmp_path, monkeypatch):
    path = tmp_path / "a.tif"
    path.write_bytes(WHOLE["tiled"])

    def exhausted(*_args, **_kwargs):
        raise MemoryError

    monkeypatch.setattr("tifffile.TiffPageSeries.asarray", exhausted)
    with pytest.raises(MicrographError, match="does not fit into memory"):
        read_micrograph(path)


def test_a_header_that_claims_too_much(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GREY, metadata=None, compression="zlib")
    with tifffile.TiffFile(path, mode="r+") as tif:
        tif.pages[0].tags["ImageWidth"].overwrite(200_000)
        tif.pages[0].tags["ImageLength"].overwrite(200_000)
    with pytest.raises(MicrographError, match=r"claims 40.0 GB of pixels"):
        read_micrograph(path)


def test_an_image_of_nothing_but_nan(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.full((9, 9), np.nan, dtype=np.float32))
    with pytest.raises(MicrographError, match=r"a.tif has no finite pixel"):
        read_micrograph(tmp_path / "a.tif")


def test_complex_numbers(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", GREY.astype(np.complex64))
    with pytest.raises(MicrographError, match=r"a.tif holds complex numbers"):
        read_micrograph(tmp_path / "a.tif")


def test_many_samples(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.tif", np.stack([GREY] * 6, -1), photometric="minisblack", planarconfig=1
    )
    with pytest.raises(MicrographError, match="6 channels"):
        read_micrograph(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.zeros((0, 5)), "is empty"),
        (np.zeros((5, 0, 3)), "is empty"),
        (np.float32(3), r"shape \(\)"),
        (np.zeros(7), r"shape \(7,\)"),
        (np.zeros((2, 3, 5, 6)), r"shape \(2, 3, 5, 6\)"),
        (np.zeros((2, 2, 5, 5, 3)), r"shape \(2, 2, 5, 5, 3\)"),
        (np.zeros((5, 5), dtype=complex), "complex numbers"),
        (np.full((5, 5), np.inf), "no finite pixel"),
        (np.full((5, 5), "a"), "type <U1"),
        (np.full((5, 5), None), "type object"),
        ([[1, 2], [3]], "not a regular array"),
    ],
)
def test_arrays_that_are_no_micrograph(data, message):
    with pytest.raises(MicrographError, match=message) as caught:
        micrograph_from_array(data, "sheet")
    assert one_sentence(caught.value)
    assert "sheet" in str(caught.value)


def test_a_stack_three_pixels_wide_is_not_taken_for_colours_silently():
    with pytest.raises(MicrographError, match="3 pixels wide"):
        micrograph_from_array(np.zeros((9, 9, 3)), rgb=False)


def test_colours_must_have_samples():
    with pytest.raises(MicrographError, match="not a colour image"):
        micrograph_from_array(np.zeros((9, 9, 9)), rgb=True)
