"""Labelled stacks from a user's files: a training folder of stacks, or a pure-iron HDF5 file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_etch.measure.intercepts import count_crossings
from napari_etch.micrograph.choice import ALL, Choice
from napari_etch.micrograph.reading import is_hidden
from napari_etch.models.resize import resize
from napari_etch.training.boundary_weights import line_target
from napari_etch.training.folder import TrainingDataError
from napari_etch.training.sections import LabelledStack

_HDF5 = (".h5", ".hdf5")
_LABELS = (".tif", ".tiff", ".npy")
# A stack is brought to the network's mean intercept, but never enlarged beyond this.
MOST_ENLARGED = 2.0


def read_labelled_stacks(
    data: Path, labels: str = "grains", choice: Choice = ALL
) -> list[LabelledStack]:
    """Read stacks with truth.

    Parameters
    ----------
    data : Path
        A folder with `images/` (multi-page TIFFs, folders of numbered sections, HDF5 files) and
        `labels/` (multi-page TIFF or NPY with equal stems), or an HDF5 file with both.
    labels : {"grains", "boundary"}
        What the labels are: grain numbers, or lines (nonzero).
    choice : Choice
        Which series and channel of the files in `images/`.

    Raises
    ------
    TrainingDataError
        When there is nothing to learn from, or images and labels do not fit.
    napari_etch.micrograph.MicrographError
        When a file cannot be read.
    """
    if labels not in ("grains", "boundary"):
        raise TrainingDataError(f"WPU-Net learns from grains or boundary, not from {labels!r}.")
    if data.suffix.lower() in _HDF5:
        return _of_hdf5(data, labels)
    images = data / "images"
    if not images.is_dir() or not (data / "labels").is_dir():
        raise TrainingDataError(
            f"{data} is no training folder: put stacks in images/ and their grain maps, with equal "
            "names, in labels/; or give an HDF5 file with image and label."
        )
    files = sorted(path for path in images.iterdir() if not is_hidden(path.name))
    if not files:
        raise TrainingDataError(f"{images} is empty: put at least one stack there.")
    return [_of_pair(path, data / "labels", labels, choice) for path in files]


def _of_hdf5(path: Path, labels: str) -> list[LabelledStack]:
    from napari_etch.micrograph.iron import iron_groups, iron_has, read_iron

    if not path.exists():
        raise TrainingDataError(f"{path} does not exist; check the name and the folder.")
    groups = iron_groups(path)
    if not groups:
        raise TrainingDataError(f"{path.name} holds no images with labels to learn from.")
    stacks = []
    for group in groups:
        images = read_iron(path, "image", group)
        lines = labels == "boundary" or not iron_has(path, "label", group)
        truth = read_iron(path, "boundary" if lines else "label", group)
        stacks.append(labelled_stack(images, truth, path.stem, lines=lines))
    return stacks


def _of_pair(path: Path, folder: Path, labels: str, choice: Choice) -> LabelledStack:
    from napari_etch.micrograph import read_micrograph

    names = [folder / (path.stem + suffix) for suffix in _LABELS]
    found = next((name for name in names if name.exists()), None)
    if found is None:
        raise TrainingDataError(
            f"{path.name} has no labels: put {path.stem}.tif into {folder}, or take the stack out."
        )
    if found.suffix == ".npy":
        truth = np.load(found, allow_pickle=False)
    else:
        import tifffile

        truth = np.asarray(tifffile.imread(found))
    micrograph = read_micrograph(path, stack=True, keep_info_bar=True, **choice.asked)
    image = np.round(255 * micrograph.grey()).astype(np.uint8)
    return labelled_stack(image, truth, path.stem, lines=labels == "boundary")


def labelled_stack(
    images: np.ndarray, truth: np.ndarray, name: str, *, lines: bool = False
) -> LabelledStack:
    """Return a stack to learn from.

    Parameters
    ----------
    images : ndarray (z, y, x)
        Grey.
    truth : ndarray of int (z, y, x)
        Grains, 0 on lines; or lines, nonzero, with `lines`.
    name : str
    lines : bool

    Raises
    ------
    TrainingDataError
        When shapes differ, there are fewer than two sections, or no grains.
    """
    if images.ndim != 3 or images.shape != truth.shape:
        raise TrainingDataError(
            f"{name}: the sections are {images.shape} and their labels {truth.shape}; both need to "
            "be stacks (z, y, x) of one size."
        )
    if len(images) < 2:
        raise TrainingDataError(f"{name} has one section: WPU-Net needs two at least.")
    if images.dtype != np.uint8:
        low, high = np.percentile(images, (0.1, 99.9))
        images = np.clip(255 * (images - low) / max(float(high - low), 1e-9), 0, 255)
        images = np.round(images).astype(np.uint8)
    grains = np.stack([_grains(section, lines) for section in truth])
    shown = np.array([len(np.unique(section)) > 1 for section in grains])
    sound = (images.reshape(len(images), -1).std(1) > 1) & shown
    if sound.sum() < 2:
        raise TrainingDataError(f"{name}: fewer than two sections show and have grains.")
    return LabelledStack(images, grains, sound, name)


def _grains(section: np.ndarray, lines: bool) -> npt.NDArray[np.int32]:
    """Return grains that fill the section: lines are given to the nearest one."""
    from scipy.ndimage import label
    from skimage.segmentation import expand_labels

    grains = label(section == 0)[0] if lines else section
    return np.asarray(expand_labels(grains, max(section.shape)), np.int32)


def mean_intercept(stack: LabelledStack) -> float:
    """Return the mean intercept of a stack's grains, px."""
    counted = [count_crossings(stack.labels[z]) for z in np.flatnonzero(stack.sound)]
    return float(sum(c[0] for c in counted) / max(1, sum(c[1] for c in counted)))


def at_scale(stack: LabelledStack, factor: float) -> LabelledStack:
    """Return a stack enlarged or reduced by a factor, at most doubled."""
    factor = min(factor, MOST_ENLARGED)
    shape = tuple(max(1, round(length * factor)) for length in stack.images.shape[1:])
    if shape == stack.images.shape[1:]:
        return stack
    rows, columns = (
        np.minimum(((np.arange(new) + 0.5) * old / new).astype(int), old - 1)
        for new, old in zip(shape, stack.images.shape[1:], strict=True)
    )
    images = np.stack(
        [np.round(resize(each.astype(np.float32), shape)).astype(np.uint8) for each in stack.images]
    )
    labels = np.ascontiguousarray(stack.labels[:, rows][:, :, columns])
    return LabelledStack(images, labels, stack.sound, stack.name)


def with_targets(stack: LabelledStack) -> LabelledStack:
    """Return a stack with what the published losses need, made on whole sections."""
    targets = tuple(line_target(section) for section in stack.labels)
    return LabelledStack(stack.images, stack.labels, stack.sound, stack.name, targets)


def split_by_depth(
    stack: LabelledStack, share: float = 0.2
) -> tuple[LabelledStack, LabelledStack | None]:
    """Return the first sections to learn from, and the last to look at, where there are enough."""
    held = round(share * len(stack.images))
    cut = len(stack.images) - held
    if held < 2 or stack.sound[:cut].sum() < 2:
        return stack, None
    parts = [
        LabelledStack(stack.images[part], stack.labels[part], stack.sound[part], stack.name)
        for part in (slice(0, cut), slice(cut, None))
    ]
    return parts[0], parts[1]
