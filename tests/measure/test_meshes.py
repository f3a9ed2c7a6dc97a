from __future__ import annotations

import math
import struct

import numpy as np
import pytest

from napari_etch.measure.meshes import grain_meshes, write_stl, write_vtk


def balls(voxel_size=(1.0, 1.0, 1.0)) -> np.ndarray:
    """Return a ball (3) of radius 10 inside grain 1, and one (5) that the field cuts."""
    shape = [round(50 / edge) for edge in voxel_size]
    z, y, x = (at * edge for at, edge in zip(np.indices(shape), voxel_size, strict=True))
    grains = np.ones(shape, np.int32)
    grains[(z - 20) ** 2 + (y - 25) ** 2 + (x - 25) ** 2 < 100] = 3
    grains[(z - 49) ** 2 + (y - 8) ** 2 + (x - 8) ** 2 < 49] = 5
    return grains


@pytest.mark.parametrize("voxel_size", [(1.0, 1.0, 1.0), (2.0, 0.5, 0.5)])
def test_the_surface_of_a_ball_is_closed_smooth_and_holds_its_volume(voxel_size):
    grains = balls(voxel_size)
    mesh = next(grain_meshes(grains, [3], voxel_size_um=voxel_size))
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(4 / 3 * math.pi * 1000, rel=0.04)
    np.testing.assert_allclose(mesh.points.mean(axis=0), [20, 25, 25], atol=0.5)
    far = np.linalg.norm(mesh.points - [20, 25, 25], axis=1)
    rough = next(grain_meshes(grains, [3], voxel_size_um=voxel_size, smoothing=0))
    rough_far = np.linalg.norm(rough.points - [20, 25, 25], axis=1)
    assert far.std() < min(0.2, rough_far.std())
    assert far.mean() == pytest.approx(10, rel=0.03)


def test_every_grain_has_a_closed_surface_at_the_sides_of_the_field_too():
    meshes = list(grain_meshes(balls()))
    assert [each.grain for each in meshes] == [1, 3, 5]
    assert all(each.is_watertight for each in meshes)
    voxels = np.bincount(balls().ravel())
    for mesh in meshes:
        assert mesh.volume == pytest.approx(voxels[mesh.grain], rel=0.05)
    # the field ends at half a voxel beyond the centre of its last one
    assert meshes[2].points[:, 0].max() == pytest.approx(49.5, abs=0.3)


def test_a_single_voxel_and_touching_corners_are_closed():
    grains = np.zeros((3, 3, 3), np.int32)
    grains[0, 0, 0] = grains[1, 1, 1] = 4
    grains[2, 2, 0] = 9
    assert all(each.is_watertight and each.volume > 0 for each in grain_meshes(grains))


def test_an_stl_file_holds_the_triangles_in_x_y_z(tmp_path):
    mesh = next(grain_meshes(balls(), [5], voxel_size_um=(2.0, 1.0, 1.0)))
    write_stl(tmp_path / "grain.stl", mesh)
    content = (tmp_path / "grain.stl").read_bytes()
    (count,) = struct.unpack("<I", content[80:84])
    assert count == len(mesh.triangles) and len(content) == 84 + 50 * count
    first = np.frombuffer(content[84:132], "<f4").reshape(4, 3)
    corners = mesh.points[mesh.triangles[0]][:, ::-1]
    np.testing.assert_allclose(first[1:], corners, rtol=1e-5)
    # the normal points outward: away from the middle
    outward = corners.mean(axis=0) - mesh.points.mean(axis=0)[::-1]
    assert np.dot(first[0], outward) > 0
    assert [path.name for path in tmp_path.iterdir()] == ["grain.stl"]


def test_a_vtk_file_holds_all_grains_and_their_numbers(tmp_path):
    meshes = list(grain_meshes(balls(), [3, 5]))
    write_vtk(tmp_path / "grains.vtk", meshes)
    content = (tmp_path / "grains.vtk").read_bytes()
    points, triangles = (
        sum(len(getattr(m, name)) for m in meshes) for name in ("points", "triangles")
    )
    start = content.index(b"POINTS")
    line, rest = content[start:].split(b"\n", 1)
    assert line == f"POINTS {points} float".encode()
    corners = np.frombuffer(rest[: 12 * points], ">f4").reshape(-1, 3)
    np.testing.assert_allclose(
        corners[: len(meshes[0].points)], meshes[0].points[:, ::-1], rtol=1e-5
    )
    line, rest = rest[12 * points + 1 :].split(b"\n", 1)
    assert line == f"POLYGONS {triangles} {4 * triangles}".encode()
    table = np.frombuffer(rest[: 16 * triangles], ">i4").reshape(-1, 4)
    assert (table[:, 0] == 3).all() and table[:, 1:].max() == points - 1
    numbers = np.frombuffer(content[-4 * triangles - 1 : -1], ">i4")
    assert np.unique(numbers).tolist() == [3, 5]


@pytest.mark.parametrize(
    ("grains", "chosen", "size", "words"),
    [
        (np.ones((4, 4), np.int32), None, None, r"\(z, y, x\)"),
        (balls(), [2], None, "no grain 2 in the map"),
        (balls(), [77], None, "no grain 77"),
        (balls(), [3], (0.0, 1.0, 1.0), "each edge of a voxel"),
    ],
)
def test_what_has_no_surface_is_refused(grains, chosen, size, words):
    with pytest.raises(ValueError, match=words):
        list(grain_meshes(grains, chosen, voxel_size_um=size))
