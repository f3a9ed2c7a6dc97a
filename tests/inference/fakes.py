"""Networks small enough for a test, and models around them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_etch.inference import Pass, Prediction, TileDone

NAME = "Fake 7"


class Log(list[Any]):
    """A list that copies of a network share."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Log:
        return self


def _conv(first: int, second: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(first, second, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(second),
        nn.LeakyReLU(0.1),
    )


class PoolingNet(nn.Module):
    """Pooling down, bilinear up, concatenated skips; stride 4."""

    stride = 4

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.deep = _conv(2, 4), _conv(4, 6), _conv(6, 6, 5)
        self.up, self.head = _conv(12, 4), nn.Conv2d(8, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        one = self.first(x)
        two = self.second(functional.max_pool2d(one, 2))
        deep = self.deep(functional.avg_pool2d(two, 2))
        deep = functional.interpolate(deep, scale_factor=2.0, mode="bilinear")
        up = self.up(torch.cat([two, deep], 1))
        up = functional.interpolate(up, scale_factor=2.0, mode="nearest")
        return self.head(torch.cat([one, up], 1))


class StridedNet(nn.Module):
    """Four strided convolutions and transposed ones back; stride 16."""

    stride = 16

    def __init__(self) -> None:
        super().__init__()
        widths = (2, 4, 4, 6, 6)
        self.down = nn.ModuleList(_conv(a, b, 3, 2) for a, b in pairwise(widths))
        self.up = nn.ModuleList(nn.ConvTranspose2d(6, 6, 2, 2) for _ in range(4))
        self.head = nn.Conv2d(6, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.down:
            x = layer(x)
        for layer in self.up:
            x = functional.elu(layer(x))
        return self.head(x)


class FoldingNet(nn.Module):
    """Space to depth and back, dilated convolutions in between; stride 8, no batch norm."""

    stride = 8

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.PixelUnshuffle(8),
            nn.Conv2d(128, 12, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(12, 192, 3, padding=2, dilation=2),
            nn.PixelShuffle(8),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


NETS = (PoolingNet, StridedNet, FoldingNet)


@cache
def trained(kind: type[nn.Module]) -> nn.Module:
    """A network in eval mode whose batch norms have something to do."""
    torch.manual_seed(7)
    network = kind().eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 2.0)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
    return network


@cache
def radius(kind: type[nn.Module]) -> int:
    """How far an input pixel reaches, measured by moving it in each phase of the stride."""
    network, stride = trained(kind), kind.stride  # type: ignore[attr-defined]
    middle, reach = 256, 0
    still = torch.rand((1, 2, 2 * middle, stride), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        wanted = network.double()(still.double())
        for phase in range(stride):
            moved = still.double()
            moved[0, :, middle + phase] += 10.0
            rows = torch.nonzero((network(moved) != wanted).any(1).any(-1)[0])[:, 0]
            place = middle + phase
            reach = max(reach, place - int(rows.min()), int(rows.max()) - place)
        network.float()
    return reach


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def untiled(network: nn.Module, image: np.ndarray, stride: int) -> np.ndarray:
    """The bare network on the whole image, padded by reflection where that is possible."""
    _, height, width = image.shape
    for axis, size in ((1, height), (2, width)):
        missing = -size % stride
        pad = [(0, 0)] * 3
        pad[axis] = (0, missing)
        image = np.pad(image, pad, mode="reflect" if missing < size else "edge")
    with torch.inference_mode():
        return network(torch.from_numpy(image)[None])[0, :, :height, :width].numpy()


class Scripted(nn.Module):
    """Doubles its input; keeps the shape of each batch, and does what a script says first."""

    def __init__(self, script: Callable[[Tensor], Any] = lambda x: None) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.0))
        self.script, self.shapes = script, Log()

    def forward(self, x: Tensor) -> Tensor:
        self.shapes.append(tuple(x.shape))
        answer = self.script(x)
        return answer if answer is not None else x * self.scale


class FakeModel:
    """A `Predictor` with one pass, or as many as there are shares."""

    def __init__(
        self,
        network: nn.Module,
        *,
        stride: int = 8,
        margin: int = 8,
        channels_out: int = 1,
        shares: tuple[float, ...] = (1.0,),
    ) -> None:
        self.name, self.network, self.shares = NAME, network, shares
        self.stride, self.margin, self.channels_out = stride, margin, channels_out
        self.closed = False

    def passes(
        self, micrograph: Any, **options: Any
    ) -> Generator[Pass, np.ndarray, dict[str, Any]]:
        total = 0.0
        try:
            for number, share in enumerate(self.shares):
                output = yield Pass(micrograph, f"pass {number}", share)
                total = total + output
        finally:
            self.closed = True
        return {"boundary": total[0], "raw": total, "log": {"passes": len(self.shares)}}


def drain(generator: Generator[Any, None, Any]) -> tuple[list[Any], Any]:
    """Everything a generator yields, and what it returns."""
    items = []
    try:
        while True:
            items.append(next(generator))
    except StopIteration as stop:
        return items, stop.value


def prediction(items: Iterator[Any]) -> Prediction:
    last = list(items)[-1]
    assert isinstance(last, Prediction)
    return last


def fractions(items: list[Any]) -> list[float]:
    return [item.fraction for item in items if isinstance(item, TileDone)]
