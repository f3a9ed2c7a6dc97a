"""Virtual micrographs of every metallic look, described: what a real one is compared to.

Rendering and describing them takes minutes and depends on no image, so it was done once::

    python -m napari_etch.virtual.drawn

writes the shipped table anew; do so when the optics, the tessellation or the description has
changed (a test compares the shipped table with fresh ones).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from napari_etch.virtual.description import PATCH, describe
from napari_etch.virtual.fields import Range
from napari_etch.virtual.sample import Look, render_batch
from napari_etch.virtual.styles import STYLES, Optics, Style, draw_optics
from napari_etch.virtual.tessellation import Structure

SHIPPED = Path(__file__).parent / "drawn.safetensors"
# Mean intercepts of the shipped table, px; how many there are, and how many share a structure.
SEEN = Range(10.0, 90.0, log=True)
COUNT, BATCH = 4096, 8
SEED = 20261120
# Not among them: cells have no twins, and nearly every etched metal looks like some tissue.
NOT_METAL = ("membrane",)


@dataclass(frozen=True, eq=False)
class Drawn:
    """Virtual micrographs, described.

    Attributes
    ----------
    values : dict of float32 (n,)
        Every optical parameter (`styles.Style`).
    names : list of str
        The style that each came from.
    intercept : float32 (n,)
        Mean intercept, px.
    features : float32 (n, f)
        See `description.describe`.
    """

    values: dict[str, Tensor]
    names: list[str]
    intercept: Tensor
    features: Tensor

    def taken(self, rows: Tensor) -> Drawn:
        """Return some of them, by their numbers."""
        return Drawn(
            {name: column[rows] for name, column in self.values.items()},
            [self.names[row] for row in rows.tolist()],
            self.intercept[rows],
            self.features[rows],
        )

    def within(self, intercept: Range) -> Drawn:
        """Return those whose mean intercept lies in a range."""
        inside = (self.intercept >= intercept.low) & (self.intercept <= intercept.high)
        return self.taken(torch.nonzero(inside)[:, 0])


def draw(
    count: int,
    generator: torch.Generator,
    *,
    intercept: Range = SEEN,
    look: Look | None = None,
) -> Drawn:
    """Render virtual micrographs and describe them.

    Parameters
    ----------
    count : int
        How many; a multiple of `BATCH`.
    generator : torch.Generator
        On the CPU.
    intercept : Range
        Mean intercepts, px.
    look : Look, optional
        Draws the optics; without it, those of all metallic styles.
    """
    structure = Structure(intercept=intercept)
    batches = [
        render_batch(
            BATCH, PATCH, generator=generator, structure=structure, look=look or _any_metal
        )
        for _ in range(-(-count // BATCH))
    ]
    values = {
        item.name: torch.cat([batch.optics.values[item.name] for batch in batches])
        for item in fields(Style)
    }
    return Drawn(
        values,
        [name for batch in batches for name in batch.styles],
        torch.cat([batch.intercept for batch in batches]),
        torch.cat([describe(batch.image) for batch in batches]),
    )


def _any_metal(generator: torch.Generator, intercept: Tensor) -> tuple[Optics, list[str]]:
    return draw_optics(generator, intercept, without=NOT_METAL)


def save(drawn: Drawn, path: Path) -> None:
    """Write a table of virtual micrographs (float16)."""
    from safetensors.torch import save_file

    names = sorted(STYLES)
    columns = [item.name for item in fields(Style)]
    save_file(
        {
            "features": drawn.features.half(),
            "intercept": drawn.intercept.half(),
            "values": torch.stack([drawn.values[name] for name in columns], 1).half(),
            "style": torch.tensor([names.index(name) for name in drawn.names], dtype=torch.uint8),
        },
        path,
        {"columns": " ".join(columns), "styles": " ".join(names)},
    )


@cache
def shipped() -> Drawn:
    """Return the table that comes with the package."""
    from safetensors import safe_open

    with safe_open(SHIPPED, "pt") as file:
        columns, names = (file.metadata()[key].split() for key in ("columns", "styles"))
        table = {key: file.get_tensor(key) for key in ("features", "intercept", "values", "style")}
    values = dict(zip(columns, table["values"].float().unbind(1), strict=True))
    return Drawn(
        values,
        [names[index] for index in table["style"].tolist()],
        table["intercept"].float(),
        table["features"].float(),
    )


if __name__ == "__main__":
    save(draw(COUNT, torch.Generator().manual_seed(SEED)), SHIPPED)
