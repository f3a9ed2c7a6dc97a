"""The grain maps of ``etch count``, which are counted as they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_etch.cli.console import note
from napari_etch.cli.maps import load_map, read_corrected, taken_words, with_corrections
from napari_etch.cli.measure_sizes import known_size
from napari_etch.cli.track_files import GRAINS_3D_FILE
from napari_etch.results import GRAINS_FILE, SUMMARY_FILE

if TYPE_CHECKING:
    import numpy as np

    from napari_etch.counting import GrainCount


@dataclass(frozen=True, eq=False)
class GrainMapFile:
    """A file that holds a grain map.

    Attributes
    ----------
    file : Path
    labels : ndarray of int, or None
        What is in it, where it had to be read to tell; of a result None.
    """

    file: Path
    labels: np.ndarray | None = None


def grain_map_of(path: Path) -> GrainMapFile | None:
    """Return the grain map that an input is or holds; None of a micrograph.

    A network finds grains in a grain map, too, but not these.

    Raises
    ------
    ValueError
        When the file cannot be read.
    """
    names = (GRAINS_FILE, GRAINS_3D_FILE)
    folder = path if path.is_dir() else path.parent
    if (folder / SUMMARY_FILE).is_file():
        inside = [path / name for name in names if (path / name).is_file()]
        if inside or path.name in names:
            return GrainMapFile(inside[0] if inside else path)
    labels = _foreign_map(path) if path.is_file() else None
    return None if labels is None else GrainMapFile(path, labels)


def _foreign_map(path: Path) -> np.ndarray | None:
    """Return the labels of a file: of a type that no camera writes, or a number a grain.

    None of a file of anything else.
    """
    from napari_etch.micrograph.serial import is_picture, whole_floats
    from napari_etch.micrograph.tiff import holds_labels

    if path.suffix.lower() != ".npy" and not holds_labels(path):
        return _labels_that_look_so(path)
    labels = whole_floats(load_map(path))
    if labels.dtype.kind not in "iu" or labels.ndim not in (2, 3) or not labels.size:
        return None
    section = labels if labels.ndim == 2 else labels[len(labels) // 2]
    least = labels.min()
    if is_picture(section - section.min()):
        return None
    if least < 0:  # a network would find other grains in it
        raise ValueError(f"{path} has the negative label {least}: labels start at 1, and 0 is none")
    return labels


def _labels_that_look_so(path: Path) -> np.ndarray | None:
    """Return the labels of a file of any type whose middle looks like them.

    None also of what cannot be read: reading it as a micrograph then tells what is wrong.
    """
    from napari_etch.micrograph.line_map import looks_labelled
    from napari_etch.micrograph.serial import whole_floats
    from napari_etch.micrograph.tiff import middle_page

    try:
        if path.suffix.lower() not in (".tif", ".tiff"):
            labels = load_map(path)
            return whole_floats(labels) if looks_labelled(labels) else None
        middle = middle_page(path)  # of a stack of micrographs the others need not be read for it
        return whole_floats(load_map(path)) if looks_labelled(middle) else None
    except ValueError:
        return None


def counts_of_map(held: GrainMapFile, typed_um: float | None) -> Iterator[GrainCount]:
    """Yield the count of a grain map, as it was corrected; of a stack that of each section.

    Parameters
    ----------
    held : GrainMapFile
        From `grain_map_of`.
    typed_um : float or None
        Edge of a pixel, µm; goes before what the file or its result states.

    Raises
    ------
    ValueError
        When the file cannot be read, or shows no grain.
    """
    from napari_etch.counting import count_map

    file = held.file
    known = held.labels
    read = read_corrected(file, True) if known is None else with_corrections(file, known)
    grains, correction = read
    note(f"{file}: a grain map, counted as it is, so without an interval")
    if correction is not None:
        note(f"{file}: {taken_words(correction)}")
    size = known_size(file, typed_um)
    if size is not None and size.remark:
        note(size.remark)
    um = None if size is None else size.um
    if grains.ndim == 2:
        yield count_map(grains, pixel_size_um=um, name=file.stem)
        return
    for index, section in enumerate(grains):
        name = f"{file.stem}_{index:04d}"
        if section.any():
            yield count_map(section, pixel_size_um=um, name=name)
        else:
            note(f"{name} shows no grain")
