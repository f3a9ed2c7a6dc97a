"""Train the network that closes broken boundaries: seeded, resumable, checkpointed.

python -m napari_etch.training.repair --out runs/repair --minutes 60
python -m napari_etch.training.repair --out runs/published --recipe published --minutes 60
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_etch.grains.lines import enclosed_grains
from napari_etch.networks.attention_unet import AttentionUNet
from napari_etch.training.feed import LEAST, Replay, sample_feed, top_up
from napari_etch.training.losses import (
    Targets,
    affinity_loss,
    both_ends,
    dice_loss,
    distance_loss,
)
from napari_etch.training.run import Run, Schedule, add_schedule
from napari_etch.virtual.maps import AFFINITY_OFFSETS, DISTANCE_CAP, affinities, boundary_distance

# Bits of a stored sample: the pixel is a line of the broken, of the complete network.
BROKEN, COMPLETE = 1, 2
# Side of the pairs that crops are cut from, px.
PAIR_SIDE = 512


@dataclass(frozen=True)
class Recipe:
    """What a repair network is and learns from.

    Attributes
    ----------
    parameters : of `networks.attention_unet.AttentionUNet`
    presets : share of each preset of `virtual.broken.PRESETS`
    plain : learn by cross-entropy alone, as published
    """

    parameters: dict[str, Any]
    presets: dict[str, float]
    plain: bool = False


RECIPES = {
    # Ours: folded, with distance and affinities beside the boundary, so that gaps cost.
    "realistic": Recipe(
        {
            "widths": (32, 64, 96, 128, 160),
            "kernel": 3,
            "gate": "published",
            "fold": 2,
            "channels_out": 2 + len(AFFINITY_OFFSETS),
        },
        {"realistic": 0.5, "published": 0.5},
    ),
    # The published one, at an eighth of its widths (the whole would take days on a CPU).
    "published": Recipe(
        {"widths": (8, 16, 32, 64, 128), "kernel": 7, "gate": "published"},
        {"published": 1.0},
        plain=True,
    ),
}


def broken_crops(
    seed: int, size: int, presets: dict[str, float]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield crops of broken networks without end.

    Parameters
    ----------
    seed : int
    size : int
        Side of the crops, px; as many as fit into a pair.
    presets : dict
        Share of each preset of `virtual.broken.PRESETS`.

    Yields
    ------
    images : uint8 (b, size, size), bits BROKEN and COMPLETE
    labels : int16 (b, size, size), grain numbers of the complete network
    """
    from napari_etch.virtual.broken import PRESETS

    rng = np.random.default_rng(seed)
    names, shares = list(presets), np.array(list(presets.values()))
    side = max(size, PAIR_SIDE // size * size)
    while True:
        micro, label = PRESETS[str(rng.choice(names, p=shares / shares.sum()))](side, rng)
        image = BROKEN * (micro == 0) + COMPLETE * (label == 0)
        grains = enclosed_grains(label == 0)
        yield _cut(image.astype(np.uint8), size), _cut(grains.astype(np.int16), size)


def _cut(picture: np.ndarray, size: int) -> np.ndarray:
    """Cut a picture into squares, (n, size, size)."""
    many = len(picture) // size
    rows = picture.reshape(many, size, many, size).swapaxes(1, 2)
    return np.ascontiguousarray(rows.reshape(-1, size, size))


def repair_loss(
    logits: Tensor,
    broken: Tensor,
    complete: Tensor,
    labels: Tensor,
    learnt: Tensor | None = None,
) -> tuple[Tensor, dict[str, float]]:
    """Return the weighted sum of all terms, and each term's value.

    Lines that are there already teach nothing: they count a tenth in the cross-entropy and not at
    all in the Dice term. The cross-entropy, small because most pixels are easy, is what places a
    line to the pixel; it counts five times (with Dice dominating, lines came out too thick).

    Parameters
    ----------
    logits : float32 (b, 8, h, w)
        Boundary, distance, affinities, as `networks.etchnet.EtchNet` gives them.
    broken, complete : float32 (b, h, w)
        1 on lines.
    labels : int64 (b, h, w)
    learnt : float32 (b, h, w), optional
        0 where the complete network is not known.
    """
    known = torch.ones_like(broken) if learnt is None else learnt
    same, valid = affinities(labels)
    truth = Targets(complete, boundary_distance(complete > 0.5) / DISTANCE_CAP, same, valid)
    new = (1 - broken) * known
    entropy = functional.binary_cross_entropy_with_logits(
        logits[:, 0], complete, weight=0.1 * known + 0.9 * new
    )
    dice = dice_loss(torch.sigmoid(logits[:, :1]), complete[:, None], new[:, None])
    terms = {
        "boundary": 5 * entropy + 0.1 * dice,
        "distance": distance_loss(logits[:, 1], truth.distance, learnt),
        "affinity": affinity_loss(
            logits[:, 2:], truth.same, valid if learnt is None else both_ends(valid, learnt)
        ),
    }
    total = terms["boundary"] + 0.5 * terms["distance"] + 0.25 * terms["affinity"]
    return total, {name: float(value.detach()) for name, value in terms.items()}


def _loss(
    network: nn.Module, images: Tensor, labels: Tensor, plain: bool
) -> tuple[Tensor, dict[str, float]]:
    broken, complete = ((images & bit > 0).float() for bit in (BROKEN, COMPLETE))
    with torch.autocast(images.device.type, dtype=torch.bfloat16):
        logits = network(broken[:, None].contiguous(memory_format=torch.channels_last)).float()
    if not plain:
        return repair_loss(logits, broken, complete, labels)
    loss = functional.binary_cross_entropy_with_logits(logits[:, 0], complete)
    return loss, {"boundary": float(loss.detach())}


def train(
    recipe: Recipe,
    settings: Schedule,
    out: Path,
    device: str = "cpu",
    weights: Path | None = None,
) -> Path:
    """Train, or go on with the checkpoint in `out`, and return the checkpoint's path.

    Parameters
    ----------
    recipe : Recipe
    settings : Schedule
    out : Path
        Folder of the checkpoint and the log, see `training.run.Run`.
    device : str
    weights : Path, optional
        Model folder that a new run starts from.

    Raises
    ------
    napari_etch.models.ModelError
        When `weights` is no complete model.
    """
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    about = {
        "architecture": "attention-unet",
        "parameters": recipe.parameters,
        "presets": recipe.presets,
        "command": "python -m napari_etch.training.repair",
    }
    run = Run(AttentionUNet(**recipe.parameters), settings, out, device, weights, about)
    seed = settings.seed + run.step
    replay = Replay(settings.replay, settings.size, seed)
    drawn = 0
    samples = partial(broken_crops, size=settings.size, presets=recipe.presets)
    with sample_feed(samples, seed, settings.workers) as feed:
        while run.goes_on():
            used = (run.step - run.first) * settings.batch
            drawn += top_up(replay, feed, LEAST + used // settings.reuse - drawn)
            pairs = replay.pick(settings.batch)
            images, labels = (
                torch.from_numpy(np.stack(item).astype(np.int64)).to(device)
                for item in zip(*pairs, strict=True)
            )
            run.learn(partial(_loss, images=images, labels=labels, plain=recipe.plain))
    run.checkpoint()
    return run.path


def main() -> None:
    """Run training from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--recipe", choices=RECIPES, default="realistic")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--weights", type=Path, help="model folder that a new run starts from")
    add_schedule(parser, Schedule)
    given = vars(parser.parse_args())
    out, device, weights = (given.pop(name) for name in ("out", "device", "weights"))
    recipe = RECIPES[given.pop("recipe")]
    train(recipe, Schedule(**given), out, device, weights)


if __name__ == "__main__":
    main()
