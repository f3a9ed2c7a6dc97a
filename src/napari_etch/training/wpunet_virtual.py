"""Train WPU-Net on virtual serial sections, and a plain U-Net on the same samples.

python -m napari_etch.training.wpunet_virtual --out runs/wpunet
python -m napari_etch.training.wpunet_virtual --out runs/plain --plain
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_etch.networks.wpunet import Pooling, WPUNet
from napari_etch.training.previous import Schooling, previous_maps
from napari_etch.training.run import Run, Schedule, add_schedule
from napari_etch.training.sections import LabelledStack, SectionCrops
from napari_etch.training.wpunet_losses import section_loss
from napari_etch.virtual.serial import Flaws, Kind, serial_sections

STYLES = {
    "optical": 0.3,
    "ferrite": 0.3,
    "deep": 0.08,
    "sem": 0.12,
    "channelling": 0.05,
    "band-contrast": 0.1,
    "membrane": 0.05,
}
# The previous map is brought to about the spread of the image.
PREVIOUS_SCALE = 0.25
KINDS: tuple[Kind, ...] = ("laguerre", "grown", "laguerre", "grown", "laguerre", "grown", "potts")
INTERCEPTS = (15.0, 40.0)
# Distance of the sections as a part of the mean intercept.
SPACINGS = (0.05, 0.3)
FLAWS = Flaws(faint=0.35, scratched=0.1, missing=0.05)


@dataclass(frozen=True)
class Settings(Schedule):
    """What a training run on virtual sections is made of."""

    size: int = 128
    steps: int = 1000
    minutes: float = 600.0
    warm_up: int = 60
    widths: tuple[int, ...] = (16, 24, 48, 96, 192)
    pooling: Pooling = "average"
    stacks: int = 80
    sections: int = 10
    side: int = 160
    fade: float = 0.0  # share of sections that are made fainter than they were rendered


def virtual_stacks(settings: Settings, keep: Path | None = None) -> list[LabelledStack]:
    """Return virtual stacks with truth; made once, and kept in the folder `keep`."""
    stored = keep / f"stacks-{settings.seed}-{settings.stacks}.npz" if keep else None
    if stored is not None and stored.exists():
        with np.load(stored) as file:
            return [
                LabelledStack(images, labels, sound)
                for images, labels, sound in zip(
                    file["images"], file["labels"], file["sound"], strict=True
                )
            ]
    stacks = [_virtual_stack(settings, number) for number in range(settings.stacks)]
    if stored is not None:
        stored.parent.mkdir(parents=True, exist_ok=True)
        partial_file = stored.with_suffix(".part.npz")
        np.savez(
            partial_file,
            images=np.stack([item.images for item in stacks]),
            labels=np.stack([item.labels for item in stacks]).astype(np.int16),
            sound=np.stack([item.sound for item in stacks]),
        )
        partial_file.replace(stored)
    return stacks


def _virtual_stack(settings: Settings, number: int) -> LabelledStack:
    random = np.random.default_rng([settings.seed, number])
    intercept = float(np.exp(random.uniform(*np.log(INTERCEPTS))))
    made = serial_sections(
        settings.sections,
        settings.side,
        seed=int(random.integers(2**31)),
        intercept=intercept,
        spacing=float(random.uniform(*SPACINGS)) * intercept,
        kind=KINDS[number % len(KINDS)],
        style=str(random.choice(list(STYLES), p=list(STYLES.values()))),
        flaws=FLAWS,
    )
    sound = np.array([condition != "missing" for condition in made.conditions])
    return LabelledStack(made.images, made.labels, sound, f"virtual {number}")


def train(
    settings: Settings,
    out: Path,
    *,
    plain: bool = False,
    keep: Path | None = None,
    weights: Path | None = None,
) -> Path:
    """Train, or go on with the checkpoint in `out`, and return the checkpoint's path.

    Parameters
    ----------
    settings : Settings
    out : Path
        Folder of the checkpoint and the log.
    plain : bool
        Train a U-Net that sees nothing of the section before.
    keep : Path, optional
        Folder in which the virtual stacks are kept for another run.
    weights : Path, optional
        Model folder that a new run starts from.
    """
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    parameters: dict[str, Any] = {
        "widths": list(settings.widths),
        "channels_out": 8,
        "previous": not plain,
        "pooling": settings.pooling,
        "previous_scale": PREVIOUS_SCALE,
    }
    about = {
        "architecture": "wpunet",
        "parameters": {**parameters, "coding": "probability"},
        "command": "python -m napari_etch.training.wpunet_virtual" + " --plain" * plain,
    }
    network = WPUNet(**{**parameters, "widths": settings.widths})
    network.calm_head()
    run = Run(network, settings, out, "cpu", weights, about)
    stacks = virtual_stacks(settings, keep)
    crops = SectionCrops(stacks, settings.size, settings.seed + run.step, settings.fade)
    generator = torch.Generator().manual_seed(settings.seed + run.step)
    schooling = Schooling() if weights is None else Schooling(until=1, quiet=0)
    while run.goes_on():
        batch = crops.draw(settings.batch)
        previous = None
        if not plain:
            previous = previous_maps(batch, run.average.network, schooling, run.step, generator)
        run.learn(partial(section_loss, batch=batch, previous=previous))
    run.checkpoint()
    return run.path


def main() -> None:
    """Run training from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--keep", type=Path, help="folder in which virtual stacks are kept")
    parser.add_argument("--plain", action="store_true", help="a U-Net of the section alone")
    parser.add_argument("--weights", type=Path, help="model folder that a new run starts from")
    add_schedule(parser, Settings)
    given = vars(parser.parse_args())
    out, keep, plain = given.pop("out"), given.pop("keep"), given.pop("plain")
    weights = given.pop("weights")
    train(Settings(**given), out, plain=plain, keep=keep, weights=weights)


if __name__ == "__main__":
    main()
