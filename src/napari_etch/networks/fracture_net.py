"""FractureNet: the small network that maps fracture modes and needs no download.

The trunk is the generalist's encoder-decoder (`networks.etchnet`), whose features know edges,
ridges and textures. A mode is a matter of neighbourhood, not of a pixel: a facet is smooth or
marked as a whole. So the head sees every level of the trunk at an eighth of the image's size, as it
is and averaged over two neighbourhoods, and decides for each of these places by a small perceptron.
With the trunk at rest the head learns in a minute on a CPU.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_etch.networks.etchnet import EtchNet

#: Each place of the head is so many px wide.
PLACE = 8
#: Sides of the neighbourhoods, in places, over which the features are averaged.
NEIGHBOURHOODS = (5, 13)


class FractureNet(nn.Module):
    """From an image to a logit for each class.

    Parameters
    ----------
    widths : tuple of int
        Channels of the trunk at half, quarter, ... resolution.
    classes : int
        Number of classes, at least 2; unlabelled is none of them.
    hidden : int
        Width of the perceptron.

    Notes
    -----
    Input float32 (b, 1, h, w), sides multiples of `stride`; output (b, classes, h, w).
    """

    def __init__(
        self,
        widths: tuple[int, ...] = (48, 96, 192, 256),
        classes: int = 2,
        hidden: int = 64,
    ) -> None:
        if classes < 2:
            raise ValueError(
                f"A network that tells classes apart needs two or more, not {classes}."
            )
        super().__init__()
        trunk = EtchNet(tuple(widths))
        self.widths, self.classes, self.channels_out = tuple(widths), classes, classes
        self.stride = trunk.stride
        self.fold, self.down, self.lift, self.up = trunk.fold, trunk.down, trunk.lift, trunk.up
        self.features_out = (1 + len(NEIGHBOURHOODS)) * (sum(widths) + sum(widths[:-1]))
        self.norm = nn.BatchNorm2d(self.features_out, affine=False)
        self.head = nn.Sequential(
            nn.Conv2d(self.features_out, hidden, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, classes, 1),
        )

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits, (b, classes, h, w)."""
        logits = self.head(self.norm(self.features(image)))
        return functional.interpolate(
            logits, scale_factor=PLACE, mode="bilinear", align_corners=False
        )

    def features(self, image: Tensor) -> Tensor:
        """Return what the head sees, (b, features_out, h / 8, w / 8)."""
        deep = self.down[0](self.fold(image))
        levels = [deep]
        for block in list(self.down)[1:]:
            deep = block(functional.max_pool2d(deep, 2))
            levels.append(deep)
        skips = levels[:-1]
        for lift, block, skip in zip(
            reversed(self.lift), reversed(self.up), reversed(skips), strict=True
        ):
            deep = block(functional.interpolate(lift(deep), scale_factor=2, mode="nearest") + skip)
            levels.append(deep)
        height, width = image.shape[-2] // PLACE, image.shape[-1] // PLACE
        here = torch.cat([_at_places(level, height, width) for level in levels], 1)
        around = [
            functional.avg_pool2d(here, side, 1, side // 2, count_include_pad=False)
            for side in NEIGHBOURHOODS
        ]
        return torch.cat([here, *around], 1)

    def take_over(self, tensors: dict[str, Tensor]) -> list[str]:
        """Start from another network's weights, as far as they fit; return the names taken.

        Parameters
        ----------
        tensors : dict of Tensor
            Such as the generalist's, or those of a fracture model with other classes.
        """
        own = self.state_dict()
        taken = {
            name: value
            for name, value in tensors.items()
            if name in own and own[name].shape == value.shape
        }
        self.load_state_dict(taken, strict=False)
        return sorted(taken)


def _at_places(level: Tensor, height: int, width: int) -> Tensor:
    """Return a level of the trunk at the head's places."""
    if level.shape[-2] >= height:
        return functional.avg_pool2d(level, level.shape[-2] // height)
    return functional.interpolate(level, (height, width), mode="bilinear", align_corners=False)
