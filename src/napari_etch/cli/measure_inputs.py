"""The fields of ``etch measure``: grain maps with their pixel size, micrograph and provenance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_etch.cli.maps import (
    beside,
    map_of,
    read_corrected,
    read_map,
    summary_beside,
    taken_words,
)
from napari_etch.cli.measure_sizes import FieldSize, field_sizes, refuse_mixed
from napari_etch.cli.track_files import GRAINS_3D_FILE
from napari_etch.measure import (
    FieldMeasurement,
    grain_table,
    mean_intercept_px,
    measure_field,
    without_parting_lines,
)
from napari_etch.measure.field import TooFewGrainsError
from napari_etch.measure.report import FieldSource
from napari_etch.micrograph import (
    Micrograph,
    MicrographError,
    read_micrograph,
)
from napari_etch.micrograph.choice import ALL, Choice
from napari_etch.micrograph.pixels import from_0_to_1
from napari_etch.micrograph.serial import refuse_picture
from napari_etch.results import (
    BOUNDARY_FILE,
    GRAINS_FILE,
    overlay_rgb,
)
from napari_etch.results.file_names import readable
from napari_etch.results.source_image import is_source, likely_paths, read_source

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    from napari_etch.grains import Partition

# Sections that a remark names one by one.
_MOST_SECTIONS = 8
# So far may a boundary map be off 0 … 1, as one that was resampled is.
_ROUNDING = 1e-3


@dataclass(frozen=True, eq=False)
class FieldInput:
    """A field as it was given: a 2D grain map and what is known about it.

    Of a section, `stack` and `section` say where it is from.
    """

    name: str
    path: Path
    grains: np.ndarray
    pixel_size_um: float
    pixel_size_from: str
    remark: str = ""
    image: Micrograph | None = None
    boundary: np.ndarray | None = None
    summary: dict[str, Any] = field(default_factory=dict)
    placements: str = "several"
    corrected: bool | None = None
    stack: str = ""
    section: int = 0

    @cached_property
    def whole(self) -> np.ndarray:
        """The map with lines between its grains given to them, as `measure_field` takes it."""
        return without_parting_lines(self.grains)

    def measure(self) -> FieldMeasurement:
        """Measure the field by every method."""
        found = measure_field(
            self.grains, self.pixel_size_um, name=self.name, placements=self.placements
        )
        return replace(found, stack=self.stack)

    def table(self) -> pd.DataFrame:
        """Return the row of each grain."""
        return grain_table(self.whole, pixel_size_um=self.pixel_size_um, boundary=self.boundary)

    def partition(self) -> Partition | None:
        """Return the grains of the boundary map, ready to be cut anew; None without that map."""
        if self.boundary is None:
            return None
        from napari_etch.grains.cutting import cut_grains

        return cut_grains(self.boundary, mean_intercept_px(self.whole), mask=self.whole > 0)

    def source(self) -> FieldSource:
        """Return what the report says of the field."""
        image = self.image
        made = self.summary
        return FieldSource(
            name=self.name,
            grains=readable(str(self.path)),
            image="" if image is None else readable(image.choice.of(str(image.path or image.name))),
            model=str(made.get("model") or ""),
            weights_hash=str(made.get("weights_hash") or ""),
            granularity=(made.get("parameters") or {}).get("granularity"),
            corrected=self.corrected,
            pixel_size_from=self.pixel_size_from,
            picture=None if image is None else overlay_rgb(image, np.ones_like(self.grains)),
            overlay=overlay_rgb(image, self.whole),
        )


def read_fields(
    paths: Sequence[Path],
    pixel_size_um: float | None,
    images: Sequence[Path] = (),
    boundaries: Sequence[Path] = (),
    *,
    corrections: bool = True,
    choice: Choice = ALL,
) -> list[FieldInput]:
    """Read the fields of a call.

    Parameters
    ----------
    paths : sequence of Path
        Grain maps (TIFF, PNG, NPY; a stack gives a field a section), or folders that hold
        ``grains.tif`` or ``grains3d.tif``.
    pixel_size_um : float or None
        Typed by the user; None takes that of each file.
    images, boundaries : sequence of Path
        One for each path, or none at all.
    corrections : bool
        Take those of the Correct dock that lie beside a result.
    choice : Choice
        Of the series and channel of `images`.

    Returns
    -------
    list of FieldInput

    Raises
    ------
    ValueError
        One sentence about what is wrong and what to do.
    """
    for files, option in ((images, "--image"), (boundaries, "--boundary")):
        if files and len(files) != len(paths):
            raise ValueError(
                f"{option} was given {len(files)} times for {len(paths)} grain maps: "
                "give one for each, in the same order"
            )
    files = [map_of(path) for path in paths]
    _refuse_twice(files)
    names = _names(files)
    given: Sequence[Path | None] = images or [None] * len(files)
    sizes = field_sizes(files, pixel_size_um, given, choice)
    refuse_mixed(files, sizes)
    fields = []
    for at, file in enumerate(files):
        boundary = boundaries[at] if boundaries else beside(file, BOUNDARY_FILE)
        fields += _read(names[at], file, sizes[at], given[at], boundary, corrections, choice)
    return fields


def _refuse_twice(files: Sequence[Path]) -> None:
    """Refuse a file that is named twice: its grains would count twice, and the interval shrink."""
    seen: set[Path] = set()
    for file in files:
        if file.resolve() in seen:
            raise ValueError(f"{file} is given twice: every field counts once, so name it once")
        seen.add(file.resolve())


def _names(files: Sequence[Path]) -> list[str]:
    """Return what the fields are called: the file's name, or its folder's where names repeat."""
    plain = [file.stem for file in files]
    inside = [
        file.resolve().parent.name if file.name in (GRAINS_FILE, GRAINS_3D_FILE) else file.stem
        for file in files
    ]
    for names in (inside, plain, [str(file) for file in files]):
        if len(set(names)) == len(names):
            return [readable(name) for name in names]
    return [readable(f"{file} ({at + 1})") for at, file in enumerate(files)]


def _read(
    name: str,
    file: Path,
    size: FieldSize,
    image: Path | None,
    boundary: Path | None,
    corrections: bool,
    choice: Choice,
) -> list[FieldInput]:
    grains, correction = read_corrected(file, corrections)
    summary = summary_beside(file)
    remarks = [size.remark]
    if correction is not None:
        remarks.append(f"{name}: {taken_words(correction)}")
    lines = None if boundary is None else _boundary_map(boundary)
    if lines is not None and lines.shape != grains.shape:
        raise ValueError(
            f"{boundary} is {lines.shape}, {file} {grains.shape}: give maps of one image"
        )
    picture = _picture(image, file, summary, grains.shape, choice)
    if image is not None and picture is not None and not is_source(picture, summary):
        other = readable(str(image))
        remarks.append(f"{name}: {other} has other pixels than the micrograph that was segmented")
    if grains.ndim == 2:
        sections = [(name, grains, lines, picture)]
    elif grains.ndim == 3:
        shown = [None] * len(grains) if picture is None else picture.sections()
        sections = [
            (f"{name} section {at}", part, None if lines is None else lines[at], section)
            for at, (part, section) in enumerate(zip(grains, shown, strict=True))
        ]
    else:
        raise ValueError(f"{file}: a grain map is (y, x) or a stack (z, y, x), not {grains.shape}")
    if grains.dtype.kind == "f":
        raise ValueError(
            f"{file} holds decimals, as a boundary map, and no grain map: make grain maps with "
            "etch segment or etch repair"
        )
    if grains.size and grains.dtype.kind in "iu":
        if not summary:  # a result may hold one grain beside an information bar
            _refuse_mask(grains, file)
        refuse_picture(sections[len(sections) // 2][1], str(file))
    return [
        FieldInput(
            called,
            file,
            part,
            size.um,
            size.origin,
            "; ".join(filter(None, remarks)),
            shown,
            line,
            summary,
            corrected=None if correction is None else True,
            stack=name if grains.ndim == 3 else "",
            section=at,
        )
        for at, (called, part, line, shown) in enumerate(sections)
    ]


def _boundary_map(path: Path) -> npt.NDArray[np.float32]:
    """Read a boundary map; one of 8 or 16 bits is brought to 0 … 1, as ours are.

    Raises
    ------
    ValueError
        When it has other values.
    """
    lines: np.ndarray = from_0_to_1(read_map(path))
    if np.isnan(lines).any():
        raise ValueError(f"{path} holds NaN, and a boundary map a number from 0 to 1 everywhere")
    low, high = (float(end) for end in (lines.min(initial=0), lines.max(initial=0)))
    if not (low >= -_ROUNDING and high <= 1 + _ROUNDING):
        raise ValueError(
            f"{path} runs from {low:g} to {high:g}, and a boundary map from 0 to 1, or over 8 or "
            "16 bits: scale it"
        )
    return np.clip(lines, 0, 1).astype(np.float32)


def _refuse_mask(grains: np.ndarray, file: Path) -> None:
    """Refuse drawn lines and masks, which would pass for one grain beside what is no specimen."""
    value = grains.max()
    if value > 0 and not grains.all() and ((grains == 0) | (grains == value)).all():
        raise ValueError(
            f"{file} holds one value, {value}, beside 0, so it is drawn lines or a mask and no "
            "grain map: make grains of lines with etch repair"
        )


def _picture(
    given: Path | None,
    file: Path,
    summary: dict[str, Any],
    shape: tuple[int, ...],
    choice: Choice,
) -> Micrograph | None:
    """Return the micrograph or stack of a map: the one given, or the one that was segmented."""
    if given is None:
        return _segmented(file, summary, shape)
    with suppress(MicrographError):  # a section of it, perhaps, or moved as it was
        if choice:
            summary = {**summary, "image": {**(summary.get("image") or {}), **choice.asked}}
        source = read_source(given, summary, 1.0)
        if _pixels(source) == shape and is_source(source, summary):
            return source
    stack = len(shape) == 3
    image = read_micrograph(
        given, pixel_size_um=1.0, keep_info_bar=True, stack=stack, **choice.asked
    )
    if _pixels(image) != shape:
        seen, wanted = (" × ".join(map(str, each)) for each in (_pixels(image), shape))
        raise ValueError(
            f"{given} is {seen} px, its grain map {wanted}: give the micrograph that was segmented"
        )
    return image


def _pixels(image: Micrograph) -> tuple[int, ...]:
    """Return the shape of an image without its colours."""
    return image.data.shape[:2] if image.is_rgb else image.data.shape


def _segmented(file: Path, summary: dict[str, Any], shape: tuple[int, ...]) -> Micrograph | None:
    """Return the micrograph that was segmented, if it is still there and still the same."""
    for path in likely_paths(file.parent, summary):
        if not path.exists():
            continue
        with suppress(MicrographError):
            image = read_source(path, summary, 1.0)
            if _pixels(image) == shape and is_source(image, summary):
                return image
    return None


def measure_all(
    fields: Sequence[FieldInput], tell: Callable[[float, str], None] = lambda *_: None
) -> tuple[list[FieldInput], list[FieldMeasurement], list[str]]:
    """Measure fields, without the sections of a stack that show too few grains.

    Blank sections and the cap of a volume are no reason to measure nothing of a stack.

    Parameters
    ----------
    fields : sequence of FieldInput
    tell : callable
        Is told before each which part is done, and its name: a long stack takes minutes.

    Returns
    -------
    list of FieldInput
        Those that were measured.
    list of FieldMeasurement
    list of str
        What was left out, a sentence a stack.

    Raises
    ------
    ValueError
        When a field cannot be measured, or no section of a stack.
    """
    kept, found = [], []
    left_out: dict[str, list[int]] = {}
    for at, each in enumerate(fields):
        tell(at / len(fields), each.name)
        try:
            found.append(each.measure())
        except TooFewGrainsError:
            if not each.stack:
                raise
            left_out.setdefault(each.stack, []).append(each.section)
        else:
            kept.append(each)
    empty = [stack for stack in left_out if all(each.stack != stack for each in kept)]
    if empty:
        raise ValueError(
            f"{empty[0]}: no section shows more than one grain, so there is no grain size"
        )
    return kept, found, [_left_out(stack, sections) for stack, sections in left_out.items()]


def _left_out(stack: str, sections: Sequence[int]) -> str:
    if len(sections) == 1:
        return f"{stack}: section {sections[0]} shows fewer than two grains and is left out"
    more = len(sections) - _MOST_SECTIONS
    numbers = ", ".join(str(at) for at in sections[:_MOST_SECTIONS])
    named = f"{numbers} and {more} more" if more > 0 else numbers
    return f"{stack}: sections {named} show fewer than two grains and are left out"
