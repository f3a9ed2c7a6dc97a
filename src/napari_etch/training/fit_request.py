"""What a label-free fit is asked to do, on its way to another process."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from napari_etch.micrograph import Calibration, Micrograph
from napari_etch.micrograph.scale_bar import KnownBar, ScaleBar

Window = tuple[slice, slice]

REQUEST = "request.json"
#: Of a stack with more sections, so many are learnt from: more tell nothing new and take longer.
MOST_SECTIONS = 16
#: What a fit can start from.
STARTS = ("scratch", "generalist", "both")


@dataclass(frozen=True, eq=False)
class FitRequest:
    """The arguments of `training.labelfree.fit`.

    Attributes
    ----------
    micrographs : sequence of Micrograph
        2D, of the same specimen.
    regions : sequence of (slice, slice) or None
        A rectangle of each, rows and columns in px; None is the whole image.
    start : str
        One of `STARTS`; `training.labelfree.fit` says what each is.
    seed : int
    minutes : float or None
        Time after which the best so far is kept.
    network : str
        ``best`` or ``published``.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    """

    micrographs: Sequence[Micrograph]
    regions: Sequence[Window | None] | None = None
    start: str = "scratch"
    seed: int = 0
    minutes: float | None = None
    network: str = "best"
    device: str = "auto"

    word: ClassVar[str] = "fit"

    @property
    def options(self) -> dict[str, Any]:
        """The keywords of the fit beside the micrographs."""
        return {**self._plain(), "regions": self.regions}

    def _plain(self) -> dict[str, Any]:
        names = ("start", "seed", "minutes", "network", "device")
        return {name: getattr(self, name) for name in names}

    def write(self, folder: Path) -> None:
        """Write the request into a folder: a JSON file and an array for each micrograph."""
        images = []
        regions = self.regions or [None] * len(self.micrographs)
        for index, (micrograph, region) in enumerate(zip(self.micrographs, regions, strict=True)):
            file = f"image-{index}.npy"
            pixels = micrograph.bare() if micrograph.is_surrounded else micrograph.data
            np.save(folder / file, pixels, allow_pickle=False)
            images.append(
                {
                    "file": file,
                    "name": micrograph.name,
                    "pixel_size_um": micrograph.pixel_size_um,
                    "info_bar_row": micrograph.info_bar_row,
                    "scale_bars": [bar and bar.to_json() for bar in micrograph.scale_bars],
                    "region": None if region is None else window_to_json(region),
                }
            )
        text = json.dumps({**self._plain(), "images": images})
        (folder / REQUEST).write_text(text, "utf-8")

    @classmethod
    def read(cls, folder: Path) -> FitRequest:
        """Read what `write` wrote."""
        asked = json.loads((folder / REQUEST).read_text("utf-8"))
        images = asked.pop("images")
        regions = [image["region"] for image in images]
        return cls(
            micrographs=[_read_image(folder, image) for image in images],
            regions=[None if region is None else window_from_json(region) for region in regions],
            **asked,
        )


def learnt_sections(count: int) -> list[int]:
    """Return which of a stack's sections a fit looks at: all, or `MOST_SECTIONS` evenly spread."""
    number = min(count, MOST_SECTIONS)
    return np.linspace(0, count - 1, number).round().astype(int).tolist()


def _read_image(folder: Path, image: dict[str, Any]) -> Micrograph:
    edge = image["pixel_size_um"]
    return Micrograph(
        np.load(folder / image["file"], allow_pickle=False),
        image["name"],
        calibration=None if edge is None else Calibration(edge, "typed"),
        info_bar_row=image["info_bar_row"],
        bars=tuple(KnownBar(bar and ScaleBar.from_json(bar)) for bar in image["scale_bars"]),
    )


def window_to_json(window: Window) -> list[int]:
    """Return rows and columns as four numbers."""
    rows, columns = window
    return [int(rows.start), int(rows.stop), int(columns.start), int(columns.stop)]


def window_from_json(numbers: Sequence[int]) -> Window:
    """Return four numbers as rows and columns."""
    top, bottom, left, right = numbers
    return slice(top, bottom), slice(left, right)
