"""Real micrographs with grain maps, cut into samples beside the virtual ones.

A training folder holds `images/` and `labels/` with equal stems; labels are grain maps, 0 on drawn
lines. Every crop is brought to another grain size, so that a few micrographs teach many scales.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_etch.measure.intercepts import count_crossings
from napari_etch.models.resize import resize

# Mean intercepts, px, to which crops are brought; log-uniform.
INTERCEPTS = (16.0, 64.0)
_LABEL_SUFFIXES = (".tif", ".tiff", ".png")


class TrainingDataError(ValueError):
    """A training folder that cannot be used; one sentence for the user."""


@dataclass(frozen=True, eq=False)
class Pair:
    """A micrograph, its grains and its mean intercept.

    Attributes
    ----------
    image : float32 (y, x)
        Grey, about [0, 1].
    labels : int32 (y, x)
        Grain numbers; drawn lines are given to the nearest grain, so there is no 0.
    intercept : float
        Mean intercept along both axes, px.
    """

    image: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int32]
    intercept: float


def read_training_folder(folder: Path) -> list[Pair]:
    """Read every micrograph of a training folder.

    Parameters
    ----------
    folder : Path
        With `images/` and `labels/`; TIFF or PNG labels.

    Raises
    ------
    TrainingDataError
        When a folder, a partner or a grain is missing, or sizes differ.
    napari_etch.micrograph.MicrographError
        When an image cannot be read.
    """
    images = folder / "images"
    if not images.is_dir() or not (folder / "labels").is_dir():
        raise TrainingDataError(
            f"{folder} is no training folder: put micrographs in images/ and their grain maps, "
            "with equal names, in labels/."
        )
    files = sorted(path for path in images.iterdir() if path.is_file() and path.name[0] != ".")
    if not files:
        raise TrainingDataError(f"{images} is empty: put at least one micrograph there.")
    return [_read_pair(path, folder / "labels") for path in files]


def _read_pair(path: Path, folder: Path) -> Pair:
    from napari_etch.micrograph import read_micrograph

    candidates = [folder / (path.stem + suffix) for suffix in _LABEL_SUFFIXES]
    found = next((candidate for candidate in candidates if candidate.exists()), None)
    if found is None:
        raise TrainingDataError(
            f"{path.name} has no grain map: put {path.stem}.tif into {folder}, or take the image "
            "out."
        )
    image = read_micrograph(path, keep_info_bar=True).grey()
    labels = _read_labels(found)
    if labels.shape != image.shape:
        raise TrainingDataError(
            f"{found.name} is {labels.shape} and {path.name} is {image.shape}: a grain map needs "
            "the size of its micrograph."
        )
    length, crossings = count_crossings(labels)
    return Pair(image, labels, length / max(1, crossings))  # one grain: as wide as all its lines


def _read_labels(path: Path) -> npt.NDArray[np.int32]:
    """Return a grain map in which lines are given to the nearest grain."""
    from skimage.segmentation import expand_labels

    if path.suffix == ".png":
        from skimage.io import imread

        labels = np.asarray(imread(path))
    else:
        import tifffile

        labels = np.asarray(tifffile.imread(path))
    if labels.ndim != 2 or not np.issubdtype(labels.dtype, np.integer) or labels.max() < 1:
        raise TrainingDataError(
            f"{path.name} ({labels.dtype}, {labels.shape}) is no grain map: it needs one whole "
            "number a grain, (y, x), and at least one grain."
        )
    filled: npt.NDArray[np.int32] = expand_labels(labels, max(labels.shape)).astype(np.int32)
    return filled


class RealCrops:
    """Random crops of real micrographs at random grain sizes.

    Parameters
    ----------
    pairs : list of Pair
    size : int
        Side of a crop, px.
    seed : int
    """

    def __init__(self, pairs: list[Pair], size: int, seed: int) -> None:
        if not pairs:
            raise TrainingDataError("There is no micrograph to train on.")
        self.pairs, self.size = pairs, size
        self.random = np.random.default_rng(seed)
        area = np.array([pair.image.size for pair in pairs], float)
        # A large micrograph holds more, but more of the same specimen.
        self.chance = np.sqrt(area) / np.sqrt(area).sum()

    def draw(self, count: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int16]]:
        """Return images uint8 and labels int16, (count, size, size), as the feed gives them."""
        crops = [self._crop() for _ in range(count)]
        return np.stack([image for image, _ in crops]), np.stack([labels for _, labels in crops])

    def _crop(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int16]]:
        pair = self.pairs[self.random.choice(len(self.pairs), p=self.chance)]
        wanted = np.exp(self.random.uniform(*np.log(INTERCEPTS)))
        # The crop must fit into the picture.
        factor = max(wanted / pair.intercept, self.size / min(pair.image.shape))
        side = min(round(self.size / factor), *pair.image.shape)
        top, left = (int(self.random.integers(length - side + 1)) for length in pair.image.shape)
        window = slice(top, top + side), slice(left, left + side)
        picture = self._camera(resize(pair.image[window], (self.size, self.size)))
        nearest = ((np.arange(self.size) + 0.5) * side / self.size).astype(int)
        labels = pair.labels[window][nearest][:, nearest]
        numbers = np.unique(labels, return_inverse=True)[1].reshape(labels.shape)
        return picture, numbers.astype(np.int16)

    def _camera(self, picture: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
        """Vary brightness, blur and noise as another exposure would."""
        from scipy.ndimage import gaussian_filter

        low, high = np.percentile(picture, (0.5, 99.5))
        picture = np.clip((picture - low) / max(high - low, 1e-6), 0, 1)
        picture = picture ** self.random.uniform(0.7, 1.4)
        if self.random.random() < 0.3:
            picture = gaussian_filter(picture, self.random.uniform(0.3, 1.0))
        noise = self.random.uniform(0, 0.05) * self.random.normal(size=picture.shape)
        return np.round(255 * np.clip(picture + noise, 0, 1)).astype(np.uint8)
