"""What the commands tell of an image that was read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_etch.cli.console import note

if TYPE_CHECKING:
    from napari_etch.micrograph import Micrograph


def tell_reading(micrograph: Micrograph, name: str) -> None:
    """Tell what is left out of an image, and where its file contradicts what was typed."""
    if micrograph.info_bar_row is not None:
        note(f"{name}: the information bar from row {micrograph.info_bar_row} down is left out")
    calibration = micrograph.calibration
    if calibration is not None and calibration.conflict:
        note(f"{name}: {calibration.conflict}")
