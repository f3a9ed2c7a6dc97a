"""Zeiss CZI files, written by Zeiss's own library: scenes, mosaics, sections, channels, colour."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from napari_etch.micrograph import MicrographError, SeveralImagesError, read_micrograph
from napari_etch.micrograph.czi import scene_names
from napari_etch.micrograph.errors import SeveralChannelsError, SeveralSeriesError
from napari_etch.micrograph.reading import stated_calibration

czi = pytest.importorskip("pylibCZIrw.czi")


def pixels(*shape: int, dtype: Any = np.uint16, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, shape).astype(dtype)


def write(
    path: Path,
    planes: Sequence[tuple[dict[str, int], int, tuple[int, int], np.ndarray]],
    names: Sequence[str] = (),
    **scales: float,
) -> Path:
    """Write planes, each with its place, scene, (x, y) and grey or blue, green, red pixels."""
    with czi.create_czi(str(path), exist_ok=True) as file:
        for plane, scene, location, data in planes:
            data = data if data.ndim == 3 else data[..., None]
            file.write(data=data, plane=plane, scene=scene, location=location)
        file.write_metadata(path.stem, channel_names=dict(enumerate(names)), **scales)
    return path


def test_an_image_with_its_pixel_size(tmp_path):
    grey = pixels(40, 60)
    path = write(tmp_path / "steel.czi", [({}, 0, (0, 0), grey)], scale_x=2.25e-7, scale_y=2.25e-7)
    found = read_micrograph(path)
    np.testing.assert_array_equal(found.data, grey)
    assert found.data.dtype == np.uint16 and found.name == "steel"
    assert found.pixel_size_um == 0.225 == stated_calibration(path).pixel_size_um
    assert found.calibration.source == "CZI scaling" and not found.choice
    assert not read_micrograph(write(tmp_path / "bare.czi", [({}, 0, (0, 0), grey)])).calibration


def test_colours_are_red_green_blue(tmp_path):
    blue_first = pixels(40, 60, 3, dtype=np.uint8)
    path = write(tmp_path / "tint.czi", [({}, 0, (0, 0), blue_first)])
    np.testing.assert_array_equal(read_micrograph(path).data, blue_first[..., ::-1])
    np.testing.assert_array_equal(read_micrograph(path, channel="red").data, blue_first[..., 2])


def test_fields_of_a_mosaic_lie_where_they_were_taken(tmp_path):
    one, two = pixels(40, 60), pixels(40, 60, seed=1)
    path = write(tmp_path / "m.czi", [({}, 0, (-50, 7), one), ({}, 0, (10, 7), two)])
    np.testing.assert_array_equal(read_micrograph(path).data, np.hstack([one, two]))


def test_sections_with_their_distance(tmp_path):
    stack = pixels(3, 40, 60)
    planes = [({"Z": z}, 0, (0, 0), each) for z, each in enumerate(stack)]
    path = write(tmp_path / "z.czi", planes, scale_x=1e-7, scale_y=1e-7, scale_z=2e-6)
    found = read_micrograph(path, stack=True)
    np.testing.assert_array_equal(found.data, stack)
    assert found.distance_um == pytest.approx(2)
    with pytest.raises(SeveralImagesError, match="has 3 sections where one image is wanted"):
        read_micrograph(path)


def test_sections_at_several_times_are_refused(tmp_path):
    planes = [({"Z": z, "T": t}, 0, (0, 0), pixels(40, 60)) for z in range(2) for t in range(3)]
    with pytest.raises(MicrographError, match="3 along T, 2 along Z"):
        read_micrograph(write(tmp_path / "zt.czi", planes), stack=True)


def test_a_channel_is_chosen_by_its_name(tmp_path):
    planes = [({"C": c}, 0, (0, 0), pixels(40, 60, seed=c)) for c in range(2)]
    path = write(tmp_path / "c.czi", planes, ["bright field", "DIC"])
    with pytest.raises(SeveralChannelsError, match=r"2 channels \(0 bright field, 1 DIC\)"):
        read_micrograph(path)
    found = read_micrograph(path, channel="dic")
    np.testing.assert_array_equal(found.data, planes[1][3])
    assert found.choice.channel == 1 and found.choice.channel_name == "DIC"


def test_a_scene_is_chosen(tmp_path):
    planes = [({}, 0, (0, 0), pixels(40, 60)), ({}, 1, (200, 30), pixels(50, 70))]
    path = write(tmp_path / "s.czi", planes)
    said = r"2 scenes \(0 scene 0: 40 × 60, 1 scene 1: 50 × 70\); choose one with --series"
    with pytest.raises(SeveralSeriesError, match=said):
        read_micrograph(path)
    found = read_micrograph(path, series=1)
    np.testing.assert_array_equal(found.data, planes[1][3])
    again = read_micrograph(path, **found.choice.asked)
    np.testing.assert_array_equal(again.data, found.data)
    with pytest.raises(MicrographError, match="no scene 2; it has 2 scenes"):
        read_micrograph(path, series=2)


@pytest.mark.parametrize("length", [9, 200, 3000, -300])
def test_a_truncated_file_is_a_sentence(tmp_path, length):
    path = write(tmp_path / "a.czi", [({}, 0, (0, 0), pixels(40, 60))])
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(MicrographError, match=r"a\.czi is damaged, truncated"):
        read_micrograph(path)


def test_without_its_library_it_says_what_to_install(tmp_path, monkeypatch):
    path = write(tmp_path / "a.czi", [({}, 0, (0, 0), pixels(40, 60))])
    monkeypatch.setitem(sys.modules, "pylibCZIrw", None)
    with pytest.raises(MicrographError, match="pip install pylibCZIrw"):
        read_micrograph(path)


def test_scenes_have_the_names_that_zen_gave_them():
    about = ElementTree.fromstring(
        "<ImageDocument><Metadata><Information><Image><Dimensions><S><Scenes>"
        '<Scene Index="0" Name="P1"/><Scene Index="1"/>'
        "</Scenes></S></Dimensions></Image></Information></Metadata></ImageDocument>"
    )
    assert scene_names(about, [0, 1]) == ["P1", "scene 1"]
    assert scene_names(about, [0]) == ["P1"] and scene_names(about, [1]) == ["the image"]
