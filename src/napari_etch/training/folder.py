"""Training folders: real micrographs with labels, whole or refused in a sentence.

`images/` and `labels/` hold files with equal stems; `ignore/` masks (nonzero is not learnt from)
and `specimens.csv` (columns image and specimen) are optional.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_etch.measure.intercepts import count_crossings
from napari_etch.micrograph.choice import ALL, Choice
from napari_etch.micrograph.label_picture import read_label_picture
from napari_etch.micrograph.reading import composed, is_hidden
from napari_etch.models.resize import resize
from napari_etch.training.specimens import SpecimenTableError, read_specimen_rows
from napari_etch.training.truth import KINDS, LINE_HALF, truth_of

if TYPE_CHECKING:
    from napari_etch.micrograph import Micrograph

# Mean intercepts, px, to which crops are brought; log-uniform.
INTERCEPTS = (16.0, 64.0)
IMAGES, LABELS, IGNORE, SPECIMENS = "images", "labels", "ignore", "specimens.csv"
MANIFEST = "manifest.json"  # what an export or import says of its set
PARTS = ("train", "val", "test")  # of a set that was split, which has one manifest
_SUFFIXES = (".tif", ".tiff", ".png")
_WORDS = {"grains": "grain map", "boundary": "boundary mask", "classes": "class map"}


class TrainingDataError(ValueError):
    """A training folder that cannot be used; one sentence for the user."""


@dataclass(frozen=True, eq=False)
class Pair:
    """A micrograph, or a section of a stack, and its labels.

    Attributes
    ----------
    image : float32 (y, x)
        Grey, about [0, 1].
    labels : int32 (y, x)
        Grain numbers; drawn lines are given to the nearest grain, so there is no 0. Where the
        labels are classes: their numbers, 0 where unlabelled.
    intercept : float
        Mean intercept along both axes where it is learnt, px; NaN for classes.
    learnt : bool (y, x)
        False is not learnt from: what `ignore/` marks, the information bar, pixels without a value,
        what the labels leave open (see `training.truth`).
    micrograph : Micrograph
        2D, with what is known of it beside its grey values.
    specimen : str
        As `specimens.csv` says; "" where it does not.
    source : str
        Stem of the file.
    section : int or None
        Which one, of a stack.
    """

    image: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int32]
    intercept: float
    learnt: npt.NDArray[np.bool_]
    micrograph: Micrograph
    specimen: str = ""
    source: str = ""
    section: int | None = None

    @property
    def name(self) -> str:
        """Name of the micrograph, of a section with its number."""
        return self.micrograph.name

    def cut(self, rows: slice, columns: slice) -> Pair:
        """Return a part of it; rows and columns in px, with start and stop."""
        window = rows, columns
        return replace(
            self,
            image=self.image[window],
            labels=self.labels[window],
            learnt=self.learnt[window],
            micrograph=self.micrograph.part(rows, columns),
        )


def read_training_folder(
    folder: str | os.PathLike[str], labels: str = "grains", choice: Choice = ALL
) -> list[Pair]:
    """Read every micrograph of a training folder; the sections of a stack one by one.

    Parameters
    ----------
    folder : str or path
        With `images/` and `labels/`, perhaps `ignore/` and `specimens.csv`; TIFF or PNG labels.
    labels : str
        What the labels are, see `training.truth.truth_of`: ``grains``, ``boundary``, ``classes``.
    choice : Choice
        Which series and channel of the images; labels have one.

    Raises
    ------
    TrainingDataError
        When a folder, a partner or a label is missing, sizes differ, the table of specimens is of
        other images, or the folder's manifest says that its labels are of another kind.
    napari_etch.micrograph.MicrographError
        When an image cannot be read.
    """
    if labels not in KINDS:
        raise TrainingDataError(f"labels are {labels!r}: choose {', '.join(KINDS)}.")
    folder = Path(folder)
    images = folder / IMAGES
    if not images.is_dir() or not (folder / LABELS).is_dir():
        part = folder / "train"
        if (part / IMAGES).is_dir():  # of a set that was split by an export
            raise TrainingDataError(f"{folder} is a set in parts: train on one, such as {part}.")
        raise TrainingDataError(
            f"{folder} is no training folder: put micrographs in images/ and their "
            f"{_WORDS[labels]}s, with equal names, in labels/."
        )
    _refuse_other_manifest(folder, labels)
    files = sorted(path for path in images.iterdir() if path.is_file() and not is_hidden(path.name))
    if not files:
        raise TrainingDataError(f"{images} is empty: put at least one micrograph there.")
    specimens = _read_specimens(folder / SPECIMENS)
    if specimens and not specimens.keys() & {composed(path.stem) for path in files}:
        raise TrainingDataError(
            f"{folder / SPECIMENS} names none of the images: it has {next(iter(specimens))} and "
            f"others in its column image, and {images} has {files[0].name}."
        )
    pairs = [pair for path in files for pair in _read_pairs(path, folder, labels, choice)]
    return [replace(pair, specimen=specimens.get(composed(pair.source), "")) for pair in pairs]


def _refuse_other_manifest(folder: Path, kind: str) -> None:
    """Refuse a set whose manifest states another kind of labels: classes would pass for grains."""
    whole = folder.parent if folder.name in PARTS else folder
    try:
        stated = json.loads((whole / MANIFEST).read_text(encoding="utf-8"))["labels"]
    except (OSError, ValueError, KeyError, TypeError):  # there is none, or it is another program's
        return
    if stated in KINDS and stated != kind:
        raise TrainingDataError(
            f"{folder} holds {_WORDS[stated]}s, as its {MANIFEST} says, and no {_WORDS[kind]}s: "
            f"give --labels {stated}."
        )


def _read_specimens(path: Path) -> dict[str, str]:
    """Return the specimen of each image, by its stem."""
    if not path.exists():
        return {}
    try:
        rows = read_specimen_rows(path)
    except SpecimenTableError as error:
        raise TrainingDataError(str(error)) from error
    return {
        composed(Path(row["image"]).stem): row["specimen"]
        for row in rows
        if row["image"] and row["specimen"]
    }


def _read_pairs(path: Path, folder: Path, kind: str, choice: Choice) -> Iterator[Pair]:
    """Yield a micrograph with its labels, or the sections of a stack."""
    from napari_etch.micrograph import read_micrograph
    from napari_etch.micrograph.around import with_smooth_parts

    found = _partner(folder / LABELS, path.stem)
    if found is None:
        raise TrainingDataError(
            f"{path.name} has no {_WORDS[kind]}: put {path.stem}.tif into {folder / LABELS}, or "
            "take the image out."
        )
    micrograph = read_micrograph(path, stack=True, **choice.asked)
    if kind == "classes":
        micrograph = with_smooth_parts(micrograph)
    picture = _read_numbers(found, _WORDS[kind])
    _same_size(found, picture, micrograph, _WORDS[kind])
    _refuse_other_kind(found, picture, kind)
    masks = _partner(folder / IGNORE, path.stem)
    ignored = None
    if masks is not None:
        ignored = _read_numbers(masks, "ignore mask", may_be_empty=True)
        _same_size(masks, ignored, micrograph, "ignore mask")
    alone = len(micrograph.data) == 1
    for index, section in enumerate(micrograph.sections()):
        if alone:
            section = replace(section, name=path.stem)
        skipped = None if ignored is None else ignored[index] != 0
        pair = pair_of(section, picture[index], kind, skipped)
        yield replace(pair, source=path.stem, section=None if alone else index)


def _refuse_other_kind(path: Path, picture: npt.NDArray[np.integer], kind: str) -> None:
    """Refuse lines where grains are meant and the other way round: it would be learnt from.

    One grain alone may be labelled; then it is in one piece and thicker than any line.
    """
    if kind == "boundary" and picture.all():
        raise TrainingDataError(
            f"{path.name} has no pixel of value 0, so it is no boundary mask: give --labels grains "
            "for a grain map."
        )
    value = int(picture.max())
    if kind != "grains" or picture.all() or not ((picture == 0) | (picture == value)).all():
        return
    from scipy.ndimage import distance_transform_edt, label

    sections = [section for section in picture > 0 if section.any()]
    one = all(label(section)[1] == 1 for section in sections)
    thick = any(distance_transform_edt(section).max() > LINE_HALF for section in sections)
    if not (one and thick) or value == np.iinfo(np.uint8).max:
        raise TrainingDataError(
            f"{path.name} holds one value, {value}, beside 0, so it is drawn lines or a mask and "
            "no grain map: give --labels boundary for lines, or number the grains of a mask."
        )


def pair_of(
    micrograph: Micrograph,
    labels: npt.NDArray[np.integer],
    kind: str = "grains",
    ignore: npt.NDArray[np.bool_] | None = None,
) -> Pair:
    """Return one 2D micrograph with its labels.

    Parameters
    ----------
    micrograph : Micrograph, 2D
    labels : whole numbers (y, x)
        As drawn, see `training.truth.truth_of`.
    kind : ``grains``, ``boundary`` or ``classes``
    ignore : bool (y, x), optional
        True is not learnt from.

    Raises
    ------
    TrainingDataError
        When there is nothing to learn from.
    """
    if not np.any(labels):
        raise TrainingDataError(f"The labels of {micrograph.name} are empty: draw some.")
    truth = truth_of(labels, kind)
    learnt = truth.claimed & micrograph.mask
    if ignore is not None:
        learnt &= ~ignore
    if not learnt.any():
        raise TrainingDataError(
            f"Nothing of {micrograph.name} is left to learn from: its ignore mask and what is not "
            "labelled cover it all."
        )
    intercept = float("nan")
    if kind != "classes":
        length, crossings = count_crossings(np.where(learnt, truth.labels, 0))
        intercept = length / max(1, crossings)  # one grain: as wide as all its lines
    image = micrograph.grey_with_colour()
    return Pair(image, truth.labels, intercept, learnt, micrograph, source=micrograph.name)


def _partner(folder: Path, stem: str) -> Path | None:
    candidates = [folder / (stem + suffix) for suffix in _SUFFIXES]
    return next((candidate for candidate in candidates if candidate.exists()), None)


def _same_size(
    path: Path, picture: npt.NDArray[np.integer], micrograph: Micrograph, word: str
) -> None:
    if picture.shape != micrograph.data.shape:
        seen, wanted = (
            shape[1:] if shape[0] == 1 else shape
            for shape in (picture.shape, micrograph.data.shape)
        )
        raise TrainingDataError(
            f"{path.name} is {seen} and its micrograph is {wanted}: a {word} needs the size of its "
            "micrograph."
        )


def _read_numbers(path: Path, word: str, *, may_be_empty: bool = False) -> npt.NDArray[np.integer]:
    """Return a picture of whole numbers, (z, y, x)."""
    try:
        if path.suffix == ".png":
            numbers = read_label_picture(path)
        else:
            import tifffile

            numbers = np.asarray(tifffile.imread(path))
    except Exception as error:  # decoders raise anything on damaged files
        raise TrainingDataError(f"{path} is damaged or no image: save it again.") from error
    if numbers.ndim == 2:
        numbers = numbers[None]
    whole = np.issubdtype(numbers.dtype, np.integer) or numbers.dtype == bool
    if numbers.ndim != 3 or not whole or not (may_be_empty or numbers.max() > 0):
        raise TrainingDataError(
            f"{path.name} ({numbers.dtype}, {numbers.shape}) is no {word}: it needs whole numbers, "
            "(y, x), and at least one that is not 0."
        )
    return numbers


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
