"""Train the small fracture network on virtual surfaces: seeded, resumable, checkpointed.

python -m napari_etch.training.fracture_virtual --out runs/fracture --minutes 30
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from napari_etch.models.weights_file import SHIPPED, read_model
from napari_etch.networks.fracture_net import FractureNet
from napari_etch.training.class_loss import class_loss
from napari_etch.training.feed import LEAST, Replay, sample_feed, top_up
from napari_etch.training.run import Run, Schedule, add_schedule

CLASSES = {1: "intergranular", 2: "transgranular"}
RENDERED = 8


def surfaces(seed: int, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield virtual surfaces without end: images uint8 and class maps int16, (b, size, size)."""
    from napari_etch.virtual.fracture import render_surfaces

    generator = torch.Generator().manual_seed(seed)
    while True:
        surface = render_surfaces(RENDERED, size, generator=generator)
        image = (255 * surface.image).round().to(torch.uint8).numpy()
        yield image, surface.classes.to(torch.int16).numpy()


def _loss(network: nn.Module, image: Tensor, classes: Tensor) -> tuple[Tensor, dict[str, float]]:
    with torch.autocast(image.device.type, dtype=torch.bfloat16):
        logits = network(image.contiguous(memory_format=torch.channels_last))
    return class_loss(logits.float(), classes)


def train(
    settings: Schedule,
    out: Path,
    device: str = "cpu",
    widths: tuple[int, ...] = (48, 96, 192, 256),
    start: Path | None = SHIPPED / "generalist",
) -> Path:
    """Train, or go on with the checkpoint in `out`, and return the checkpoint's path.

    Parameters
    ----------
    settings : Schedule
    out : Path
        Folder of the checkpoint and the log, see `training.run.Run`.
    device : str
    widths : tuple of int
        Of `networks.fracture_net.FractureNet`.
    start : Path, optional
        Model whose weights a new run starts from as far as they fit.

    Raises
    ------
    napari_etch.models.ModelError
        When `start` is no complete model.
    """
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    network = FractureNet(widths, len(CLASSES))
    if start is not None:
        network.take_over(read_model(start).tensors())
    about = {
        "architecture": "fracture-net",
        "parameters": {"widths": list(widths), "classes": len(CLASSES)},
        "started_from": start.name if start is not None else None,
        "command": "python -m napari_etch.training.fracture_virtual",
    }
    run = Run(network, settings, out, device, about=about)
    seed = settings.seed + run.step
    replay = Replay(settings.replay, settings.size, seed)
    drawn = 0
    with sample_feed(partial(surfaces, size=settings.size), seed, settings.workers) as pipe:
        while run.goes_on():
            used = (run.step - run.first) * settings.batch
            drawn += top_up(replay, pipe, LEAST + used // settings.reuse - drawn)
            image, classes = (item.to(device) for item in replay.draw(settings.batch))
            run.learn(partial(_loss, image=image, classes=classes))
    run.checkpoint()
    return run.path


def main() -> None:
    """Run training from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="cpu")
    add_schedule(parser, Schedule)
    given = vars(parser.parse_args())
    out, device = given.pop("out"), given.pop("device")
    train(Schedule(**given), out, device)


if __name__ == "__main__":
    main()
