"""Networks that look at two grains on top of each other and say whether they are one.

Input (n, 2, side, side): each grain as a picture of 0 and 1, cut to the box around both. Output
(n, 2): logits of "one grain" and "two grains".

`vgg13_bn` and `densenet161` are those of the published tracking (Ma et al., grain tracking through
serial sections of pure iron), which take 224 px and are trained from scratch; `PairNet` is a small
one for 32 px that a CPU can train in minutes.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

CLASSES = 2
CHANNELS = 2
#: Side of the crops that the published networks take, px.
PUBLISHED_SIDE = 224


class PairNet(nn.Module):
    """Four convolutions, each halving the picture, and a linear layer on their mean.

    Parameters
    ----------
    widths : tuple of int
        Channels of each convolution.
    """

    def __init__(self, widths: tuple[int, ...] = (24, 48, 96, 96)) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = CHANNELS
        for width in widths:
            layers += [
                nn.Conv2d(before, width, 3, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
                nn.MaxPool2d(2),
            ]
            before = width
        self.features = nn.Sequential(*layers)
        self.decide = nn.Linear(before, CLASSES)

    def forward(self, crops: Tensor) -> Tensor:
        """Return the logits, (n, 2)."""
        return self.decide(self.features(crops).mean(dim=(2, 3)))


def vgg13_bn() -> nn.Module:
    """Return VGG-13 with batch normalisation for two channels and two classes: 128 964 354."""
    from torchvision.models import vgg13_bn as build

    network = build(weights=None, num_classes=CLASSES)
    network.features[0] = nn.Conv2d(CHANNELS, 64, 3, padding=1)
    return network


def densenet161() -> nn.Module:
    """Return DenseNet-161 for two channels and two classes: 26 471 714 parameters."""
    from torchvision.models import densenet161 as build

    network = build(weights=None, num_classes=CLASSES)
    network.features.conv0 = nn.Conv2d(CHANNELS, 96, 7, stride=2, padding=3, bias=False)
    return network


#: By the name of the recipe that trains it.
NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "small": PairNet,
    "vgg13-bn": vgg13_bn,
    "densenet161": densenet161,
}
