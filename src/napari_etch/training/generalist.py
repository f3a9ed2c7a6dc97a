"""Train the generalist on virtual micrographs: seeded, resumable, checkpointed.

python -m napari_etch.training.generalist --out runs/generalist --minutes 90
torchrun --nproc-per-node 2 -m napari_etch.training.generalist --out runs/generalist
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed, nn

from napari_etch.models.weights_file import read_model
from napari_etch.networks.etchnet import EtchNet
from napari_etch.training.feed import LEAST, Replay, top_up, virtual_feed
from napari_etch.training.folder import RealCrops, read_training_folder
from napari_etch.training.losses import generalist_loss, targets_of

SAVE_SECONDS = 240


@dataclass(frozen=True)
class Settings:
    """What a training run is made of."""

    widths: tuple[int, ...] = (48, 96, 192, 256)
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
    share: float = 0.25  # of samples from real micrographs, where a training folder is given


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


def learning_rate(settings: Settings, step: int, elapsed: float) -> float:
    """Return the rate: linear warm-up, then a cosine to 1 % over the steps or minutes given."""
    if step < settings.warm_up:
        return settings.rate * (step + 1) / settings.warm_up
    done = min(1.0, max(step / settings.steps, elapsed / (60 * settings.minutes)))
    return settings.rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))


def _optimiser(network: nn.Module, settings: Settings) -> torch.optim.AdamW:
    decayed = [item for item in network.parameters() if item.ndim > 1]
    plain = [item for item in network.parameters() if item.ndim <= 1]
    groups: list[dict[str, Any]] = [{"params": decayed}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=settings.rate, weight_decay=settings.decay)


def _learn(
    network: nn.Module, optimiser: torch.optim.Optimizer, image: Tensor, labels: Tensor, rate: float
) -> dict[str, float]:
    """Take one step and return the losses."""
    for group in optimiser.param_groups:
        group["lr"] = rate
    with torch.autocast(image.device.type, dtype=torch.bfloat16):
        logits = network(image.contiguous(memory_format=torch.channels_last))
    loss, terms = generalist_loss(logits.float(), targets_of(labels))
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    _share_gradients(network)
    nn.utils.clip_grad_norm_(network.parameters(), 5.0)
    optimiser.step()
    return terms


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
    """Write a checkpoint under a temporary name, then rename it."""
    partial = path.with_suffix(".part")
    torch.save(state, partial)
    partial.replace(path)


class Run:
    """A training run's state: what a checkpoint holds, and the log.

    Parameters
    ----------
    settings : Settings
    out : Path
        Folder of `state.pt` (`average`, the weights to ship; `network`, `optimiser`, `step`,
        `elapsed`, `settings`) and `log.jsonl` (mean losses of every 50 steps).
    device : str
    weights : Path, optional
        Model whose weights a new run starts from; a checkpoint in `out` goes before it.
    """

    def __init__(
        self, settings: Settings, out: Path, device: str, weights: Path | None = None
    ) -> None:
        self.settings, self.out, self.device = settings, out, device
        self.path = out / "state.pt"
        self.network = EtchNet(settings.widths).to(device).to(memory_format=torch.channels_last)
        if weights is not None:
            read_model(weights).load_into(self.network)
        self.optimiser = _optimiser(self.network, settings)
        self.average = Average(self.network)
        self.step, self.before = 0, 0.0
        if self.path.exists():
            self._resume()
        self.first = self.step
        self.start = self.saved = time.monotonic()
        self.rank = distributed.get_rank() if distributed.is_initialized() else 0
        self.sums: dict[str, float] = {}

    def _resume(self) -> None:
        state = torch.load(self.path, map_location=self.device, weights_only=False)
        self.network.load_state_dict(state["network"])
        self.average.network.load_state_dict(state["average"])
        self.average.steps = self.step = int(state["step"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.before = float(state["elapsed"])

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
        }
        save_state(self.path, state)

    def learn(self, image: Tensor, labels: Tensor) -> None:
        """Take one step, log and save when it is time."""
        rate = learning_rate(self.settings, self.step, self.elapsed)
        for name, value in _learn(self.network, self.optimiser, image, labels, rate).items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.step += 1
        self.average.update(self.network)
        if self.step % 50 == 0 and self.rank == 0:
            self._log(min(50, self.step - self.first))
        if time.monotonic() - self.saved > SAVE_SECONDS:
            self.checkpoint()

    def _log(self, count: int) -> None:
        line = {name: round(value / count, 4) for name, value in self.sums.items()}
        line |= {"step": self.step, "elapsed": round(self.elapsed)}
        with (self.out / "log.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")
        self.sums = {}


def train(
    settings: Settings,
    out: Path,
    device: str = "cpu",
    weights: Path | None = None,
    data: Path | None = None,
) -> Path:
    """Train, or go on with the checkpoint in `out`, and return the checkpoint's path.

    Parameters
    ----------
    settings : Settings
    out : Path
        Folder of the checkpoint and the log.
    device : str
    weights : Path, optional
        Model folder that a new run starts from, such as the shipped one.
    data : Path, optional
        Training folder of real micrographs (see `training.folder`); virtual ones alone without.

    Raises
    ------
    napari_etch.models.ModelError
        When `weights` is no complete model.
    napari_etch.training.folder.TrainingDataError
        When `data` is no training folder.
    """
    pairs = read_training_folder(data) if data is not None else []
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    run = Run(settings, out, device, weights)
    # Another stream of samples after a resume, and in each process.
    seed = settings.seed + run.step + 100_000 * run.rank
    replay = Replay(settings.replay, settings.size, seed)
    crops = RealCrops(pairs, settings.size, seed) if pairs else None
    drawn = 0
    with virtual_feed(settings.size, seed, settings.workers) as pipe:
        while run.step < settings.steps and _all_agree(run.elapsed < 60 * settings.minutes):
            used = (run.step - run.first) * settings.batch
            fresh = top_up(replay, pipe, LEAST + used // settings.reuse - drawn)
            drawn += fresh
            if crops is not None and fresh:
                # So many real ones for each virtual one that they make up their share.
                replay.add(*crops.draw(round(fresh * settings.share / (1 - settings.share))))
            image, labels = (item.to(device) for item in replay.draw(settings.batch))
            run.learn(image, labels)
    run.checkpoint()
    return run.path


def main() -> None:
    """Run training from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--weights", type=Path, help="model folder that a new run starts from")
    parser.add_argument("--data", type=Path, help="training folder of real micrographs")
    for name in (
        "steps",
        "minutes",
        "rate",
        "batch",
        "threads",
        "workers",
        "seed",
        "replay",
        "share",
    ):
        kind = type(getattr(Settings, name))
        parser.add_argument(f"--{name}", type=kind, default=getattr(Settings, name))
    given = vars(parser.parse_args())
    out, device = given.pop("out"), given.pop("device")
    weights, data = given.pop("weights"), given.pop("data")
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        distributed.init_process_group("gloo")
    train(Settings(**given), out, device, weights, data)


if __name__ == "__main__":
    main()
