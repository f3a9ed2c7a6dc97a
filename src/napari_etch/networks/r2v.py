"""The network of R2V: a pixel-wise classifier made of four convolution modules.

As published: four modules of 3 x 3 convolution, ReLU and batch normalisation, then a 1 x 1
convolution and batch normalisation of the class responses (the order of Kanezaki 2018 and Kim,
Kanezaki and Tanaka 2020, whose last normalisation keeps several classes alive). Its 9 x 9 field
knows a groove when it sees one, but cannot look past a gap; dilation and folding widen it.
"""

from __future__ import annotations

from torch import Tensor, nn


class R2VNet(nn.Module):
    """Per-pixel class responses; class 0 is "grain boundary".

    Parameters
    ----------
    channels : int
        Features a pixel.
    classes : int
        Semantic classes; those after the first are what lies inside grains.
    dilation : tuple of int
        Dilation of each module's convolution; as many modules as numbers.
    fold : int
        Side of the blocks of pixels that are folded into channels first; 1 as published.

    Notes
    -----
    Input float32 (b, 1, h, w), sides multiples of `stride`; output float32 (b, classes, h, w), the
    normalised responses, to be taken as logits.
    """

    def __init__(
        self,
        channels: int = 64,
        classes: int = 3,
        dilation: tuple[int, ...] = (1, 1, 1, 1),
        fold: int = 1,
    ) -> None:
        super().__init__()
        self.stride = fold
        self.channels_out = classes
        # How far, in px, an input pixel changes the output.
        self.reach = fold * (sum(dilation) + 1) - 1
        self.fold = nn.PixelUnshuffle(fold)
        layers: list[nn.Module] = []
        before = fold * fold
        for step in dilation:
            layers += [
                nn.Conv2d(before, channels, 3, padding=step, dilation=step),
                nn.ReLU(inplace=True),
                nn.BatchNorm2d(channels),
            ]
            before = channels
        self.features = nn.Sequential(*layers)
        self.respond = nn.Conv2d(channels, classes * fold * fold, 1)
        self.unfold = nn.PixelShuffle(fold)
        self.normalise = nn.BatchNorm2d(classes)

    def forward(self, image: Tensor) -> Tensor:
        """Return the class responses, (b, classes, h, w)."""
        return self.normalise(self.unfold(self.respond(self.features(self.fold(image)))))


def boundary_logit(responses: Tensor) -> Tensor:
    """Return the logit of the first class of (b, k, h, w) against all others, (b, h, w)."""
    return responses[:, 0] - responses[:, 1:].logsumexp(1)
