"""The published losses of WPU-Net: adaptive boundary weighting and class balance.

Re-implemented from the equations. The target is the section's lines, made 5 px wide; how wide they
count is decided pixel by pixel: a pixel of the wide line is boundary only where its weight as
boundary exceeds that as interior (`grains.weight_maps`), so thin lines are learnt in small grains.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_etch.grains.weight_maps import weight_maps

#: Width of the target's lines, px, and weights of interior and boundary in the class balance.
TARGET_WIDTH, CLASS_WEIGHTS = 5, (1.0, 20.0)
_LEAST = 1e-20


@dataclass(frozen=True, eq=False)
class LineTarget:
    """What a section's truth is to the published losses, (y, x) each.

    Attributes
    ----------
    wide : bool
        M, lines 5 px wide.
    boundary, interior : float32
        O and B of the whole section.
    """

    wide: npt.NDArray[np.bool_]
    boundary: npt.NDArray[np.float32]
    interior: npt.NDArray[np.float32]


def label_lines(labels: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
    """Return one-pixel lines, (y, x): where a label is 0 or differs from a 4-neighbour, thinned."""
    from skimage.morphology import skeletonize

    mask = labels == 0
    across, down = labels[:, 1:] != labels[:, :-1], labels[1:] != labels[:-1]
    mask[:, 1:] |= across
    mask[:, :-1] |= across
    mask[1:] |= down
    mask[:-1] |= down
    return np.asarray(skeletonize(mask), bool)


def line_target(labels: npt.NDArray[np.integer]) -> LineTarget:
    """Return the target of a whole section, labels (y, x); crop it afterwards, not before."""
    from scipy.ndimage import binary_dilation

    lines = label_lines(labels)
    wide = binary_dilation(lines, np.ones((3, 3), bool), iterations=(TARGET_WIDTH - 1) // 2)
    weights = weight_maps(lines)
    return LineTarget(np.asarray(wide, bool), weights.boundary, weights.interior)


def abw_loss(logits: Tensor, wide: Tensor, boundary: Tensor, interior: Tensor) -> Tensor:
    """Return the adaptive boundary weighted loss (the published method 4).

    Parameters
    ----------
    logits : float32 (b, 2, h, w)
        Of interior and boundary.
    wide : (b, h, w)
        M, nonzero on the lines made wide.
    boundary, interior : float32 (b, h, w)
        O and B.
    """
    on_line = torch.where(boundary >= interior, boundary * (wide != 0), 0.0)
    inside = torch.where(on_line <= interior, interior, 0.0)
    probability = torch.softmax(logits, 1).clamp(_LEAST, 1 - _LEAST)
    log = probability.clamp(min=torch.finfo(probability.dtype).tiny).log()
    return -(inside * log[:, 0] + on_line * log[:, 1]).sum() / (inside + on_line).sum()


def cbw_loss(logits: Tensor, wide: Tensor) -> Tensor:
    """Return cross-entropy on the wide lines, where interior counts 1 and boundary 20.

    `logits` are float32 (b, 2, h, w), boundary second; `wide` (b, h, w), not 0 on lines.
    """
    weights = torch.tensor(CLASS_WEIGHTS, device=logits.device)
    return torch.nn.functional.cross_entropy(logits, (wide != 0).long(), weights)
