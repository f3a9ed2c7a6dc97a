"""Leica LIF files, laid out here as LAS X does and read by liffile."""

from __future__ import annotations

import struct
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_etch.micrograph import MicrographError, SeveralImagesError, read_micrograph
from napari_etch.micrograph.errors import SeveralChannelsError, SeveralSeriesError

pytest.importorskip("liffile")

NUMBER_OF_AXIS = {"X": 1, "Y": 2, "Z": 3, "T": 4, "M": 10}


def element(
    name: str, block: str, data: np.ndarray, axes: str, colours: Sequence[str], length: float
) -> str:
    """Return what the XML of a file says of an image; the field is `length` m wide."""
    steps = dict(zip(axes, data.strides, strict=True))
    sizes = dict(zip(axes, data.shape, strict=True))
    bits = 8 * data.itemsize
    channel_step = steps.get("C", steps.get("S", 0))
    channels = "".join(
        f'<ChannelDescription DataType="0" ChannelTag="{3 - at if "S" in axes else 0}" '
        f'Resolution="{bits}" NameOfMeasuredQuantity="" Min="0" Max="255" Unit="" '
        f'LUTName="{colour}" IsLUTInverted="0" BytesInc="{at * channel_step}" BitInc="0"/>'
        for at, colour in enumerate(colours)
    )
    dimensions = "".join(
        f'<DimensionDescription DimID="{number}" NumberOfElements="{sizes[axis]}" Origin="0" '
        f'Length="{length * (sizes[axis] - 1) / (sizes["X"] - 1)}" '
        f'Unit="{"m" if axis in "XYZ" else ""}" BytesInc="{steps[axis]}" BitInc="0"/>'
        for axis, number in NUMBER_OF_AXIS.items()
        if axis in axes
    )
    return (
        f'<Element Name="{name}"><Data><Image><ImageDescription><Channels>{channels}</Channels>'
        f"<Dimensions>{dimensions}</Dimensions></ImageDescription></Image></Data>"
        f'<Memory Size="{data.nbytes}" MemoryBlockID="{block}"/></Element>'
    )


def write(path: Path, images: Mapping[str, tuple[Any, ...]]) -> Path:
    """Write images: pixels, axes, colours of the channels, width in m."""
    text, blocks = "", b""
    for at, (name, (data, *about)) in enumerate(images.items()):
        block = f"MemBlock_{at}"
        text += element(name, block, data, *about)
        head = struct.pack("<IIBQBI", 0x70, 0, 0x2A, data.nbytes, 0x2A, len(block))
        blocks += head + block.encode("utf-16-le") + data.tobytes()
    text = (
        '<LMSDataContainerHeader Version="2"><Element Name="Project"><Children>'
        f"{text}</Children></Element></LMSDataContainerHeader>"
    )
    head = struct.pack("<IIBI", 0x70, 2 * len(text) + 5, 0x2A, len(text))
    path.write_bytes(head + text.encode("utf-16-le") + blocks)
    return path


def pixels(*shape: int, dtype: Any = np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, shape).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_an_image_with_its_pixel_size(tmp_path, dtype):
    grey = pixels(40, 61, dtype=dtype)
    found = read_micrograph(write(tmp_path / "a.lif", {"1": (grey, "YX", ["Gray"], 60 * 2.25e-7)}))
    np.testing.assert_array_equal(found.data, grey)
    assert found.data.dtype == dtype and found.name == "a" and not found.choice
    assert found.pixel_size_um == pytest.approx(0.225) and found.calibration.source == "LIF"


def test_colours_are_red_green_blue(tmp_path):
    """Leica's cameras write blue, green, red, and say so by the numbers of their channels."""
    blue_first = pixels(40, 60, 3)
    about = "YXS", ["Blue", "Green", "Red"], 1e-4
    path = write(tmp_path / "a.lif", {"1": (blue_first, *about)})
    np.testing.assert_array_equal(read_micrograph(path).data, blue_first[..., ::-1])


def test_sections_with_their_distance(tmp_path):
    stack = pixels(3, 40, 61)
    path = write(tmp_path / "a.lif", {"1": (stack, "ZYX", ["Gray"], 6e-5)})
    found = read_micrograph(path, stack=True)
    np.testing.assert_array_equal(found.data, stack)
    assert found.distance_um == pytest.approx(1)
    with pytest.raises(SeveralImagesError, match="has 3 sections"):
        read_micrograph(path)


def test_tiles_that_were_not_merged_are_images_of_their_own(tmp_path):
    tiles = pixels(4, 40, 60)
    path = write(tmp_path / "a.lif", {"1": (tiles, "MYX", ["Gray"], 6e-5)})
    np.testing.assert_array_equal(read_micrograph(path, stack=True).data, tiles)


def test_an_image_and_a_channel_are_chosen(tmp_path):
    both = pixels(2, 50, 70)
    images = {
        "overview": (pixels(40, 60), "YX", ["Gray"], 1e-4),
        "detail": (both, "CYX", ["Gray", "Green"], 1e-5),
    }
    path = write(tmp_path / "a.lif", images)
    said = r"2 images \(0 overview: 40 × 60, 1 detail: 2 × 50 × 70\); choose one with --series"
    with pytest.raises(SeveralSeriesError, match=said):
        read_micrograph(path)
    with pytest.raises(SeveralChannelsError, match=r"2 channels \(0 Gray, 1 Green\)"):
        read_micrograph(path, series="detail")
    found = read_micrograph(path, series="detail", channel="green")
    np.testing.assert_array_equal(found.data, both[1])
    again = read_micrograph(path, **found.choice.asked)
    np.testing.assert_array_equal(again.data, found.data)


@pytest.mark.parametrize("length", [9, 200, -50, -2450])
def test_a_truncated_file_is_a_sentence(tmp_path, length):
    path = write(tmp_path / "a.lif", {"1": (pixels(40, 60), "YX", ["Gray"], 1e-4)})
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(MicrographError, match=r"a\.lif is damaged, truncated"):
        read_micrograph(path)


def test_without_its_library_it_says_what_to_install(tmp_path, monkeypatch):
    path = write(tmp_path / "a.lif", {"1": (pixels(40, 60), "YX", ["Gray"], 1e-4)})
    monkeypatch.setitem(sys.modules, "liffile", None)
    with pytest.raises(MicrographError, match="pip install liffile"):
        read_micrograph(path)
