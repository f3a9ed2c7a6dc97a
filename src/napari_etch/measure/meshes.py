"""Surfaces of 3D grains as triangles: for a viewer, a printer or a finite-element program."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_etch.measure.checks import check_positive

Points = npt.NDArray[np.float64]

#: Rounds of smoothing that take the steps of the voxels away and leave the grain its volume.
SMOOTHING = 12
# Taubin's two factors: the second, outward, undoes what the first shrinks.
_INWARD, _OUTWARD = 0.5, -0.53
# Oblong voxels are divided into at most so many parts.
_MOST_STEPS = 8
# A binary STL is a header of 80 bytes, the number of triangles, and 50 bytes a triangle.
_STL_TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("spare", "<u2")])


@dataclass(frozen=True, eq=False)
class GrainMesh:
    """The closed surface of a grain.

    Attributes
    ----------
    grain : int
        Its number in the grain map.
    points : ndarray of float64, shape (n, 3)
        Corners (z, y, x), in µm with a voxel size, else in voxels; the centre of the first voxel
        of the map is 0.
    triangles : ndarray of int64, shape (m, 3)
        Numbers of corners, counter-clockwise in (x, y, z) as seen from outside.
    """

    grain: int
    points: Points
    triangles: npt.NDArray[np.int64]

    @property
    def volume(self) -> float:
        """What the surface encloses, by the divergence theorem; positive."""
        return float(_signed_volume(self.points, self.triangles))

    @property
    def is_watertight(self) -> bool:
        """Whether every edge lies between an even number of triangles, once each way."""
        corners = self.triangles
        edges = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]])
        count = len(self.points)
        forth = np.sort(edges[:, 0] * count + edges[:, 1])
        back = np.sort(edges[:, 1] * count + edges[:, 0])
        return bool(np.array_equal(forth, back))


def grain_meshes(
    grains: npt.NDArray[np.integer],
    chosen: Iterable[int] | None = None,
    *,
    voxel_size_um: tuple[float, float, float] | None = None,
    smoothing: int = SMOOTHING,
) -> Iterator[GrainMesh]:
    """Yield the surface of each grain.

    Marching cubes (Lewiner et al. 2003) on the voxels of the grain, filled in between sections by
    the distance from its outline where these are further apart than pixels, then Taubin's smoothing
    (1995), which keeps the volume. Where the field cuts a grain, its surface is closed there. Each
    grain is smoothed by itself: surfaces of neighbours have no common corners.

    Parameters
    ----------
    grains : ndarray of int, shape (z, y, x)
        Grain map; 0 is no grain.
    chosen : iterable of int, optional
        Numbers of the grains; all without.
    voxel_size_um : tuple of float, optional
        Edges of a voxel along z, y and x, µm; cubes of 1 without.
    smoothing : int
        Rounds, times how oblong the voxels are; 0 leaves the surface as marching cubes finds it.

    Raises
    ------
    ValueError
        When the map is not 3D, a voxel has no size, or a chosen grain is not in it.
    """
    from scipy.ndimage import find_objects

    if grains.ndim != 3:
        raise ValueError(f"a mesh needs a map (z, y, x), not one of shape {grains.shape}")
    size = (1.0, 1.0, 1.0) if voxel_size_um is None else voxel_size_um
    for edge in size:
        check_positive(edge, "each edge of a voxel in µm")
    boxes = find_objects(grains)
    everyone = [label for label, box in enumerate(boxes, 1) if box is not None]
    for label in everyone if chosen is None else chosen:
        box = boxes[label - 1] if 0 < label <= len(boxes) else None
        if box is None:
            raise ValueError(f"there is no grain {label} in the map: choose one of its numbers")
        mesh = _surface(grains[box] == label, np.array(size), smoothing)
        first = np.array([part.start for part in box]) * size
        yield GrainMesh(label, mesh[0] + first, mesh[1])


def write_stl(path: Path, mesh: GrainMesh) -> None:
    """Write one surface as binary STL, corners as (x, y, z); the file appears when it is whole."""
    corners = mesh.points[:, ::-1][mesh.triangles]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    records = np.zeros(len(corners), _STL_TRIANGLE)
    records["normal"] = normal / np.maximum(length, 1e-30)
    records["corners"] = corners
    header = f"napari-etch grain {mesh.grain}".encode("ascii").ljust(80)
    count = np.array(len(corners), "<u4").tobytes()
    _write(path, header + count + records.tobytes())


def write_vtk(path: Path, meshes: Iterable[GrainMesh]) -> None:
    """Write surfaces as one legacy VTK file (binary PolyData), with the number `grain` of each
    triangle; the file appears when it is whole.
    """
    points, triangles, numbers, first = [], [], [], 0
    for mesh in meshes:
        points.append(mesh.points[:, ::-1].astype(">f4"))
        triangles.append(mesh.triangles + first)
        numbers.append(np.full(len(mesh.triangles), mesh.grain, ">i4"))
        first += len(mesh.points)
    corners = np.concatenate([np.zeros((0, 3), np.int64), *triangles])
    table = np.column_stack([np.full(len(corners), 3), corners]).astype(">i4")
    parts = [
        b"# vtk DataFile Version 3.0\nnapari-etch grains\nBINARY\nDATASET POLYDATA\n",
        f"POINTS {first} float\n".encode(),
        b"".join(each.tobytes() for each in points),
        f"\nPOLYGONS {len(table)} {table.size}\n".encode(),
        table.tobytes(),
        f"\nCELL_DATA {len(table)}\nSCALARS grain int 1\nLOOKUP_TABLE default\n".encode(),
        b"".join(each.tobytes() for each in numbers),
        b"\n",
    ]
    _write(path, b"".join(parts))


def _write(path: Path, content: bytes) -> None:
    unfinished = path.with_name(f".{path.name}.part")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _surface(
    inside: npt.NDArray[np.bool_], size: Points, smoothing: int
) -> tuple[Points, npt.NDArray[np.int64]]:
    from skimage.measure import marching_cubes

    # a rim of nothing closes the surface, at the sides of the field, too
    depth, steps = _depth(np.pad(inside, 1), size)
    points, triangles, _, _ = marching_cubes(depth, 0.0)
    points = (points.astype(float) / steps - 1) * size
    triangles = triangles.astype(np.int64)
    # the further apart the sections, the wider the terraces
    points = _smoothed(points, triangles, smoothing * int(steps.max()))
    if _signed_volume(points, triangles) < 0:
        triangles = triangles[:, ::-1]
    return points, triangles


def _depth(inside: npt.NDArray[np.bool_], size: Points) -> tuple[npt.NDArray[np.float32], Points]:
    """Return how deep each place is in the grain, below 0 outside, and the places a voxel.

    Sections that are further apart than pixels are filled in between, or the surface would have
    terraces that no smoothing takes away.
    """
    from scipy.ndimage import distance_transform_edt, zoom

    steps = np.minimum(np.maximum(np.rint(size / size.min()), 1), _MOST_STEPS).astype(int)
    if (steps == 1).all():
        return inside.astype(np.float32) - np.float32(0.5), steps.astype(float)
    depth = distance_transform_edt(inside, sampling=size)
    depth -= distance_transform_edt(~inside, sampling=size)
    shape = (np.array(inside.shape) - 1) * steps + 1
    filled = zoom(depth, shape / np.array(inside.shape), order=1, grid_mode=False)
    return filled.astype(np.float32), steps.astype(float)


def _smoothed(points: Points, triangles: npt.NDArray[np.int64], rounds: int) -> Points:
    """Return the corners after Taubin's smoothing."""
    from scipy.sparse import coo_array

    ends = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    both = np.concatenate([ends, ends[:, ::-1]])
    count = len(points)
    around = coo_array((np.ones(len(both)), tuple(both.T)), shape=(count, count)).tocsr()
    around.data[:] = 1.0  # an edge of two triangles counts once
    number = np.maximum(np.asarray(around.sum(axis=1)).ravel(), 1)[:, None]
    for _ in range(rounds):
        for factor in (_INWARD, _OUTWARD):
            points = points + factor * (around @ points / number - points)
    return points


def _signed_volume(points: Points, triangles: npt.NDArray[np.int64]) -> float:
    """Return the enclosed volume; negative when the triangles turn inward in (x, y, z)."""
    one, two, three = (points[triangles[:, at]][:, ::-1] for at in range(3))
    return float(np.einsum("ij,ij->i", one, np.cross(two, three)).sum() / 6)
