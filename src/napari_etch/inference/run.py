"""One image through one network, tile by tile."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import numpy as np

from napari_etch.inference.device import release_memory
from napari_etch.inference.errors import Cancelled, InferenceError, is_out_of_memory
from napari_etch.inference.events import Notice, Progress, TileDone
from napari_etch.inference.memory import MemoryLadder
from napari_etch.inference.prepare import PreparedNetwork
from napari_etch.inference.tiles import TilePlan, Window, pad_to_stride, plan_tiles

if TYPE_CHECKING:
    import torch
    from torch import nn


def run_pass(
    network: nn.Module | PreparedNetwork,
    image: np.ndarray,
    *,
    stride: int,
    margin: int,
    channels_out: int,
    device: str | torch.device = "cpu",
    tile: int | None = None,
    batch: int | None = None,
    cancel: threading.Event | None = None,
    ladder: MemoryLadder | None = None,
    name: str = "The network",
    what: str = "",
) -> Generator[Progress, None, np.ndarray]:
    """Run a network over an image of any size.

    Parameters
    ----------
    network : torch.nn.Module
        (b, c, h, w) float32 to (b, k, h, w), fully convolutional. It is copied, not changed.
    image : numpy.ndarray
        float32 (c, h, w).
    stride : int
        The network's total downsampling in px.
    margin : int
        Its receptive-field radius in px; with less, tiles would show.
    channels_out : int
        k.
    device : str or torch.device
        Where to start, as from `pick_device`.
    tile : int, optional
        A window holds at most ``tile ** 2`` px; from the memory at hand when None.
    batch : int, optional
        Windows run together; likewise when None.
    cancel : threading.Event, optional
        Looked at before every batch and every layer.
    ladder : MemoryLadder, optional
        Carries device, tile and batch over several passes; in place of these three.
    name : str
        The model's, for messages.
    what : str
        What the pass is for.

    Yields
    ------
    TileDone or Notice
        `TileDone.fraction` and `TileDone.seconds_left` are those of this pass.

    Returns
    -------
    numpy.ndarray
        float32 (k, h, w), the value of the generator. The same to 1e-4 whatever the tiles, and
        the same bits on the CPU for the same tiles, batch and number of threads.

    Raises
    ------
    Cancelled
        Within one batch after `cancel` was set.
    InferenceError
        If the network returns something other than promised, or memory runs out on the CPU.
    """
    ladder = ladder or MemoryLadder(name, device, tile, batch)
    _check_image(image, ladder.name)
    _, height, width = image.shape
    padded = pad_to_stride(image, stride)
    own = None
    if not isinstance(network, PreparedNetwork):
        network = own = PreparedNetwork(network, image.shape[0], stride, cancel)
    result = _allocate((channels_out, height, width), ladder.name)
    work = _Work(network, padded, result, ladder, stride, margin)
    try:
        yield from work.run(cancel, what)
    finally:
        if own is not None:
            own.release()
    return result


class _Work:
    """What is left to do of a pass, while settings may change on the way."""

    def __init__(
        self,
        network: PreparedNetwork,
        padded: np.ndarray,
        result: np.ndarray,
        ladder: MemoryLadder,
        stride: int,
        margin: int,
    ) -> None:
        self._network, self._padded, self._result = network, padded, result
        self._ladder, self._stride, self._margin = ladder, stride, margin
        _, height, width = padded.shape
        # Cores are multiples of the stride, so one flag a stride cell tells what is finished, and
        # work done before a step down is kept.
        self._finished = np.zeros((height // stride, width // stride), dtype=bool)

    def run(self, cancel: threading.Event | None, what: str) -> Generator[Progress, None, None]:
        """Yield after every tile until none is left."""
        clock = Clock()
        plan, batch = self._plan()
        todo = list(plan.windows)
        total = len(todo)
        while todo:
            if cancel is not None and cancel.is_set():
                raise Cancelled("The run was cancelled.")
            trouble = self._try_batch(todo[:batch], plan)
            if trouble is not None:
                yield Notice(self._step_down(trouble, plan, len(todo[:batch])))
                plan, batch = self._plan()
                todo = [window for window in plan.windows if not self._is_finished(window)]
                total = len(plan.windows)
                clock = Clock(self._finished.mean())
                continue
            now, todo = todo[:batch], todo[batch:]
            self._ladder.it_worked()
            for window in now:
                self._finished[self._cells(window)] = True
                fraction = float(self._finished.mean())
                done = total - len(todo) - len(now) + now.index(window) + 1
                yield TileDone(done, total, fraction, what, clock.seconds_left(fraction))

    def _plan(self) -> tuple[TilePlan, int]:
        shape = self._padded.shape
        return self._ladder.plan(self._network.original, shape, self._stride, self._margin)

    def _try_batch(self, windows: Sequence[Window], plan: TilePlan) -> str | None:
        """Run and store a batch; return what went wrong, if it is something to step down for."""
        setting = self._ladder.setting
        try:
            module = self._network.on(setting.device, setting.precision)
            output = self._forward(module, windows, plan.window_shape)
            self._store(output, windows)
        except _NotFinite:
            return "overflow"
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            # Nothing of the exception may outlive this block: its frames hold the tensors.
            return "memory"
        return None

    def _step_down(self, trouble: str, plan: TilePlan, batch: int) -> str:
        """Change the setting; return the sentence that says so."""
        import torch

        release_memory(torch.device(self._ladder.setting.device))
        sentence = self._ladder.leave_low_precision() if trouble == "overflow" else None
        if trouble == "overflow" and sentence is None:
            raise InferenceError(
                f"The network of {self._ladder.name} returned values that are not finite; its "
                "weights are damaged or do not suit this image."
            )
        _, height, width = self._padded.shape

        def replan(tile: int) -> TilePlan:
            return plan_tiles(height, width, stride=self._stride, margin=self._margin, tile=tile)

        return sentence or self._ladder.step_down(plan, batch, replan)

    def _forward(
        self, module: nn.Module, windows: Sequence[Window], shape: tuple[int, int]
    ) -> torch.Tensor:
        """Run the network on a batch of windows; (b, k, h, w) on its device."""
        import torch

        setting = self._ladder.setting
        height, width = shape
        stack = np.empty((len(windows), self._padded.shape[0], height, width), np.float32)
        for place, window in zip(stack, windows, strict=True):
            rows, columns = slice(window.y, window.y + height), slice(window.x, window.x + width)
            place[...] = self._padded[:, rows, columns]
        with torch.inference_mode(), _exact_kernels(setting.device):
            inputs = torch.from_numpy(stack).to(setting.device, getattr(torch, setting.precision))
            output: torch.Tensor = module(inputs.contiguous(memory_format=torch.channels_last))
        channels = self._result.shape[0]
        self._check_output(output, (len(windows), channels, height, width))
        return output

    def _check_output(self, output: object, wanted: tuple[int, ...]) -> None:
        """Raise unless the network returned the one tensor that its model promises."""
        import torch

        if not isinstance(output, torch.Tensor):
            raise InferenceError(
                f"The network of {self._ladder.name} returned a {type(output).__name__}; it must "
                "return one tensor (b, k, h, w)."
            )
        if tuple(output.shape) != wanted:
            raise InferenceError(
                f"The network of {self._ladder.name} returned shape {tuple(output.shape)} where "
                f"its model promises {wanted} (batch, channels, height, width)."
            )

    def _store(self, output: torch.Tensor, windows: Sequence[Window]) -> None:
        """Copy each core to its place in the result, without a copy of it in between."""
        import torch

        for values, window in zip(output, windows, strict=True):
            rows, columns = window.inner
            core = values[:, rows, columns]
            low, high = torch.aminmax(core)
            if not (torch.isfinite(low) and torch.isfinite(high)):
                raise _NotFinite
            place = self._result[:, window.core_y, window.core_x]
            _, height, width = place.shape  # smaller than the core where the image was padded
            torch.from_numpy(place).copy_(core[:, :height, :width])

    def _cells(self, window: Window) -> tuple[slice, slice]:
        """The stride cells of a window's core."""
        step = self._stride
        return (
            slice(window.core_y.start // step, window.core_y.stop // step),
            slice(window.core_x.start // step, window.core_x.stop // step),
        )

    def _is_finished(self, window: Window) -> bool:
        return bool(self._finished[self._cells(window)].all())


class Clock:
    """Estimates the time left from the work done since it was made."""

    def __init__(self, fraction: float = 0.0) -> None:
        self._began, self._from = time.perf_counter(), fraction

    def seconds_left(self, fraction: float) -> float | None:
        """Return the estimate in s at `fraction` of the work; None before any was done."""
        if fraction <= self._from:
            return None
        elapsed = time.perf_counter() - self._began
        return elapsed * (1.0 - fraction) / (fraction - self._from)


class _NotFinite(Exception):
    """The network returned NaN or infinity."""


def _exact_kernels(device: str) -> AbstractContextManager[object]:
    """Full float32 and repeatable kernels on CUDA, whose TF32 would make tiles differ by 1e-3."""
    if not device.startswith("cuda"):
        return nullcontext()
    import torch

    return torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    )


def _check_image(image: np.ndarray, name: str) -> None:
    """Raise a `ValueError` unless the image can be run."""
    if image.ndim != 3 or image.dtype != np.float32 or 0 in image.shape:
        raise ValueError(
            f"{name} prepared an image of shape {image.shape} and type {image.dtype}; a pass "
            "needs float32 (channels, height, width) with no side of 0."
        )
    # The sum is not finite if any value is not, and needs no array of its own.
    if not np.isfinite(image.sum(dtype=np.float64)):
        raise ValueError(f"{name} prepared an image with NaN or infinite values.")


def _allocate(shape: tuple[int, int, int], name: str) -> np.ndarray:
    """Make room for the result."""
    try:
        return np.empty(shape, np.float32)
    except MemoryError:
        gigabytes = np.prod(shape, dtype=float) * 4 / 1e9
        raise InferenceError(
            f"The result of {name} needs {gigabytes:.1f} GB of memory, which this machine does "
            "not have free; run it on a smaller region."
        ) from None
