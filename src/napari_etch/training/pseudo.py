"""Pseudo labels by threshold: the preparation of the published DINOv2 grain counter.

Grey, contrast-limited adaptive histogram equalisation, Gaussian blur, Otsu's threshold, closing,
dilation, opening, removal of small components. No parameter of it was published but the last
opening, an ellipse of 11 px, which the published masks reveal (each is unchanged by it); the others
are the usual ones. What comes out is no truth: neighbours are joined, grains cut along scratches.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_etch.micrograph.choice import ALL, Choice
from napari_etch.training.folder import IMAGES, LABELS

Mask = npt.NDArray[np.bool_]
#: What the folder holds about how its labels were made; trainers copy it into the model's card.
RECORD = "pseudo-labels.json"
COUNTS = "counts.csv"
MASKS = "masks"
_FOLDERS = (IMAGES, LABELS, MASKS)


@dataclass(frozen=True)
class Recipe:
    """Every step's parameter; 0 leaves a step out.

    Attributes
    ----------
    clip : float
        Limit of the equalisation, as a multiple of the mean bin (OpenCV's convention).
    tiles : int
        Tiles of the equalisation along each side.
    blur : int
        Side of the Gaussian's window, px, odd; its sigma is 0.3 ((blur - 1) / 2 - 1) + 0.8.
    dark_grains : bool
        Grains are darker than what separates them.
    close, dilate, open : int
        Diameters of the ellipses, px, odd.
    min_area : int
        Smaller components (8-connected) are removed, px.
    count_area : int
        Smaller components are not counted, px at full size, as in the published table of counts.
    """

    clip: float = 2.5
    tiles: int = 8
    blur: int = 5
    dark_grains: bool = False
    close: int = 5
    dilate: int = 3
    open: int = 11
    min_area: int = 89
    count_area: int = 500

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if value < 0:
                raise ValueError(f"{item.name} is {value}: give 0 or more")
        for name in ("blur", "close", "dilate", "open"):
            value = getattr(self, name)
            if value and value % 2 == 0:
                raise ValueError(f"{name} is {value}: give an odd number of px, or 0 for none")
        if self.tiles < 1:
            raise ValueError(f"tiles is {self.tiles}: give 1 or more")


def ellipse(diameter: int) -> npt.NDArray[np.uint8]:
    """Return a filled ellipse as OpenCV draws its structuring elements; 89 px at 11."""
    radius = diameter // 2
    if radius == 0:
        return np.ones((1, 1), np.uint8)
    away = np.arange(diameter) - radius
    reach = np.rint(np.sqrt(radius**2 - away**2))
    return (np.abs(away)[None] <= reach[:, None]).astype(np.uint8)


def pseudo_mask(grey: npt.NDArray[np.floating], recipe: Recipe | None = None) -> Mask:
    """Return where the recipe sees grains.

    Parameters
    ----------
    grey : float (y, x)
        In [0, 1].
    recipe : Recipe, optional
        The default one when not given.

    Returns
    -------
    bool (y, x)
    """
    from scipy import ndimage
    from skimage.exposure import equalize_adapthist
    from skimage.filters import threshold_otsu

    recipe = recipe or Recipe()
    image = np.clip(np.nan_to_num(grey), 0, 1)
    if recipe.clip:
        kernel = [max(1, size // recipe.tiles) for size in image.shape]
        image = equalize_adapthist(image, kernel, clip_limit=recipe.clip / 256, nbins=256)
    if recipe.blur:
        sigma = 0.3 * ((recipe.blur - 1) / 2 - 1) + 0.8
        image = ndimage.gaussian_filter(image, sigma, radius=recipe.blur // 2)
    if np.ptp(image) == 0:
        return np.zeros(image.shape, bool)
    threshold = threshold_otsu(image)
    mask = image <= threshold if recipe.dark_grains else image > threshold
    steps = (
        (recipe.close, (_dilated, _eroded)),
        (recipe.dilate, (_dilated,)),
        (recipe.open, (_eroded, _dilated)),
    )
    for diameter, operations in steps:
        for operation in operations if diameter else ():
            mask = operation(mask, ellipse(diameter).astype(bool))
    if recipe.min_area:
        labels, _ = ndimage.label(mask, np.ones((3, 3)))
        mask = mask & (np.bincount(labels.ravel()) >= recipe.min_area)[labels]
    return np.asarray(mask, bool)


def _dilated(mask: Mask, element: Mask) -> Mask:
    from scipy.ndimage import binary_dilation

    return np.asarray(binary_dilation(mask, element))


def _eroded(mask: Mask, element: Mask) -> Mask:
    """Erode; beyond the frame everything is grain, so that it eats nothing from the border."""
    from scipy.ndimage import binary_erosion

    return np.asarray(binary_erosion(mask, element, border_value=1))


def components(mask: Mask) -> npt.NDArray[np.int32]:
    """Return the 8-connected components, int32 from 1."""
    from scipy.ndimage import label

    labels, _ = label(mask, np.ones((3, 3)))
    return np.asarray(labels, np.int32)


def count_components(labels: npt.NDArray[np.int32], least: int) -> int:
    """Return how many components have at least so many pixels."""
    return int((np.bincount(labels.ravel())[1:] >= least).sum())


#: Is told of an image that cannot be used, and why.
Skip = Callable[[Path, Exception], None]


def write_pseudo_labels(
    images: Sequence[Path],
    out: Path,
    recipe: Recipe,
    *,
    overwrite: bool = False,
    skip: Skip | None = None,
    choice: Choice = ALL,
) -> dict[str, dict[str, Any]]:
    """Make a training folder of micrographs and their pseudo labels; it appears when it is whole.

    Half a set would pass for a training folder with labels that somebody drew: what says that they
    are no truth is written last.

    Parameters
    ----------
    images : sequence of Path
        Single images with different stems.
    out : Path
        Gets `images/`, `labels/STEM.tif` (components, int32, 0 between them), `masks/STEM.png` (255
        on grains), `counts.csv` and `pseudo-labels.json`, which holds the recipe.
    recipe : Recipe
    overwrite : bool
        Replace an earlier set as a whole; a folder with anything else is never replaced. What was
        put beside the set, such as `ignore/` and `specimens.csv`, stays.
    skip : callable, optional
        Told of an image that cannot be used, which then is left out; without it that is an error.
    choice : Choice
        Which series and channel of each file; the copies in `images/` are of the whole files.

    Returns
    -------
    dict
        For each image "count", "components" and "grain_fraction".

    Raises
    ------
    ValueError
        When two images have one stem, one is no single image, none can be used, or there is
        something at `out`.
    """
    from napari_etch.results import folder_beside, one_at_a_time, replace_folder

    _check_names(images)
    _check_target(images, out, overwrite=overwrite)
    target = out.resolve()  # what a link stands for is replaced, not the link
    with folder_beside(target) as unfinished:
        for name in _FOLDERS:
            (unfinished / name).mkdir(parents=True)
        found = _write_all(images, unfinished, recipe, skip, choice)
        if not found:
            raise ValueError(f"{out} is not written: none of the images can be used")
        _write_records(unfinished, found, recipe, choice)
        with one_at_a_time(target):  # another run may have written its set meanwhile
            _check_target(images, out, overwrite=overwrite)
            _keep_others(target, unfinished)
            replace_folder(unfinished, target)
    return found


def pseudo_record(folder: Path) -> dict[str, Any] | None:
    """Return recipe and warning of a folder that `etch pseudo-label` wrote, None for any other.

    Raises
    ------
    ValueError
        When they cannot be read.
    """
    path = folder / RECORD
    if not path.exists():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return {"recipe": record["recipe"], "warning": record["warning"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged ({error}): make the pseudo labels again.") from error


def _check_names(images: Sequence[Path]) -> None:
    taken: dict[str, Path] = {}
    for path in images:
        other = taken.setdefault(path.stem.casefold(), path)
        if other != path:
            raise ValueError(f"{other} and {path} would share one label file: rename one of them")


def _check_target(images: Sequence[Path], out: Path, *, overwrite: bool) -> None:
    """Refuse a folder that cannot become a set, or that would take images with it."""
    from napari_etch.micrograph.reading import is_hidden
    from napari_etch.results import check_replaceable

    check_replaceable(out)
    if not (out / RECORD).exists():
        if out.is_dir() and not all(is_hidden(path.name) for path in out.iterdir()):
            raise ValueError(f"{out} holds other files: choose a new or an empty folder")
        return
    if not overwrite:
        raise ValueError(
            f"{out} already holds pseudo labels: choose another folder, or add --overwrite"
        )
    given = {path.resolve() for path in images}
    there = {path.resolve() for path in (out / IMAGES).iterdir()} if (out / IMAGES).is_dir() else ()
    if given & set(there) and not given >= set(there):
        raise ValueError(
            f"{out / IMAGES} holds more images than were given, and they would be lost: give all "
            "of them, or choose another folder"
        )


def _keep_others(out: Path, unfinished: Path) -> None:
    """Take along what was put beside an earlier set."""
    for path in out.iterdir() if out.is_dir() else ():
        if path.name in (*_FOLDERS, RECORD, COUNTS):
            continue
        if path.is_dir():
            shutil.copytree(path, unfinished / path.name)
        else:
            shutil.copy2(path, unfinished / path.name)


def _write_all(
    images: Sequence[Path], folder: Path, recipe: Recipe, skip: Skip | None, choice: Choice
) -> dict[str, dict[str, Any]]:
    found = {}
    for path in images:
        try:
            mask = _mask_of(path, recipe, choice)
        except (ValueError, OSError) as error:
            if skip is None:
                raise
            skip(path, error)
            continue
        found[path.name] = _write_one(path, mask, folder, recipe)
    return found


def _mask_of(path: Path, recipe: Recipe, choice: Choice) -> Mask:
    from napari_etch.micrograph import MicrographError, read_micrograph

    micrograph = read_micrograph(path, **choice.asked)
    if micrograph.is_stack:
        raise MicrographError(f"{path} is a stack: give single images.")
    return pseudo_mask(micrograph.grey(), recipe) & micrograph.mask


def _write_one(path: Path, mask: Mask, folder: Path, recipe: Recipe) -> dict[str, Any]:
    import tifffile
    from skimage.io import imsave

    labels = components(mask)
    shutil.copyfile(path, folder / IMAGES / path.name)
    tifffile.imwrite(folder / LABELS / f"{path.stem}.tif", labels, compression="zlib")
    shown = np.where(mask, 255, 0).astype(np.uint8)
    imsave(folder / MASKS / f"{path.stem}.png", shown, check_contrast=False)
    return {
        "count": count_components(labels, recipe.count_area),
        "components": int(labels.max(initial=0)),
        "grain_fraction": round(float(mask.mean()), 4),
    }


def _write_records(
    folder: Path, found: dict[str, dict[str, Any]], recipe: Recipe, choice: Choice
) -> None:
    from napari_etch import __version__

    record = {
        "made_by": "etch pseudo-label",
        "napari_etch": __version__,
        "recipe": asdict(recipe),
        **choice.asked,
        "images": found,
        "warning": "These labels are an automatic threshold, not truth.",
    }
    text = json.dumps(record, indent=1, ensure_ascii=False) + "\n"
    (folder / RECORD).write_text(text, encoding="utf-8")
    with (folder / COUNTS).open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["image", "count"])
        rows.writerows([name, item["count"]] for name, item in found.items())
