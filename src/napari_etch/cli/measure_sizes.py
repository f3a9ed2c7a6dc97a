"""The pixel size of the fields of ``etch measure``: typed, or stated by a map or its result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_etch.cli.maps import summary_beside
from napari_etch.measure.fields import SAME_FIELD
from napari_etch.micrograph import MicrographError
from napari_etch.micrograph.calibration import SAME_PIXEL
from napari_etch.micrograph.choice import ALL, Choice
from napari_etch.micrograph.reading import stated_calibration
from napari_etch.results import SUMMARY_FILE

# Maps that a sentence names one by one.
_NAMED = 5


@dataclass(frozen=True)
class FieldSize:
    """The pixel size of a field, where it is from, and what is to be told of it.

    `stated_um` is the one that the file or its result states, where a typed one goes before it.
    """

    um: float
    origin: str
    remark: str = ""
    stated_um: float | None = None


def _stated_size(file: Path, choice: Choice = ALL) -> tuple[float, str] | None:
    """Return the pixel size that a file states, or its result, and where; None when none does.

    A map that another program has written over that of a result states none.

    Raises
    ------
    MicrographError
        For pixels that are not square, which no single number describes.
    """
    if file.suffix.lower() == ".npy":
        return None
    try:
        found = stated_calibration(file, choice)
    except MicrographError as error:
        if "not square" in str(error):
            raise
        return None
    if found is not None:
        return found.pixel_size_um, found.source
    known = summary_beside(file).get("pixel_size_um")
    return (float(known), SUMMARY_FILE) if isinstance(known, int | float) and known > 0 else None


def field_sizes(
    files: Sequence[Path],
    typed: float | None,
    images: Sequence[Path | None],
    choice: Choice = ALL,
) -> list[FieldSize]:
    """Return the pixel size of each field: the typed one, or that which its file or result states.

    Where these state none, it is that which the micrograph of the field states, if one is given.

    Raises
    ------
    ValueError
        When there is no such file, or a size is not known; it names all of these.
    """
    pairs = zip(files, images, strict=True)
    found = [known_size(file, typed, image, choice) for file, image in pairs]
    sizes = [size for size in found if size is not None]
    unknown = [file for file, size in zip(files, found, strict=True) if size is None]
    if not unknown:
        return sizes
    remedy = f"so there is no grain size: give it with --pixel-size{_scale_bar(unknown[0])}"
    if len(unknown) == 1:
        raise ValueError(f"{unknown[0]}: the pixel size is not known, {remedy}")
    named = ", ".join(str(file) for file in unknown[:_NAMED])
    more = f" and {len(unknown) - _NAMED} more" if len(unknown) > _NAMED else ""
    raise ValueError(
        f"the pixel size is not known of {len(unknown)} of {len(files)} grain maps "
        f"({named}{more}), {remedy}"
    )


def known_size(
    file: Path, typed: float | None, image: Path | None = None, choice: Choice = ALL
) -> FieldSize | None:
    """Return the pixel size as `field_sizes` does; None when none is known.

    Raises
    ------
    ValueError
        When there is no such file, or its pixels are not square.
    """
    if not file.exists():
        raise ValueError(f"{file}: there is no such file")
    by = file
    try:
        stated = _stated_size(file)
        if stated is None and image is not None:
            by, stated = image, _stated_size(image, choice)
    except MicrographError as error:
        sentence = str(error).split(";")[0]
        raise ValueError(
            f"{sentence}; grain sizes need square pixels: resample the map first"
        ) from None
    if typed is not None:
        remark = ""
        if stated is not None and abs(stated[0] / typed - 1) > SAME_PIXEL:
            remark = f"{by.name} states {stated[0]:g} µm a pixel; {typed:g} as typed was used"
        return FieldSize(typed, "typed", remark, stated[0] if stated else None)
    if stated is None:
        return None
    if by is not file:
        return FieldSize(stated[0], f"{stated[1]} of {by.name}")
    return FieldSize(stated[0], _origin(file, *stated))


def _scale_bar(file: Path) -> str:
    """Return what the scale bar of a result's micrograph says, in brackets, where it was read."""
    image = summary_beside(file).get("image")
    said = image.get("printed_scale") if isinstance(image, dict) else None
    if not isinstance(said, dict):
        return ""
    try:
        size = f"{said['pixel_size_um']:.3g}"
        return f" (the scale bar says {said['text']} over {said['length_px']} px, which is {size})"
    except (KeyError, TypeError, ValueError):
        return ""


def _origin(file: Path, size_um: float, written: str) -> str:
    """Return where a pixel size was read: of a result, what the micrograph's reader said."""
    summary = summary_beside(file)
    known, source = summary.get("pixel_size_um"), summary.get("pixel_size_source")
    if isinstance(known, int | float) and source and abs(known / size_um - 1) <= SAME_PIXEL:
        return str(source)
    return written


def refuse_mixed(files: Sequence[Path], sizes: Sequence[FieldSize]) -> None:
    """Refuse files of different magnifications, before any work; also under one typed size."""
    for file, size in zip(files, sizes, strict=True):
        if abs(size.um / sizes[0].um - 1) > SAME_FIELD:
            raise ValueError(
                f"{files[0]} has {sizes[0].um:g} µm a pixel and {file} {size.um:g}: measure "
                "fields of one magnification together"
            )
    stated = {
        file: size.stated_um
        for file, size in zip(files, sizes, strict=True)
        if size.stated_um is not None
    }
    if not stated:
        return
    low, high = min(stated, key=stated.__getitem__), max(stated, key=stated.__getitem__)
    if stated[high] / stated[low] - 1 > SAME_PIXEL:
        raise ValueError(
            f"{low} states {stated[low]:g} µm a pixel and {high} {stated[high]:g}: one "
            "--pixel-size cannot be right for both; measure them one by one"
        )
