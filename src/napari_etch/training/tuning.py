"""A fine-tuning under way: network, averaged weights, optimiser, and what a checkpoint keeps."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from napari_etch.inference.errors import is_out_of_memory
from napari_etch.training.labelfree.adamw import AdamW
from napari_etch.training.run import Average, checkpoint_of, save_state
from napari_etch.training.trainers import TrainError

STATE = "finetune.pt"
LARGEST_GRADIENT = 5.0
WARM_UP = 20

#: From a network and how many samples a step takes to the loss and each term's value.
Loss = Callable[[nn.Module, int], tuple[Tensor, dict[str, float]]]


@dataclass
class Best:
    """The state that is kept: the lowest loss on what is held back.

    Attributes
    ----------
    value : float
    step : int
    tensors : dict of Tensor
    looks : int
        How many looks there were since.
    """

    value: float
    step: int
    tensors: dict[str, Tensor]
    looks: int = 0


class Tuning:
    """Takes steps, keeps averaged weights and the best of them.

    Parameters
    ----------
    network : nn.Module
        Trained weights to go on from; it is moved to the device.
    device : torch.device
    rate : float
        Highest learning rate; it rises over `WARM_UP` steps and falls as a cosine to 2 %.
    steps, batch : int
    """

    def __init__(
        self, network: nn.Module, device: torch.device, rate: float, steps: int, batch: int
    ) -> None:
        self.device, self.highest, self.steps, self.batch = device, rate, steps, batch
        self.network = network.train().to(device).to(memory_format=torch.channels_last)
        for item in self.network.parameters():
            item.requires_grad_(True)
        hold_statistics(self.network)
        self.optimiser = AdamW(self.network.parameters(), rate)
        self.average = Average(self.network)
        self.step = 0
        self.elapsed = 0.0  # of earlier calls
        self.best: Best | None = None

    def rate(self, time_used: float) -> float:
        """Return the learning rate; `time_used` is the part of the time allowed."""
        warm = min(1.0, (self.step + 1) / WARM_UP)
        done = min(1.0, max(self.step / self.steps, time_used))
        return self.highest * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))

    def learn(self, loss_of: Loss, time_used: float) -> tuple[dict[str, float], str]:
        """Take one step; return the terms and what there is to say about memory.

        Raises
        ------
        TrainError
            When memory does not suffice for a single sample.
        """
        said = ""
        while True:
            try:
                return self._learn(loss_of, time_used), said
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            self.optimiser.forget_gradients()
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            if self.batch <= 1:
                raise TrainError(
                    "There is not enough memory for one crop: close other programs, or train on "
                    "the CPU."
                )
            self.batch //= 2
            crops = "1 crop" if self.batch == 1 else f"{self.batch} crops"
            said = f"Memory ran out; going on with {crops} a step."

    def _learn(self, loss_of: Loss, time_used: float) -> dict[str, float]:
        self.optimiser.rate = self.rate(time_used)
        loss, terms = loss_of(self.network, self.batch)
        self.optimiser.forget_gradients()
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), LARGEST_GRADIENT)
        self.optimiser.step()
        self.average.update(self.network)
        self.step += 1
        return terms

    def weights(self) -> dict[str, Tensor]:
        """Return a copy of the averaged weights."""
        return {
            name: value.detach().cpu().clone()
            for name, value in self.average.network.state_dict().items()
            if not name.endswith("num_batches_tracked")
        }

    def look(self, value: float) -> None:
        """Keep the averaged weights if `value`, their loss on what is held back, is the lowest."""
        if self.best is None or value < self.best.value:
            self.best = Best(value, self.step, self.weights())
        else:
            self.best.looks += 1

    # -- checkpoints -----------------------------------------------------------------------------

    def save(self, folder: Path, about: dict[str, Any], elapsed: float) -> None:
        """Write a checkpoint, by a rename; `about` tells later whether it is of this training."""
        folder.mkdir(parents=True, exist_ok=True)
        best = self.best
        state = {
            "about": about,
            "step": self.step,
            "elapsed": elapsed,
            "batch": self.batch,
            "network": self.network.state_dict(),
            "average": self.average.network.state_dict(),
            "averaged": self.average.steps,
            "optimiser": self.optimiser.state(),
            "best": None if best is None else vars(best),
        }
        save_state(folder / STATE, state)

    def resume(self, folder: Path, about: dict[str, Any]) -> bool:
        """Go on from the checkpoint in a folder; return whether there was one.

        Raises
        ------
        TrainError
            When it is damaged or of another training.
        """
        path = folder / STATE
        if not path.exists():
            return False
        with checkpoint_of(path, self.device, about) as state:
            self.network.load_state_dict(state["network"])
            self.average.network.load_state_dict(state["average"])
            self.average.steps, self.step = int(state["averaged"]), int(state["step"])
            self.batch, self.elapsed = int(state["batch"]), float(state["elapsed"])
            self.optimiser.restore(state["optimiser"])
            self.best = None if state["best"] is None else Best(**state["best"])
        return True


def hold_statistics(network: nn.Module) -> None:
    """Keep batch normalisation at what it has learnt of many images; its weights still learn."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()


def answer(network: nn.Module, inputs: Tensor) -> Tensor:
    """Return a network's float32 output, computed in half precision where that is faster."""
    laid_out = inputs.contiguous(memory_format=torch.channels_last)
    with torch.autocast(inputs.device.type, torch.bfloat16, enabled=_is_fast_in_half(inputs)):
        logits: Tensor = network(laid_out)
    return logits.float()


def _is_fast_in_half(inputs: Tensor) -> bool:
    """Whether bfloat16 saves time: on processors without it, it costs."""
    if inputs.device.type != "cpu":
        return inputs.device.type == "cuda"
    ask = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(ask()) if ask is not None else False


def mix(start: dict[str, Tensor], end: dict[str, Tensor], share: float) -> dict[str, Tensor]:
    """Return the weights at a part, 0 to 1, of the way from one set to another.

    Whole numbers, such as counts of batches, are those of `end`; `start` has all the others.
    """
    return {
        name: start[name] + share * (value - start[name]) if value.is_floating_point() else value
        for name, value in end.items()
    }
