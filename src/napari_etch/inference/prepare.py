"""A run's own copy of a network: fused, laid out and placed for speed, stoppable between layers."""

from __future__ import annotations

import copy
import threading
from itertools import pairwise
from typing import TYPE_CHECKING

from napari_etch.inference.device import release_memory
from napari_etch.inference.errors import Cancelled

if TYPE_CHECKING:
    import torch
    from torch import nn

# Fusing changes the order of two multiplications; measured 1e-7 on U-Nets with trained-like ranges.
_FUSED_TOLERANCE = 1e-5


class PreparedNetwork:
    """Copies of a network, made when asked for; the original is never changed.

    Parameters
    ----------
    network : torch.nn.Module
        (b, c, h, w) to (b, k, h, w).
    channels, stride : int
        Its input channels and downsampling in px, to try a fused copy on a small input.
    cancel : threading.Event, optional
        Looked at before every layer.
    """

    def __init__(
        self,
        network: nn.Module,
        channels: int,
        stride: int,
        cancel: threading.Event | None = None,
    ) -> None:
        self.original = network
        self._channels, self._stride, self._cancel = channels, stride, cancel
        self._placed: nn.Module | None = None
        self._place: tuple[str, str] | None = None

    def on(self, device: str, precision: str) -> nn.Module:
        """Return the copy for a device ("cpu", "cuda", …) and precision ("float32", …)."""
        import torch

        if self._placed is not None and self._place == (device, precision):
            return self._placed
        self.release()
        placed = self._copy()
        placed = placed.to(device, getattr(torch, precision))
        self._placed = placed.to(memory_format=torch.channels_last)
        self._place = (device, precision)
        return self._placed

    def release(self) -> None:
        """Let go of the copy, and give its device's memory back."""
        import torch

        place, self._placed, self._place = self._place, None, None
        if place is not None:
            release_memory(torch.device(place[0]))

    def _copy(self) -> nn.Module:
        try:
            own = fused_copy(self.original, self._channels, self._stride)
        except TypeError:  # a network that holds a lock or a file cannot be copied: use it as it is
            return self.original
        if self._cancel is not None:
            _stop_between_layers(own, self._cancel)
        return own


def fused_copy(network: nn.Module, channels: int, stride: int) -> nn.Module:
    """Copy a network, and fold batch norms into the convolutions before them.

    Parameters
    ----------
    network : torch.nn.Module
        On any device.
    channels, stride : int
        Its input channels, and its downsampling in px.

    Returns
    -------
    torch.nn.Module
        In eval mode; as it was where there is nothing to fold, or where the folded one gives other
        numbers.

    Notes
    -----
    Only neighbours of an `nn.Sequential` are folded. To trace the network would find others, but
    for so long torch.fx takes over every module of the process: a network that ran in another
    thread, as that of another dock, then ended with an error.

    This and channels_last together took EtchNet from 2.3 to 1.6 µs of processor time a px at
    1536², because batch norm in eval mode is one more trip through memory.
    """
    from torch import nn

    own = copy.deepcopy(network).eval()
    if not any(isinstance(module, nn.BatchNorm2d) for module in own.modules()):
        return own
    try:
        fused = _fused(own, channels, stride)
    except Exception:  # a network may refuse the probe in as many ways as it can be written
        fused = None
    return copy.deepcopy(network).eval() if fused is None else fused


def _fused(own: nn.Module, channels: int, stride: int) -> nn.Module | None:
    """Fold the batch norms of `own`, which is used up; None where that changes its output."""
    import torch

    generator = torch.Generator().manual_seed(0)
    probe = torch.rand((1, channels, 2 * stride, 2 * stride), generator=generator)
    probe = probe.to(next(own.parameters()))
    with torch.no_grad():  # weights made in inference mode could not be used outside it
        wanted = own(probe)
        _fold_neighbours(own)
        got = own(probe)
    scale = float(wanted.abs().amax().clamp(min=1.0))
    same = float((wanted - got).abs().amax()) <= _FUSED_TOLERANCE * scale
    return own if same else None


def _fold_neighbours(network: nn.Module) -> None:
    """Fold each batch norm that follows a convolution in a sequence, in place."""
    from torch import nn
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    for sequence in [each for each in network.modules() if isinstance(each, nn.Sequential)]:
        for at, (one, two) in enumerate(pairwise(sequence)):
            if not (type(one) is nn.Conv2d and type(two) is nn.BatchNorm2d):
                continue
            if two.track_running_stats:
                sequence[at], sequence[at + 1] = fuse_conv_bn_eval(one, two), nn.Identity()


def _stop_between_layers(network: nn.Module, cancel: threading.Event) -> None:
    """Raise `Cancelled` from within a forward pass, so that a large tile need not be waited for."""

    def check(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        if cancel.is_set():
            raise Cancelled("The run was cancelled.")

    for module in network.modules():
        module.register_forward_pre_hook(check)
