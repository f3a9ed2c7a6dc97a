"""A training run: schedule, averaged weights, checkpoints and log; what every network shares."""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed, nn

from napari_etch.models.weights_file import read_model
from napari_etch.training.trainers import TrainError

SAVE_SECONDS = 240
# What a network is trained by: it returns the loss and each term's value.
Loss = Callable[[nn.Module], tuple[Tensor, dict[str, float]]]


@dataclass(frozen=True)
class Schedule:
    """How long and how fast a run learns."""

    size: int = 256
    batch: int = 8
    steps: int = 6000
    minutes: float = 90.0
    rate: float = 2e-3
    warm_up: int = 100
    decay: float = 1e-4
    seed: int = 20261120
    replay: int = 1600
    reuse: int = 3  # how often a rendered sample is learned from, on average
    threads: int = 1
    workers: int = 1


class Average:
    """Exponential moving average of a network's weights; what is shipped."""

    def __init__(self, network: nn.Module) -> None:
        self.network = deepcopy(network).eval()
        self.steps = 0

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Move towards the network's weights; the memory grows from 10 to 1000 steps."""
        self.steps += 1
        keep = min(0.999, 1 - 1 / (1 + 0.1 * self.steps))
        for mine, theirs in zip(
            self.network.state_dict().values(), network.state_dict().values(), strict=True
        ):
            if mine.dtype.is_floating_point:
                mine.lerp_(theirs, 1 - keep)
            else:
                mine.copy_(theirs)


def learning_rate(settings: Schedule, step: int, elapsed: float) -> float:
    """Return the rate: linear warm-up, then a cosine to 1 % over the steps or minutes given."""
    if step < settings.warm_up:
        return settings.rate * (step + 1) / settings.warm_up
    done = min(1.0, max(step / settings.steps, elapsed / (60 * settings.minutes)))
    return settings.rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))


def _optimiser(network: nn.Module, settings: Schedule) -> torch.optim.AdamW:
    decayed = [item for item in network.parameters() if item.ndim > 1]
    plain = [item for item in network.parameters() if item.ndim <= 1]
    groups: list[dict[str, Any]] = [{"params": decayed}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=settings.rate, weight_decay=settings.decay)


def _share_gradients(network: nn.Module) -> None:
    """Average the gradients over the processes of a distributed run."""
    if not distributed.is_initialized():
        return
    gradients = [item.grad for item in network.parameters() if item.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(flat)
    flat /= distributed.get_world_size()
    for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))


def _all_agree(go_on: bool) -> bool:
    """Return whether every process wants another step, so that none waits alone."""
    if not distributed.is_initialized():
        return go_on
    vote = torch.tensor(int(go_on))
    distributed.all_reduce(vote, distributed.ReduceOp.MIN)
    return bool(vote)


def save_state(path: Path, state: dict[str, object]) -> None:
    """Write a checkpoint under a temporary name, then rename it.

    Raises
    ------
    OSError
        When the disk does not take it; an earlier one stays.
    """
    partial = path.with_suffix(".part")
    try:
        torch.save(state, partial)
        partial.replace(path)
    except (RuntimeError, OSError) as error:  # torch tells of a full disk as of a bug of its own
        partial.unlink(missing_ok=True)
        why = getattr(error, "strerror", None) or "the disk may be full"
        raise OSError(f"{path} could not be written ({why})") from error


@contextmanager
def checkpoint_of(
    path: Path, device: torch.device | str, about: dict[str, Any] | None = None
) -> Iterator[dict[str, Any]]:
    """Give the state in a checkpoint; what goes wrong while it is restored is one sentence.

    Parameters
    ----------
    path : Path
    device : torch.device or str
    about : dict, optional
        What the state must say of its training under "about"; anything when not given.

    Raises
    ------
    TrainError
        When it is damaged or of another training.
    """
    try:
        # weights_only: tensors and plain numbers, nothing that could run
        state = torch.load(path, map_location=device, weights_only=True)
        if about is not None and state["about"] != about:
            raise TrainError(
                f"{path} belongs to another training (other model, data or settings): give "
                "another folder, or delete it to begin anew."
            )
        yield state
    except TrainError:
        raise
    except Exception as error:  # torch raises anything on damaged files
        raise TrainError(f"{path} is damaged: delete it to begin anew.") from error


class Run:
    """A training run's state: what a checkpoint holds, and the log.

    Parameters
    ----------
    network : nn.Module
        It is moved to the device.
    settings : Schedule
    out : Path
        Folder of `state.pt` (`average`, the weights to ship; `network`, `optimiser`, `step`,
        `elapsed`, `settings`) and `log.jsonl` (mean losses of every 50 steps).
    device : str
    weights : Path, optional
        Model whose weights a new run starts from; a checkpoint in `out` goes before it.
    about : dict, optional
        "architecture", its "parameters" and the "command", for the card of the exported model.
    is_same : bool
        Refuse a checkpoint that says something else under "about".
    save_seconds : float
        Between two checkpoints that are written by itself.
    optimiser : callable, optional
        Makes another optimiser than AdamW from the network's parameters.
    """

    def __init__(
        self,
        network: nn.Module,
        settings: Schedule,
        out: Path,
        device: str,
        weights: Path | None = None,
        about: dict[str, Any] | None = None,
        optimiser: Callable[..., torch.optim.Optimizer] | None = None,
        *,
        is_same: bool = False,
        save_seconds: float = SAVE_SECONDS,
    ) -> None:
        self.save_seconds = save_seconds
        #: More that a checkpoint keeps: tensors and plain values.
        self.beside: dict[str, Any] = {}
        self.settings, self.out, self.device = settings, out, device
        self.path, self.about = out / "state.pt", about or {}
        self.network = network.to(device).to(memory_format=torch.channels_last)
        if weights is not None:
            read_model(weights).load_into(self.network)
        self.optimiser: torch.optim.Optimizer = (
            _optimiser(self.network, settings)
            if optimiser is None
            else optimiser(self.network.parameters())
        )
        self.average = Average(self.network)
        self.step, self.before = 0, 0.0
        if self.path.exists():
            self._resume(self.about if is_same else None)
        self.first = self.step
        self.start = self.saved = time.monotonic()
        self.rank = distributed.get_rank() if distributed.is_initialized() else 0
        self.sums: dict[str, float] = {}

    def _resume(self, about: dict[str, Any] | None) -> None:
        with checkpoint_of(self.path, self.device, about) as state:
            self.network.load_state_dict(state["network"])
            self.average.network.load_state_dict(state["average"])
            self.average.steps = self.step = int(state["step"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.before = float(state["elapsed"])
            self.beside = dict(state.get("beside") or {})

    def goes_on(self) -> bool:
        """Return whether steps and minutes are left, in every process."""
        left = self.step < self.settings.steps and self.elapsed < 60 * self.settings.minutes
        return _all_agree(left)

    @property
    def elapsed(self) -> float:
        """Seconds of training, those before a resume counted in."""
        return self.before + time.monotonic() - self.start

    def checkpoint(self) -> None:
        """Write the state; the first process of a distributed run does it for all."""
        if self.rank:
            return
        self.saved = time.monotonic()
        state = {
            "network": self.network.state_dict(),
            "average": self.average.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "elapsed": self.elapsed,
            "settings": asdict(self.settings),
            "about": self.about,
            "beside": self.beside,
        }
        save_state(self.path, state)

    def learn(self, loss_of: Loss) -> None:
        """Take one step, log and save when it is time."""
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.settings, self.step, self.elapsed)
        loss, terms = loss_of(self.network)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        _share_gradients(self.network)
        nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimiser.step()
        for name, value in terms.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.step += 1
        self.average.update(self.network)
        if self.step % 50 == 0 and self.rank == 0:
            self._log(min(50, self.step - self.first))
        if time.monotonic() - self.saved > self.save_seconds:
            self.checkpoint()

    def _log(self, count: int) -> None:
        line = {name: round(value / count, 4) for name, value in self.sums.items()}
        line |= {"step": self.step, "elapsed": round(self.elapsed)}
        with (self.out / "log.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")
        self.sums = {}


def add_schedule(parser: argparse.ArgumentParser, kind: type[Schedule]) -> None:
    """Add an option for each plain number of a schedule to a command line."""
    for item in fields(kind):
        if isinstance(item.default, (int, float)):
            parser.add_argument(f"--{item.name}", type=type(item.default), default=item.default)
