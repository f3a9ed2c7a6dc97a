"""Small labelled stacks to train on."""

from __future__ import annotations

import numpy as np
import tifffile

from napari_etch.training.sections import LabelledStack
from napari_etch.virtual.serial import Flaws, serial_sections

SMALL = {"widths": (4, 4, 4), "size": 32, "batch": 2}


def small_stack(count=10, side=64, **options) -> LabelledStack:
    flaws = Flaws(0, 0, 0)
    made = serial_sections(count, side, intercept=20.0, style="ferrite", flaws=flaws, **options)
    return LabelledStack(made.images, made.labels, np.ones(count, bool), "small")


def drawn_lines(stack: LabelledStack) -> np.ndarray:
    """Return its boundaries as 1 in uint8 (z, y, x)."""
    lines = np.zeros(stack.labels.shape, np.uint8)
    lines[:, :, 1:][stack.labels[:, :, 1:] != stack.labels[:, :, :-1]] = 1
    lines[:, 1:][stack.labels[:, 1:] != stack.labels[:, :-1]] = 1
    return lines


def training_folder(path, stack, lines=False):
    for name in ("images", "labels"):
        (path / name).mkdir(parents=True)
    labels = 255 * drawn_lines(stack) if lines else stack.labels
    tifffile.imwrite(path / "images" / "a.tif", stack.images, photometric="minisblack")
    tifffile.imwrite(path / "labels" / "a.tif", labels, photometric="minisblack")
    return path
