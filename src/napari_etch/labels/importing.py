"""From annotation files to what this project works on: a training folder, or label files."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from napari_etch.labels.annotated import Annotated, AnnotationSet
from napari_etch.labels.finding import image_shape
from napari_etch.labels.report import LabelsError, Remark, Report
from napari_etch.micrograph import write_tiff
from napari_etch.micrograph.choice import ALL, Choice
from napari_etch.results import NotWritableError, check_closed
from napari_etch.results.file_names import file_name


def match_images(
    found: AnnotationSet, images: Sequence[Path], choice: Choice = ALL
) -> AnnotationSet:
    """Return annotations with their images: by name, as they were read, else by size.

    By size only where one image and the annotations of one are left over.

    Parameters
    ----------
    found : AnnotationSet
    images : sequence of Path
        Files.
    choice : Choice
        Which series and channel of a file the images are.
    """
    taken = {each.image_path.resolve() for each in found.values() if each.image_path is not None}
    left = [path for path in images if path.resolve() not in taken]
    alone = [each for each in found.values() if each.image_path is None and each.image is None]
    if len(left) != 1 or len(alone) != 1:
        return found
    size = image_shape(left[0], choice)
    if size != alone[0].shape:
        rows, columns = alone[0].shape
        why = f"{left[0].name} has {size[0]} rows and {size[1]} columns, its labels {rows} and"
        remark = Remark(alone[0].name, "", f"{why} {columns}", is_skipped=False)
        report = replace(found.report, remarks=(*found.report.remarks, remark))
        return replace(found, report=report)
    matched = replace(alone[0], image_path=left[0], name=left[0].stem)
    remark = Remark(
        alone[0].name, "", f"no image has its name; {left[0].name} has its size", is_skipped=False
    )
    matching = {name: each for name, each in found.items() if name != alone[0].name}
    matching[matched.name] = matched
    remarks = [each for each in found.report.remarks if "was not found" not in each.why]
    report = replace(found.report, remarks=(*remarks, remark))
    return replace(found, images=matching, report=report)


def write_maps(
    images: Iterable[Annotated], out: Path, *, overwrite: bool = False
) -> tuple[list[Path], Report]:
    """Write the maps of annotated images as TIFF, ``NAME_grains.tif`` and so on.

    Parameters
    ----------
    images : iterable of Annotated
    out : Path
        Folder; it is made. Other files in it stay.
    overwrite : bool
        Replace files of these names.

    Returns
    -------
    list of Path
    Report

    Raises
    ------
    LabelsError
        When a file is there and `overwrite` is not set or it cannot be replaced, when two images
        have one name, or the disk does not take it. No file is changed then.
    """
    unfinished = out.with_name(f".{out.name}.{uuid.uuid4().hex[:8]}")
    if out.exists() and not out.is_dir():
        raise LabelsError(f"{out} is a file: choose another folder.")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        unfinished.mkdir()
        listed = list(images)
        _refuse_twice(file_name(each.name) for each in listed)
        names = [name for each in listed for name in _write(each, unfinished)]
        there = [name for name in names if (out / name).exists()]
        if there and not overwrite:
            raise LabelsError(
                f"{out} already holds {there[0]}: add --overwrite to replace it, or choose another "
                "folder."
            )
        out.mkdir(exist_ok=True)
        check_closed(*(out / name for name in names))  # none is replaced before all can be
        for name in names:
            (unfinished / name).replace(out / name)
    except NotWritableError as error:
        raise LabelsError(f"{error}.") from None
    except OSError as error:
        raise LabelsError(f"{out} could not be written ({error.strerror or error}).") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return [out / name for name in names], Report(len(listed), len(names))


def _refuse_twice(names: Iterable[str]) -> None:
    """Refuse names that are one on some file systems, which do not tell a from A."""
    seen: set[str] = set()
    for name in names:
        if name.casefold() in seen:
            raise LabelsError(f"Two images are called {name}: rename one.")
        seen.add(name.casefold())


def _write(each: Annotated, folder: Path) -> list[str]:
    names = []
    for kind in (*each.kinds, "ignore"):
        labels = getattr(each, kind)
        if labels is not None:
            names.append(f"{file_name(each.name)}_{kind}.tif")
            write_tiff(folder / names[-1], labels, pixel_size_um=each.pixel_size_um)
    return names
