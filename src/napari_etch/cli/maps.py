"""The label maps that commands read: from any file, or of a result with its corrections."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_etch.cli.console import bad_input, note, sentence
from napari_etch.cli.track_files import GRAINS_3D_FILE
from napari_etch.results import FRACTURE_FILE, GRAINS_FILE, SUMMARY_FILE, read_summary

if TYPE_CHECKING:
    import numpy as np

    from napari_etch.labels.reviewed import Correction


def map_of(path: Path) -> Path:
    """Return the grain map that a path names: itself, or that of a folder of results.

    Raises
    ------
    ValueError
        For a folder without one.
    """
    if not path.is_dir():
        return path
    for name in (GRAINS_FILE, GRAINS_3D_FILE):
        if (path / name).exists():
            return path / name
    raise ValueError(
        f"{path} holds no {GRAINS_FILE}: name a grain map, or what etch segment, etch repair or "
        "etch track wrote for one image or stack"
    )


def each_result(paths: Sequence[Path]) -> list[Path]:
    """Return paths, and in place of a folder of results the results with grains in it."""
    from napari_etch.labels.sources import result_folders

    maps = (GRAINS_FILE, GRAINS_3D_FILE)
    return [each for path in paths for each in result_folders(path, maps) or [path]]


def read_map(path: Path) -> np.ndarray:
    """Read a map of labels or lines; end with a sentence when there is none in the file.

    Parameters
    ----------
    path : Path
        TIFF, NPY, or what scikit-image reads.

    Returns
    -------
    np.ndarray
        Values as they stand in the file, (y, x).
    """
    with bad_input():
        return load_map(path)


def load_map(path: Path) -> np.ndarray:
    """Read a map as `read_map` does, for callers that go on with other files.

    Raises
    ------
    ValueError
        One sentence that names the file.
    """
    try:
        return _decoded(path)
    except FileNotFoundError:
        raise ValueError(f"{path}: there is no such file") from None
    except (ValueError, OSError) as error:
        raise ValueError(sentence(error, str(path))) from None


def _decoded(path: Path) -> np.ndarray:
    if path.suffix.lower() == ".npy":
        array = _read_npy(path)
    elif path.suffix.lower() in (".tif", ".tiff"):
        array = _read_tiff(path)
    else:
        array = _read_picture(path)
    if array.ndim == 3 and array.shape[-1] in (2, 3, 4):  # grey stored as colour
        colours = array[..., :3] if array.shape[-1] > 2 else array[..., :1]
        if (colours != colours[..., :1]).any():
            raise ValueError("a colour image is not a map: give a label map or a mask")
        array = colours[..., 0]
    return array


def _read_npy(path: Path) -> np.ndarray:
    import numpy as np

    none = "it holds no array of numbers: save it again with numpy.save"
    try:
        array: np.ndarray = np.load(path, allow_pickle=False)
    except ValueError:  # numpy's own advice is to open pickles, which run any program
        raise ValueError(none) from None
    if array.dtype.kind not in "biuf":
        raise ValueError(none)
    return array


def _read_tiff(path: Path) -> np.ndarray:
    import tifffile

    from napari_etch.micrograph import MicrographError
    from napari_etch.micrograph.tiff import refuse_truncated

    try:
        refuse_truncated(path)
        return tifffile.imread(path)
    except (MicrographError, OSError):
        raise
    except tifffile.TiffFileError:
        raise ValueError("it cannot be read as a TIFF file: write it again") from None
    except Exception:  # decoders raise anything on damaged files
        raise ValueError("its pixels are damaged: copy it again from its source") from None


def _read_picture(path: Path) -> np.ndarray:
    from PIL import UnidentifiedImageError

    from napari_etch.micrograph.label_picture import read_label_picture

    try:
        return read_label_picture(path)
    except UnidentifiedImageError:
        raise ValueError("it is no image that can be read: give TIFF, PNG or NPY") from None
    except OSError as error:
        if error.strerror:  # of the file, not of its pixels
            raise
        raise ValueError("its pixels are damaged: copy it again from its source") from None


def read_corrected(file: Path, corrections: bool) -> tuple[np.ndarray, Correction | None]:
    """Return a map as it was corrected, and the corrections; None where none are taken.

    Floats that are whole numbers become integers.

    Raises
    ------
    ValueError
        As `load_map` does.
    """
    from napari_etch.micrograph.serial import whole_floats

    grains = whole_floats(load_map(file))
    return with_corrections(file, grains) if corrections else (grains, None)


def with_corrections(file: Path, grains: np.ndarray) -> tuple[np.ndarray, Correction | None]:
    """Return what was read from a file as it was corrected, and the corrections.

    Raises
    ------
    ValueError
        As `correction_beside` does.
    """
    correction = correction_beside(file, grains.shape)
    return (grains if correction is None else correction.labels), correction


def correction_beside(file: Path, shape: tuple[int, ...]) -> Correction | None:
    """Return the corrections that lie beside a result, as `etch export` takes them.

    Those that a running napari writes are not taken, and that is told.

    Raises
    ------
    ValueError
        When the summary of the result is damaged.
    """
    from napari_etch.labels.reviewed import OPEN, correction_of, is_open

    if file.name not in (GRAINS_FILE, GRAINS_3D_FILE, FRACTURE_FILE):
        return None
    if is_open(file):
        note(f"{file}: {OPEN}")
    return correction_of(file, shape, made=str(read_summary(file.parent).get("made") or ""))


def taken_words(correction: Correction) -> str:
    """Return what is told of corrections that were taken along."""
    edits = "1 edit" if correction.edits == 1 else f"{correction.edits} edits"
    were = "was" if correction.edits == 1 else "were"
    return f"{edits} of the Correct dock beside the result {were} taken along"


def beside(file: Path, name: str) -> Path | None:
    """Return a result of the same segmentation; a foreign map has none."""
    other = file.with_name(name)
    return other if file.name == GRAINS_FILE and other.exists() else None


def same_images(named: Iterable[tuple[str, Mapping[str, Any]]]) -> list[str]:
    """Return what is told of maps that were made from one image: they are one field.

    Parameters
    ----------
    named : iterable of (str, mapping)
        What a map is called, and the summary of its result; empty of a foreign map.
    """
    first: dict[str, str] = {}
    told = []
    for name, summary in named:
        pixels = (summary.get("image") or {}).get("pixels_sha256")
        if not isinstance(pixels, str):
            continue
        other = first.setdefault(pixels, name)
        if other != name:
            told.append(
                f"{name} and {other} are maps of one image, so they are one field counted twice, "
                "and the intervals are too small: leave one out"
            )
    return told


def summary_beside(file: Path) -> dict[str, Any]:
    """Return what the segmentation wrote about itself; empty for a foreign map.

    Raises
    ------
    ValueError
        When it is damaged.
    """
    return {} if beside(file, SUMMARY_FILE) is None else read_summary(file.parent)
