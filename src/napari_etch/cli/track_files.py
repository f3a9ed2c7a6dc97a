"""The files that ``etch track`` leaves."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_etch.results import (
    SHIFTS_FILE,
    SUMMARY_FILE,
    VOLUME_FILE,
    write_shifts,
    write_summary,
    write_volumes,
)

if TYPE_CHECKING:
    import pandas as pd

    from napari_etch.grains.tracking import Method, Tracks
    from napari_etch.measure.volume import VolumeSums
    from napari_etch.micrograph.align import SectionShift
    from napari_etch.micrograph.serial import SectionStack

GRAINS_3D_FILE = "grains3d.tif"
TRACKS_FILE = "tracks.csv"
MESH_FILE = "grains3d.vtk"
MESH_FOLDER = "meshes"
TRACK_FILES = (GRAINS_3D_FILE, TRACKS_FILE, VOLUME_FILE, SUMMARY_FILE)
# What an earlier result may have left beside them, too.
ALL_FILES = (*TRACK_FILES, SHIFTS_FILE, MESH_FILE, MESH_FOLDER)


@dataclass(frozen=True)
class Options:
    """What the user chose."""

    method: Method
    fill: bool
    absorb_single: bool
    voxel_size_um: tuple[float, float, float] | None
    mesh: Literal["stl", "vtk"] | None
    mesh_grains: tuple[int, ...]
    overwrite: bool


def counted(items: Iterable[Any], count: int, tell: Callable[[float], None]) -> Iterator[Any]:
    """Yield the items and tell before each which part of them is done."""
    for index, item in enumerate(items):
        tell(index / count)
        yield item


def write_tracks(
    folder: Path,
    name: str,
    stack: SectionStack,
    sections: Sequence[Any],
    tracks: Tracks,
    options: Options,
    shifts: tuple[SectionShift, ...],
    edits: int,
    began: float,
    tell: Callable[[float], None],
) -> float:
    """Write all files of a result.

    Parameters
    ----------
    folder : Path
    name : str
        Of the stack, for the summary.
    stack : SectionStack
        As it is on disk.
    sections : sequence of ndarray
        As it was tracked: moved, if it was aligned.
    tracks : Tracks
    options : Options
    shifts : tuple of SectionShift
        Empty when the stack was not aligned.
    edits : int
        Of the Correct dock, which were taken along.
    began : float
        When the work began, on the monotonic clock.
    tell : callable
        Is told which part is done.

    Returns
    -------
    float
        Share of the stack that was lines of 0 between grains, which the 3D measures give to the
        nearest grain.
    """
    from napari_etch.measure.volume import LINES, VolumeSums

    chosen = options.mesh_grains
    missing = [label for label in chosen if not 0 < label <= len(tracks.grains)]
    if missing:
        raise ValueError(
            f"--mesh-grain {missing[0]}: there are grains 1 to {len(tracks.grains)} in this stack"
        )
    sums = VolumeSums(len(tracks.grains), options.voxel_size_um)
    _write_volume(folder, stack, sections, tracks, options, sums, tell)
    in_um = options.voxel_size_um is not None
    measures = sums.table()
    table = tracks.table(options.voxel_size_um)
    if measures.attrs[LINES]:
        table = _with_volumes(table, measures)
    table.to_csv(folder / TRACKS_FILE, index=False, float_format="%.6g")
    write_volumes(folder / VOLUME_FILE, measures, in_um=in_um)
    if shifts:
        write_shifts(folder / SHIFTS_FILE, shifts)
    if options.mesh is not None:
        _write_meshes(folder, options)
    summary = _summary(name, stack, tracks, options, shifts, time.monotonic() - began)
    write_summary(folder, {**summary, "corrections_taken": edits})
    return float(measures.attrs[LINES])


def _with_volumes(tracks: pd.DataFrame, measures: pd.DataFrame) -> pd.DataFrame:
    """Return the table of tracks with the volumes and places of that of the 3D measures.

    Without the lines between them grains are smaller, and of one grain there is one volume.
    """
    tracks, found = tracks.set_index("grain"), measures.set_index("label")
    same = {"voxels": "voxels", "volume": "volume_um3", "centroid_z_px": "centroid_z"}
    same |= {f"centroid_{axis}_px": f"centroid_{axis}_px" for axis in "yx"}
    for theirs, ours in same.items():
        if ours in tracks:
            tracks.loc[found.index, ours] = found[theirs]
    return tracks.reset_index()


def _write_volume(
    folder: Path,
    stack: SectionStack,
    sections: Sequence[Any],
    tracks: Tracks,
    options: Options,
    sums: VolumeSums,
    tell: Callable[[float], None],
) -> None:
    from napari_etch.micrograph.serial import write_grain_stack

    def measured() -> Iterator[Any]:
        for section in tracks.relabelled(sections, fill=options.fill):
            sums.add(section)
            yield section

    write_grain_stack(
        folder / GRAINS_3D_FILE,
        counted(measured(), tracks.shape[0], tell),
        tracks.shape,
        voxel_size_um=_voxel_size(stack, options),
    )


def _write_meshes(folder: Path, options: Options) -> None:
    """Write the surfaces of the volume that was just written: it is read as a whole for them."""
    import tifffile

    from napari_etch.measure.meshes import grain_meshes, write_stl, write_vtk

    volume = np.asarray(tifffile.imread(folder / GRAINS_3D_FILE))
    chosen = options.mesh_grains or None
    meshes = grain_meshes(volume, chosen, voxel_size_um=options.voxel_size_um)
    if options.mesh == "vtk":
        write_vtk(folder / MESH_FILE, meshes)
        return
    (folder / MESH_FOLDER).mkdir()
    digits = max(4, len(str(int(volume.max()))))
    for mesh in meshes:
        write_stl(folder / MESH_FOLDER / f"grain_{mesh.grain:0{digits}d}.stl", mesh)


def _voxel_size(
    stack: SectionStack, options: Options
) -> tuple[float | None, float | None, float | None]:
    return options.voxel_size_um or (None, stack.pixel_size_um, stack.pixel_size_um)


def _summary(
    name: str,
    stack: SectionStack,
    tracks: Tracks,
    options: Options,
    shifts: tuple[SectionShift, ...],
    seconds: float,
) -> dict[str, Any]:
    from datetime import UTC, datetime

    from napari_etch import __version__
    from napari_etch.grains.tracking.alignment import misfits
    from napari_etch.results import plain

    began = Counter(each.began for each in tracks.grains)
    ended = Counter(each.ended for each in tracks.grains)
    return plain(
        {
            "grain_maps": {"name": name, "path": stack.path.resolve()},
            "sections": tracks.shape[0],
            "height_px": tracks.shape[1],
            "width_px": tracks.shape[2],
            "voxel_size_um": _voxel_size(stack, options),
            "grain_count": len(tracks.grains),
            "section_grain_count": tracks.graph.count,
            "through_all_sections": sum(
                (each.began, each.ended) == ("first section", "last section")
                for each in tracks.grains
            ),
            "in_one_section": sum(each.sections == 1 for each in tracks.grains),
            **{word: began[word] for word in ("appears", "split")},
            **{word: ended[word] for word in ("disappears", "merge")},
            "skipped_sections": [asdict(each) for each in tracks.skipped],
            "skipped_sections_drawn": options.fill,
            "aligned": bool(shifts),
            "misfits": [asdict(each) for each in misfits(tracks.graph)],
            "method": tracks.method,
            "single_sections_absorbed": options.absorb_single,
            "meshes": options.mesh,
            "napari_etch": __version__,
            "seconds": round(seconds, 3),
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
        }
    )
