"""How large a tile fits, and the ladder that is climbed down when it did not.

The steps, each announced once: half the batch, half the tile, lower precision, the CPU. What worked
is remembered for the process, by device and model, so that the next run does not fail its way down
again.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari_etch.inference.device import free_memory
from napari_etch.inference.errors import InferenceError
from napari_etch.inference.tiles import TilePlan, plan_tiles, round_up

if TYPE_CHECKING:
    import torch
    from torch import nn

# Processor time of EtchNet (64 kMAC/px, margin 112 px) a px seen: 1.3 µs at windows of 512², 1.4 at
# 1024², 1.6 at 1536²; but a 4096² image has 2.6, 1.5 and 1.24 times its pixels seen, for context.
_CPU_TILE = 1536
_GPU_TILE = 4096
_GPU_BATCH = 8
# CUDA and MPS kernels index with 32 bits: no float32 tensor of a batch may be larger than this.
_MOST_GPU_BYTES = 4 * (2**31 - 1)
# Half of what is free, because kernels need scratch space that the estimate does not see.
_SHARE_OF_FREE = 0.5
# Peak activations of wide U-Nets; assumed where the network cannot be measured.
_ASSUMED_BYTES_PER_PIXEL = 8192
_PROBE_SIDE = 64


@dataclass(frozen=True)
class Setting:
    """How batches are run; None means chosen from the memory at hand."""

    device: str
    precision: str = "float32"
    tile: int | None = None
    batch: int | None = None


_remembered: dict[tuple[str, str], Setting] = {}
_lock = threading.Lock()


def forget_memory_settings() -> None:
    """Forget what worked after memory ran out, so that the next run starts from the top."""
    with _lock:
        _remembered.clear()


class MemoryLadder:
    """The setting of a run, and the way down from it.

    ``setting`` is what applies now; ``window`` (height, width in px) and ``batch`` are what the
    last plan made of it.

    Parameters
    ----------
    name : str
        The model's name, for messages and for remembering.
    device : str or torch.device
        Where the run starts.
    tile : int, optional
        A window holds at most ``tile ** 2`` px; chosen from the memory at hand when None.
    batch : int, optional
        Windows that are run together; chosen likewise when None.
    """

    def __init__(
        self,
        name: str,
        device: str | torch.device,
        tile: int | None = None,
        batch: int | None = None,
    ) -> None:
        for what, value in (("tile", tile), ("batch", batch)):
            if value is not None and value < 1:
                raise ValueError(f"The {what} must be at least 1, not {value}.")
        self.name = name
        self._key = (str(device), name)
        self._asked = Setting(str(device), tile=tile, batch=batch)
        with _lock:
            known = _remembered.get(self._key, self._asked)
        self.setting = replace(
            known, tile=_smaller(tile, known.tile), batch=_smaller(batch, known.batch)
        )
        self.window: tuple[int, int] | None = None
        self.batch: int | None = None
        self._stepped = False

    def reminder(self) -> str | None:
        """A sentence, when an earlier run's memory trouble changes where or how this one runs."""
        now, asked = self.setting, self._asked
        if (now.device, now.precision) == (asked.device, asked.precision):
            return None
        return (
            f"{self.name} ran out of memory on {asked.device} earlier; running on {now.device} "
            f"in {now.precision}."
        )

    def plan(
        self, network: nn.Module, image_shape: tuple[int, int, int], stride: int, margin: int
    ) -> tuple[TilePlan, int]:
        """Choose the tiles for a padded image (c, h, w).

        Returns
        -------
        plan : TilePlan
        batch : int
            How many windows to run together.
        """
        channels, height, width = image_shape
        tile, batch = self.setting.tile, self.setting.batch
        room = _Room(network, channels, stride, self.setting.device)
        if tile is None:
            tile = room.tile(height * width)
        plan = plan_tiles(height, width, stride=stride, margin=margin, tile=tile)
        if batch is None:
            batch = room.batch(plan) if len(plan.windows) > 1 else 1
        self.window, self.batch = plan.window_shape, min(batch, len(plan.windows))
        return plan, self.batch

    def step_down(self, plan: TilePlan, batch: int, replan: Callable[[int], TilePlan]) -> str:
        """Take the next step after memory ran out.

        Parameters
        ----------
        plan : TilePlan
            The plan that did not fit.
        batch : int
            The number of windows that were run together.
        replan : callable
            Gives the plan for another `tile`.

        Returns
        -------
        str
            One sentence for the user.

        Raises
        ------
        InferenceError
            If no step is left.
        """
        self._stepped = True
        here = f"Out of memory on {self.setting.device}: "
        if batch > 1:
            self.setting = replace(self.setting, batch=batch // 2)
            return f"{here}continuing with batches of {_count(batch // 2, 'tile')}."
        half = max(1, math.isqrt(plan.window_area) // 2)
        smaller = replan(half)
        if smaller.window_area < plan.window_area:
            self.setting = replace(self.setting, tile=half, batch=1)
            return f"{here}continuing with tiles of {_size(smaller)}."
        if self.setting.precision == "float32":
            precision = _lower_precision(self.setting.device)
            self.setting = replace(self.setting, precision=precision)
            return f"{here}continuing in {precision}, which is a little less exact."
        if self.setting.device != "cpu":
            return f"{here}{self._to_cpu()}"
        raise InferenceError(
            f"{self.name} ran out of memory on the CPU even with tiles of {_size(plan)} in "
            f"{self.setting.precision}; close other programs or run it on a smaller region."
        )

    def leave_low_precision(self) -> str | None:
        """Move to the CPU because a low precision overflowed; None where that is no way out."""
        if self.setting.precision == "float32" or self.setting.device == "cpu":
            return None
        self._stepped = True
        return f"{self.setting.precision} overflowed on {self.setting.device}: {self._to_cpu()}"

    def it_worked(self) -> None:
        """Remember the setting, if it took steps to find it."""
        if self._stepped:
            with _lock:
                _remembered[self._key] = self.setting

    def _to_cpu(self) -> str:
        self.setting = Setting("cpu", tile=self._asked.tile, batch=self._asked.batch)
        return "continuing on the CPU, which is slower."


class _Room:
    """How much of an image fits in a device's free memory."""

    def __init__(self, network: nn.Module, channels: int, stride: int, device: str) -> None:
        import torch

        self._network, self._channels, self._stride = network, channels, stride
        self._on_cpu = device == "cpu"
        self._budget = int(free_memory(torch.device(device)) * _SHARE_OF_FREE)
        if not self._on_cpu:
            self._budget = min(self._budget, _MOST_GPU_BYTES)

    def tile(self, image_area: int) -> int:
        """The tile for an image of `image_area` px; a multiple of the stride."""
        area = (_CPU_TILE if self._on_cpu else _GPU_TILE) ** 2
        if min(image_area, area) * _ASSUMED_BYTES_PER_PIXEL > self._budget:
            area = min(area, self._pixels())
        return max(self._stride, math.isqrt(area) // self._stride * self._stride)

    def batch(self, plan: TilePlan) -> int:
        """Windows to run together: one on the CPU, where more only cost cache."""
        if self._on_cpu:
            return 1
        return max(1, min(_GPU_BATCH, self._pixels() // plan.window_area))

    def _pixels(self) -> int:
        """Pixels that fit at once."""
        per_pixel = activation_bytes_per_pixel(self._network, self._channels, self._stride)
        return self._budget // per_pixel


def activation_bytes_per_pixel(network: nn.Module, channels: int, stride: int) -> int:
    """Measure a network's peak of live activations on a small input.

    Parameters
    ----------
    network : torch.nn.Module
        (b, c, h, w) to (b, k, h, w); a copy of it is run on the CPU.
    channels, stride : int
        The network's input channels, and its downsampling in px.

    Returns
    -------
    int
        Bytes per input px in float32; a cautious guess for a network that cannot be run so.
    """
    import copy

    import torch

    side = round_up(max(_PROBE_SIDE, 2 * stride), stride)
    try:
        probe = copy.deepcopy(network).to("cpu", torch.float32).eval()
        meter = _live_meter()
        with torch.no_grad(), meter:
            probe(torch.zeros(1, channels, side, side))
    except Exception:  # whatever a foreign network does there, a guess is good enough
        return _ASSUMED_BYTES_PER_PIXEL
    peak: int = meter.peak
    return max(1, -(-peak // side**2))


def _live_meter() -> Any:
    """A function mode that follows the bytes of live tensors; ``peak`` holds their maximum.

    A dispatch mode would see more, but entering the first one imports torch's compiler: 4 s.
    """
    import weakref

    import torch
    from torch.overrides import TorchFunctionMode

    class LiveMeter(TorchFunctionMode):
        def __init__(self) -> None:
            super().__init__()
            self.peak = self._live = 0
            self._seen: set[int] = set()

        def _drop(self, key: int, size: int) -> None:
            self._seen.discard(key)
            self._live -= size

        def __torch_function__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            result = func(*args, **(kwargs or {}))
            for leaf in result if isinstance(result, (tuple, list)) else (result,):
                if not isinstance(leaf, torch.Tensor) or id(leaf) in self._seen:
                    continue  # in-place operations return a tensor that was counted
                size = leaf.numel() * leaf.element_size()
                self._seen.add(id(leaf))
                self._live += size
                weakref.finalize(leaf, self._drop, id(leaf), size)
            self.peak = max(self.peak, self._live)
            return result

    return LiveMeter()


def _lower_precision(device: str) -> str:
    """The half precision that a device computes in."""
    import torch

    if device.startswith("cuda") and not torch.cuda.is_bf16_supported():
        return "float16"
    return "float16" if device.startswith("mps") else "bfloat16"


def _smaller(first: int | None, second: int | None) -> int | None:
    """The smaller of two limits, None being no limit."""
    given = [value for value in (first, second) if value is not None]
    return min(given) if given else None


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _size(plan: TilePlan) -> str:
    height, width = plan.window_shape
    return f"{height} x {width} px"
