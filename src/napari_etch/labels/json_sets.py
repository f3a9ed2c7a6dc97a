"""Sets whose labels are JSON: COCO, VIA and LabelMe."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from napari_etch.labels.annotated import Annotated
from napari_etch.labels.coco import coco_value
from napari_etch.labels.labelme import labelme_value
from napari_etch.labels.names import COCO_FILE, IMAGES_FOLDER, VIA_FILE
from napari_etch.labels.via import via_value
from napari_etch.labels.writing import SetWriter


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    # a path may be no text, such as one in Latin-1 on Linux: JSON holds it and gives it back
    path.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")


@dataclass
class CocoWriter(SetWriter):
    """COCO: `images/` and `annotations.json`."""

    for_viewing: ClassVar[bool] = True
    _images: list[tuple[str, Annotated]] = field(default_factory=list)

    def write(self, each: Annotated) -> None:
        """Write the image, keep the labels."""
        name = self.image(each, self.subfolder(IMAGES_FOLDER))
        self._images.append((name, replace(each, image=None)))

    def finish(self) -> None:
        """Write the annotations."""
        options = self.options
        value = coco_value(
            self._images,
            options.table,
            polygons=options.polygons,
            grains_only=options.grains_only,
        )
        write_json(self.folder / COCO_FILE, value)


@dataclass
class ViaWriter(SetWriter):
    """VIA 2: `images/` and `via_project.json`."""

    for_viewing: ClassVar[bool] = True
    _images: list[tuple[str, int, Annotated]] = field(default_factory=list)

    def write(self, each: Annotated) -> None:
        """Write the image, keep the labels."""
        folder = self.subfolder(IMAGES_FOLDER)
        name = self.image(each, folder)
        size = (folder / name).stat().st_size if (folder / name).exists() else -1
        self._images.append((name, size, replace(each, image=None)))

    def finish(self) -> None:
        """Write the project."""
        write_json(self.folder / VIA_FILE, via_value(self._images, self.options.table))


class LabelMeWriter(SetWriter):
    """LabelMe: a JSON file beside each image."""

    for_viewing: ClassVar[bool] = True

    def write(self, each: Annotated) -> None:
        """Write an image and its shapes."""
        name = self.image(each, self.folder)
        value = labelme_value(name, each, self.options.table)
        write_json(self.folder / f"{each.name}.json", value)
