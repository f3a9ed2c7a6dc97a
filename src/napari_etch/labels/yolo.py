"""YOLO-seg: a line a region, its class and its outline as shares of the image's sides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from napari_etch.labels.annotated import Annotated
from napari_etch.labels.collector import Collector
from napari_etch.labels.folders import files_in
from napari_etch.labels.names import IMAGES_FOLDER, LABELS_FOLDER, YOLO_FILE
from napari_etch.labels.outlined import outlined
from napari_etch.labels.polygons import joined
from napari_etch.labels.regions import GRAIN, IGNORE, ImageRegions, Region
from napari_etch.labels.report import LabelsError
from napari_etch.labels.values import numbers
from napari_etch.labels.writing import SetWriter

#: Corners of pixels are found again that are off by no more than this, px.
_ROUNDING = 1e-3


@dataclass
class YoloWriter(SetWriter):
    """YOLO-seg: `images/`, `labels/` and `data.yaml`."""

    for_viewing: ClassVar[bool] = True
    keeps_ignore_beside: ClassVar[bool] = True

    @property
    def _words(self) -> list[str]:
        classes = () if self.options.grains_only else self.options.table.classes
        return [*(entry.name for entry in classes), GRAIN]

    def write(self, each: Annotated) -> None:
        """Write an image and its regions; the pieces of a grain are joined by cuts."""
        self.image(each, self.subfolder(IMAGES_FOLDER))
        lines = []
        for region in outlined(each, self.options.table):
            if region.word != IGNORE:
                ring = joined(region.rings) / each.shape[::-1]
                flat = " ".join(f"{value:.9g}" for value in ring.ravel())
                lines.append(f"{self._words.index(region.word)} {flat}\n")
        path = self.subfolder(LABELS_FOLDER) / f"{each.name}.txt"
        path.write_text("".join(lines), encoding="utf-8")

    def finish(self) -> None:
        """Write the names of the classes."""
        _write_data(self.folder, self._words, {"train": "", "val": ""})

    @classmethod
    def join(cls, folder: Path, writers: Mapping[str, SetWriter]) -> None:
        """Write the file that names all parts; without a val part YOLO looks at train."""
        first = next(iter(writers.values()))
        assert isinstance(first, YoloWriter)
        parts = {"val": f"{next(iter(writers))}/"} | {part: f"{part}/" for part in writers}
        _write_data(folder, first._words, parts)


def _write_data(folder: Path, words: list[str], parts: Mapping[str, str]) -> None:
    import yaml

    # no path: it would be one from where the training is started, not from this file
    value = {
        **{part: f"{place}{IMAGES_FOLDER}" for part, place in parts.items()},
        "names": dict(enumerate(words)),
    }
    text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
    (folder / YOLO_FILE).write_text(text, encoding="utf-8")


def read_yolo(folder: Path, into: Collector) -> None:
    """Read a YOLO-seg folder; the images give the sizes."""
    names = _names(folder)
    for path in files_in(folder / LABELS_FOLDER):
        if path.suffix == ".txt":
            _read_image(path, names, into)


def _read_image(path: Path, names: Mapping[int, str], into: Collector) -> None:
    try:
        shape = into.known_shape(path.stem)
    except LabelsError as error:
        into.notes.skip(path.stem, "", str(error))
        return
    if shape is None:
        why = f"its image {into.finder.not_found(path.stem)}, so its size is not known"
        into.notes.skip(path.stem, "", why)
        return
    regions = []
    text = path.read_text(encoding="utf-8-sig", errors="replace")  # Windows begins with a mark
    for number, line in enumerate(text.splitlines(), 1):
        values = numbers(line.split())
        if not line.strip():
            continue
        if len(values) < 7 or len(values) % 2 == 0 or not np.isfinite(values[0]):
            what = "it is a box, no outline" if len(values) == 5 else "it is no class and outline"
            into.notes.skip(path.stem, f"line {number}", what)
            continue
        word = names.get(int(values[0]), str(int(values[0])))
        ring = values[1:].reshape(-1, 2) * shape[::-1]
        whole = np.rint(ring)
        ring = np.where(np.abs(ring - whole) < _ROUNDING, whole, ring)
        regions.append(Region(f"line {number} ({word})", word, (ring,)))
    into.regions(ImageRegions(path.stem, regions, shape))


def _names(folder: Path) -> dict[int, str]:
    """Return the names of classes, from the set's own table or that of the split above it."""
    import yaml

    for path in (folder / YOLO_FILE, folder.parent / YOLO_FILE):
        if not path.is_file():
            continue
        try:
            found: Any = yaml.safe_load(path.read_text(encoding="utf-8"))["names"]
            listed = found.items() if isinstance(found, Mapping) else enumerate(found)
            return {int(key): str(name) for key, name in listed}
        except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
            raise LabelsError(f"{path} names no classes ({error}).") from error
    return {}
