"""Files whose pixels are labels: grain numbers, class ids or drawn boundaries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_etch.grains.class_table import ClassTable
from napari_etch.labels.published import from_published
from napari_etch.labels.report import LabelsError
from napari_etch.micrograph import MicrographError
from napari_etch.micrograph.serial import is_picture, whole_floats
from napari_etch.micrograph.tiff import refuse_truncated

MASK_SUFFIXES = (".tif", ".tiff", ".png", ".npy")
_MOST, _MOST_CLASS = np.iinfo(np.int32).max, np.iinfo(np.uint8).max
# Of fewer pixels nothing tells whether they are a picture.
_LEAST_PICTURE_PX = 4096


def read_mask(path: Path) -> npt.NDArray[Any]:
    """Read the whole numbers of a mask as they stand in the file.

    Parameters
    ----------
    path : Path
        TIFF, PNG or NPY; never a pickle.

    Returns
    -------
    ndarray of integers, shape (y, x)

    Raises
    ------
    LabelsError
        When there is no file, or it holds no mask.
    """
    if path.name.endswith("_seg.npy"):
        raise LabelsError(
            f"{path.name} is a pickle, which can run any program when it is opened, so it is not: "
            "in Cellpose save the masks as TIFF or PNG (File, Save masks), and import those."
        )
    try:
        array = _decoded(path)
    except LabelsError:
        raise
    except Exception as error:  # decoders raise anything on damaged files
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise LabelsError(f"{path} cannot be read as a mask ({reason}).") from error
    return whole_numbers(array, path.name)


def read_volume(path: Path) -> npt.NDArray[Any] | None:
    """Read the whole numbers of a mask of several sections.

    Parameters
    ----------
    path : Path
        TIFF or NPY.

    Returns
    -------
    ndarray of integers, shape (z, y, x), or None
        None for another kind of file, and for a mask of one image.

    Raises
    ------
    LabelsError
        When it cannot be read, or its numbers are no labels.
    """
    suffix = path.suffix.lower()
    if not path.is_file() or path.name.endswith("_seg.npy"):
        return None
    if suffix not in (".tif", ".tiff", ".npy"):
        return None
    try:
        array = _decoded(path) if suffix == ".npy" or _pages(path) > 1 else None
    except LabelsError:
        raise
    except Exception as error:  # decoders raise anything on damaged files
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise LabelsError(f"{path} cannot be read as a mask ({reason}).") from error
    if array is None or array.ndim != 3 or len(array) == 1 or array.shape[-1] in (2, 3, 4):
        return None
    return _whole(array, path.name)


def _pages(path: Path) -> int:
    import tifffile

    with tifffile.TiffFile(path) as tif:
        return int(np.prod(tif.series[0].shape[:-2], initial=1)) if tif.series else 0


def _decoded(path: Path) -> npt.NDArray[Any]:
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return np.asarray(np.load(path, allow_pickle=False))
    if suffix in (".tif", ".tiff"):
        import tifffile

        try:
            refuse_truncated(path)
        except MicrographError as error:
            raise LabelsError(str(error)) from None
        return np.asarray(tifffile.imread(path))
    from PIL import Image

    with Image.open(path) as image:
        if image.format == "JPEG":
            raise LabelsError(f"{path.name} is a JPEG, which blurs labels: use PNG or TIFF.")
        if image.mode == "P":  # the numbers, not the colours that they are shown in
            return np.asarray(image)
        return np.asarray(image.convert("L") if image.mode == "1" else image)


def whole_numbers(array: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
    """Return a mask as an array (y, x) of whole numbers from 0 to 2147483647.

    Axes of length 1 before it, and equal channels behind it, are taken off.

    Raises
    ------
    LabelsError
        When it is none.
    """
    while array.ndim > 2 and len(array) == 1:
        array = array[0]
    if array.ndim == 3 and array.shape[-1] in (2, 3, 4):  # grey stored as colour
        colours = array[..., :3] if array.shape[-1] > 2 else array[..., :1]
        if (colours != colours[..., :1]).any():
            raise LabelsError(f"{name} is in colour: a mask has one number a pixel.")
        array = colours[..., 0]
    if array.ndim != 2 or not array.size:
        raise LabelsError(f"{name} has shape {array.shape}: a mask is one image (y, x).")
    return _whole(array, name)


def as_map(data: npt.NDArray[Any], kind: str, name: str) -> npt.NDArray[Any]:
    """Return what a container holds under the name of a map, as the field of `Annotated`.

    Parameters
    ----------
    data : ndarray
    kind : str
        ``grains``, ``classes``, ``boundary`` or ``ignore``.
    name : str
        For messages.

    Raises
    ------
    LabelsError
        When it is no such map: as another type its numbers would become others.
    """
    if kind in ("boundary", "ignore"):
        return np.asarray(data).astype(bool)
    numbers = whole_numbers(np.asarray(data), name)
    if kind == "grains":
        return numbers.astype(np.int32)
    if numbers.max() > _MOST_CLASS:
        raise LabelsError(f"{name} holds class {numbers.max()}: classes go up to {_MOST_CLASS}.")
    return numbers.astype(np.uint8)


def _whole(array: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
    """Return an array as whole numbers from 0.

    Raises
    ------
    LabelsError
        When they are none.
    """
    if array.dtype == bool:
        return array.astype(np.uint8)
    array = whole_floats(array)
    if array.dtype.kind not in "iu":
        raise LabelsError(f"{name} holds {array.dtype} numbers, which are no labels.")
    if array.min() < 0 or array.max() > _MOST:
        raise LabelsError(f"{name} holds numbers below 0 or above {_MOST}: number it anew.")
    return array


def as_labels(
    mask: npt.NDArray[Any], table: ClassTable, kind: str, convention: str, name: str
) -> dict[str, Any]:
    """Return a mask as the field of `Annotated` that it belongs to.

    Parameters
    ----------
    mask : ndarray of integers, shape (y, x)
    table : ClassTable
    kind : str
        ``auto``: a mask of 8 bits and two values, one of them 255, is boundaries; one of 8 bits
        whose values are all in the table is classes; everything else is grains.
    convention : str
        ``published``: class ids are those of the published fractography code.
    name : str
        For messages.

    Raises
    ------
    LabelsError
        When the values do not fit the kind, or a picture was given where nothing is said of it.
    """
    if kind == "auto":
        kind = "classes" if convention == "published" else _guess(mask, table)
        if kind == "grains":
            _refuse_picture(mask, name)
    if kind == "boundary":
        return {"boundary": mask > 0}
    if kind == "grains":
        return {"grains": mask.astype(np.int32)}
    if convention == "published":
        return {"classes": from_published(mask, table)}
    unknown = sorted(set(np.unique(mask).tolist()) - {0, *table.ids})
    if unknown:
        raise LabelsError(
            f"{name} holds class {unknown[0]}, which is not in the class table: add it there."
        )
    return {"classes": mask.astype(np.uint8)}


def _refuse_picture(mask: npt.NDArray[Any], name: str) -> None:
    """Refuse a micrograph, each of whose grey values would be a grain."""
    if mask.dtype.itemsize > 2 or mask.size < _LEAST_PICTURE_PX or mask.ndim != 2:
        return
    if is_picture(mask):
        raise LabelsError(
            f"{name} looks like a picture, not like labels: give its mask, or say what kind of "
            "labels it holds."
        )


def _guess(mask: npt.NDArray[Any], table: ClassTable) -> str:
    if mask.dtype.itemsize > 1:
        return "grains"
    values = set(np.unique(mask).tolist())
    if values <= {0, 255} and 255 in values:
        return "boundary"
    return "classes" if values <= {0, *table.ids} else "grains"
