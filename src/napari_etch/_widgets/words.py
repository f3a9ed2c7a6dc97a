"""What the Segment dock says about results, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_etch._widgets.layers import METADATA_KEY
from napari_etch._widgets.recut import count_grains
from napari_etch._widgets.sentences import sentence
from napari_etch._widgets.status import duration
from napari_etch.measure.summary import FEW, OF_FEW

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Layer

    from napari_etch._widgets.run import Segmented

DEVICE_WORDS = {"cpu": "the CPU", "cuda": "the GPU", "mps": "the GPU"}


def grains_text(count: int) -> str:
    """Return ``1 grain`` or ``412 grains``."""
    return "1 grain" if count == 1 else f"{count} grains"


def outcome_text(result: Segmented) -> str:
    """Return what a run made, where and in what time, with what the user should know."""
    count = count_grains(result.partitions)
    made = result.provenance
    what = grains_text(count)
    if len(result.partitions) > 1:
        what += f" in {len(result.partitions)} sections"
    if result.grain_number is not None:
        what += f", ASTM grain size number {result.grain_number:.1f}"
        what += f" ({OF_FEW})" if count < FEW else ""
    device = DEVICE_WORDS.get(made["device"], made["device"])
    by = f"{duration(made['seconds'])} on {device}, by {made['model']}"
    said = [f"“{result.source.name}”: {what}, {by}."]
    said += [sentence(notice) for notice in result.notices]
    return " ".join(said)


def made_text(grains: Layer) -> str:
    """Return which model made a grains layer, and where it was cut: names of layers do not tell."""
    made = grains.metadata[METADATA_KEY]
    cut = f", cut at granularity {made['granularity']:.2f}" if "granularity" in made else ""
    return f"“{grains.name}”: by {made['model']}{cut}." if made.get("model") else ""


def hidden_text(hidden: Sequence[Layer]) -> str:
    """Return that earlier results are hidden, to be said behind an outcome; empty without any."""
    if not hidden:
        return ""
    names = " and ".join(f"“{layer.name}”" for layer in hidden)
    are = "is" if len(hidden) == 1 else "are"
    return f" {names}, from an earlier run, {are} hidden in the layer list."


def recut_text(name: str, count: int, granularity: float) -> str:
    """Return what a cut at another granularity made."""
    return f"“{name}”: {grains_text(count)} at granularity {granularity:.2f}."


def edited_text(name: str) -> str:
    """Return why a grains layer is not cut again."""
    return (
        f"“{name}” was corrected by hand, so it was not cut again: "
        "press “Cut into a new layer” to keep both."
    )


def judged_text(name: str) -> str:
    """Return why a grains layer that was reviewed is not cut again."""
    return (
        f"“{name}” was reviewed in the Correct dock, and a new cut would make the verdicts void, "
        "so it was not cut again: press “Cut into a new layer” to keep both."
    )
