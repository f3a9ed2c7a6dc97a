"""Train a pair classifier for tracking on virtual stacks: seeded, resumable, checkpointed.

python -m napari_etch.training.pairs --out runs/pairs --minutes 10
python -m napari_etch.training.pairs --out runs/published --recipe vgg13-bn --minutes 600

`vgg13-bn` and `densenet161` are the published networks with what is published of their training:
RMSprop with smoothing 0.9 (give `--rate 1e-4`; here it is warmed up and lowered to the end), class
weights, channels swapped, mirrored and turned at random. On a CPU they take days. `small` is ours.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_etch.networks.pairs import PUBLISHED_SIDE, PairNet, densenet161, vgg13_bn
from napari_etch.training.run import Run, Schedule, add_schedule
from napari_etch.virtual.section_maps import section_maps

# Stacks for learning and for checking are drawn from seeds that nothing else uses.
FIRST_SEED, FIRST_CHECK_SEED = 300_000, 400_000
SMALL_SIDE = 32


@dataclass(frozen=True)
class Recipe:
    """What a classifier is and how it learns.

    Attributes
    ----------
    build : makes the network
    side : of its crops, px
    published : the published optimiser, and classes that weigh as much as each other
    """

    build: Callable[[], nn.Module]
    side: int
    published: bool


RECIPES = {
    "small": Recipe(PairNet, SMALL_SIDE, published=False),
    "vgg13-bn": Recipe(vgg13_bn, PUBLISHED_SIDE, published=True),
    "densenet161": Recipe(densenet161, PUBLISHED_SIDE, published=True),
}


@dataclass(frozen=True, eq=False)
class PairSet:
    """Crops of pairs, eight pixels a byte, and whether each two are one grain.

    Attributes
    ----------
    packed : ndarray of uint8, shape (n, bytes)
    same : ndarray of bool, shape (n,)
    side : int
    """

    packed: npt.NDArray[np.uint8]
    same: npt.NDArray[np.bool_]
    side: int

    def crops(self, chosen: npt.NDArray[np.integer]) -> npt.NDArray[np.uint8]:
        """Return crops, uint8 (n, 2, side, side) of 0 and 1."""
        flat = np.unpackbits(self.packed[chosen], axis=1, count=2 * self.side**2)
        return flat.reshape(-1, 2, self.side, self.side)


def draw_pairs(first_seed: int, stacks: int, side: int) -> PairSet:
    """Cut every two grains that lie over each other out of virtual stacks.

    Parameters
    ----------
    first_seed, stacks : int
        Stacks `first_seed`, `first_seed` + 1 … of `virtual.section_maps`.
    side : int
        Of the crops, px.
    """
    packed, same = [], []
    for seed in range(first_seed, first_seed + stacks):
        for crops, answers in _pairs_of(seed, side):
            packed.append(np.packbits(crops.reshape(len(crops), -1), axis=1))
            same.append(answers)
    return PairSet(np.concatenate(packed), np.concatenate(same), side)


def _pairs_of(seed: int, side: int) -> list[tuple[npt.NDArray, npt.NDArray]]:
    from napari_etch.grains.tracking.pairs import pair_crops, thin_pairs
    from napari_etch.grains.tracking.sections import describe, overlaps

    stack = section_maps(seed)
    grains = [describe(part) for part in stack.maps]
    owners = [owner_of(each.dense, part) for each, part in zip(grains, stack.true, strict=True)]
    found = []
    for at in range(len(grains) - 1):
        one, two = grains[at : at + 2]
        pairs, _ = overlaps(one, two)
        pairs = pairs[~thin_pairs(one, two, pairs)]
        answers = owners[at][pairs[:, 0]] == owners[at + 1][pairs[:, 1]]
        found.append((pair_crops(one, two, pairs, side), answers))
    return found


def owner_of(dense: npt.NDArray[np.int32], true: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Return the true grain that most pixels of each grain 1, 2 … of a section are of, (n,)."""
    most = int(true.max()) + 1
    keys, times = np.unique(dense.astype(np.int64) * most + true, return_counts=True)
    grain, owner = np.divmod(keys, most)
    real = (grain > 0) & (owner > 0)
    grain, owner, times = grain[real], owner[real], times[real]
    order = np.lexsort((-times, grain))
    best = order[np.flatnonzero(np.diff(grain[order], prepend=-1))]
    owners = -np.arange(1, int(dense.max()) + 1)  # of none: unlike every other
    owners[grain[best] - 1] = owner[best]
    return owners


def turned(crops: Tensor, generator: torch.Generator) -> Tensor:
    """Swap channels, mirror and turn crops (b, 2, s, s) at random, one way for the whole batch."""
    swap, mirror, turns = torch.randint(0, 4, (3,), generator=generator).tolist()
    if swap % 2:
        crops = crops.flip(1)
    if mirror % 2:
        crops = crops.flip(2 + mirror // 2)
    return torch.rot90(crops, turns, (2, 3))


def train(recipe_name: str, settings: Schedule, out: Path, stacks: int, device: str) -> Path:
    """Train, or go on with the checkpoint in `out`, and return the model's folder.

    Parameters
    ----------
    recipe_name : str
        A key of `RECIPES`.
    settings : Schedule
    out : Path
        Folder of the checkpoint, the log and the model.
    stacks : int
        Virtual stacks that pairs are cut out of.
    device : str
    """
    recipe = RECIPES[recipe_name]
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    pairs = draw_pairs(FIRST_SEED, stacks, recipe.side)
    about = {
        "architecture": "pairs",
        "recipe": recipe_name,
        "pairs": {"one grain": int(pairs.same.sum()), "two": int((~pairs.same).sum())},
        "stacks": stacks,
        "command": f"python -m napari_etch.training.pairs --recipe {recipe_name}",
    }
    optimiser = partial(torch.optim.RMSprop, alpha=0.9) if recipe.published else None
    run = Run(recipe.build(), settings, out, device, None, about, optimiser)
    weight = torch.tensor([float((~pairs.same).sum() / max(1, pairs.same.sum())), 1.0])
    rng = np.random.default_rng(settings.seed + run.step)
    generator = torch.Generator().manual_seed(settings.seed + run.step)
    while run.goes_on():
        chosen = rng.integers(0, len(pairs.same), settings.batch)
        crops = torch.from_numpy(pairs.crops(chosen)).to(device).float()
        answers = torch.from_numpy((~pairs.same[chosen]).astype(np.int64)).to(device)
        crops = turned(crops, generator)
        classes = weight.to(device) if recipe.published else None
        run.learn(partial(_loss, crops=crops, answers=answers, weight=classes))
    run.checkpoint()
    return _write(run, recipe_name, recipe, out, stacks, device)


def _loss(
    network: nn.Module, crops: Tensor, answers: Tensor, weight: Tensor | None
) -> tuple[Tensor, dict[str, float]]:
    loss = functional.cross_entropy(network(crops), answers, weight)
    return loss, {"entropy": float(loss.detach())}


@torch.no_grad()
def accuracy(network: nn.Module, pairs: PairSet, device: str) -> dict[str, float]:
    """Return the share of pairs that are told right: of all, of one grain, of two."""
    found = []
    for start in range(0, len(pairs.same), 512):
        crops = pairs.crops(np.arange(start, min(start + 512, len(pairs.same))))
        found.append(network(torch.from_numpy(crops).to(device).float()).argmax(1).cpu().numpy())
    same = np.concatenate(found) == 0
    right = same == pairs.same
    return {
        "all": float(right.mean()),
        "one grain": float(right[pairs.same].mean()),
        "two": float(right[~pairs.same].mean()),
    }


def _write(run: Run, name: str, recipe: Recipe, out: Path, stacks: int, device: str) -> Path:
    from napari_etch.models.weights_file import write_model

    check = draw_pairs(FIRST_CHECK_SEED, max(2, stacks // 8), recipe.side)
    network = run.average.network
    told = {key: round(value, 4) for key, value in accuracy(network, check, device).items()}
    card: dict[str, Any] = {
        "architecture": "pairs",
        "parameters": {"recipe": name, "side": recipe.side},
        "training": {**run.about, "steps": run.step, "minutes": round(run.elapsed / 60, 1)},
        "scores": {"pairs of fresh virtual stacks told right": told, "pairs": len(check.same)},
    }
    tensors = {
        key: value
        for key, value in network.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    write_model(out / "model", tensors, card)
    return out / "model"


def main() -> None:
    """Run training from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--recipe", choices=RECIPES, default="small")
    parser.add_argument("--stacks", type=int, default=120)
    parser.add_argument("--device", default="cpu")
    add_schedule(parser, Schedule)
    given = vars(parser.parse_args())
    out, name, stacks, device = (given.pop(key) for key in ("out", "recipe", "stacks", "device"))
    train(name, Schedule(**given), out, stacks, device)


if __name__ == "__main__":
    main()
