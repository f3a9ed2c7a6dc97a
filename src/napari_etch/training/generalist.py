"""Train the generalist on virtual micrographs: seeded, resumable, checkpointed.

python -m napari_etch.training.generalist --out runs/generalist --minutes 90
torchrun --nproc-per-node 2 -m napari_etch.training.generalist --out runs/generalist
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, distributed, nn

from napari_etch.networks.etchnet import EtchNet
from napari_etch.training.feed import LEAST, Replay, top_up, virtual_feed
from napari_etch.training.folder import RealCrops, read_training_folder
from napari_etch.training.losses import generalist_loss, targets_of
from napari_etch.training.run import Run, Schedule, add_schedule


@dataclass(frozen=True)
class Settings(Schedule):
    """What a training run of the generalist is made of."""

    widths: tuple[int, ...] = (48, 96, 192, 256)
    share: float = 0.25  # of samples from real micrographs, where a training folder is given


def _loss(network: nn.Module, image: Tensor, labels: Tensor) -> tuple[Tensor, dict[str, float]]:
    with torch.autocast(image.device.type, dtype=torch.bfloat16):
        logits = network(image.contiguous(memory_format=torch.channels_last))
    return generalist_loss(logits.float(), targets_of(labels))


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
    about = {
        "architecture": "etchnet",
        "parameters": {"widths": list(settings.widths)},
        "command": "python -m napari_etch.training.generalist",
    }
    run = Run(EtchNet(settings.widths), settings, out, device, weights, about)
    # Another stream of samples after a resume, and in each process.
    seed = settings.seed + run.step + 100_000 * run.rank
    replay = Replay(settings.replay, settings.size, seed)
    crops = RealCrops(pairs, settings.size, seed) if pairs else None
    drawn = 0
    with virtual_feed(settings.size, seed, settings.workers) as feed:
        while run.goes_on():
            used = (run.step - run.first) * settings.batch
            fresh = top_up(replay, feed, LEAST + used // settings.reuse - drawn)
            drawn += fresh
            if crops is not None and fresh:
                # So many real ones for each virtual one that they make up their share.
                replay.add(*crops.draw(round(fresh * settings.share / (1 - settings.share))))
            image, labels = (item.to(device) for item in replay.draw(settings.batch))
            run.learn(partial(_loss, image=image, labels=labels))
    run.checkpoint()
    return run.path


def main() -> None:
    """Run training from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--weights", type=Path, help="model folder that a new run starts from")
    parser.add_argument("--data", type=Path, help="training folder of real micrographs")
    add_schedule(parser, Settings)
    given = vars(parser.parse_args())
    out, device = given.pop("out"), given.pop("device")
    weights, data = given.pop("weights"), given.pop("data")
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        distributed.init_process_group("gloo")
    train(Settings(**given), out, device, weights, data)


if __name__ == "__main__":
    main()
