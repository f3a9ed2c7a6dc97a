"""Train the shipped fracture model on virtual surfaces alone: seeded, minutes on one core.

python -m napari_etch.training.fracture_virtual --out models/fracture

The trunk stays what the generalist learnt; heads learn from places drawn from virtual surfaces, and
their mean is one head as wide as all of them. While they learn, most of what they see is hidden
from them: what holds on virtual surfaces by a few features alone does not hold on real ones.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_etch.grains.class_table import FRACTURE_MODES
from napari_etch.models.weights_file import SHIPPED, read_model, write_model
from napari_etch.networks.etchnet import receptive_radius
from napari_etch.networks.fracture_net import PLACE, FractureNet
from napari_etch.training.class_loss import balance
from napari_etch.training.feed import standardise

# A place counts when this share of it has one class.
PURE = 0.9


@dataclass(frozen=True, eq=False)
class Places:
    """Features of places, float16 (n, features), and their classes, int64 (n,), from 1."""

    features: Tensor
    classes: Tensor


def read_places(
    network: FractureNet,
    image: npt.NDArray[np.float32],
    classes: npt.NDArray[np.integer],
    most: int,
    random: np.random.Generator,
) -> Places:
    """Return the features of places of an image that have one class.

    Parameters
    ----------
    network : FractureNet
    image : float32 (y, x)
        Standardised; sides are cut to multiples of the network's stride.
    classes : integers (y, x), 0 unlabelled
    most : int
        Places at most, drawn at random.
    random : numpy.random.Generator
    """
    height, width = (side // network.stride * network.stride for side in image.shape)
    seen = torch.from_numpy(np.ascontiguousarray(image[:height, :width]))[None, None]
    truth = torch.from_numpy(classes[:height, :width].astype(np.int64))
    count = int(classes.max(initial=0)) + 1
    shares = functional.avg_pool2d(functional.one_hot(truth, count).permute(2, 0, 1).float(), PLACE)
    share, winner = shares.max(0)
    usable = torch.nonzero(((winner > 0) & (share >= PURE)).flatten())[:, 0].numpy()
    picked = random.permutation(usable)[:most]
    with torch.no_grad():
        features = network.features(seen)[0].flatten(1).T[picked]
    return Places(features.half(), winner.flatten()[picked])


def virtual_places(network: FractureNet, images: int, size: int, seed: int, each: int) -> Places:
    """Return places of virtual surfaces; so many of each."""
    from napari_etch.virtual.fracture import render_surfaces

    generator = torch.Generator().manual_seed(seed)
    random = np.random.default_rng(seed)
    found: list[Places] = []
    while len(found) < images:
        surface = render_surfaces(4, size, generator=generator)
        for image, classes in zip(surface.image.numpy(), surface.classes.numpy(), strict=True):
            seen = standardise(255 * image, random)
            found.append(read_places(network, seen, classes, each, random))
    return joined(found)


def joined(parts: list[Places]) -> Places:
    """Return places of several images as one."""
    return Places(
        torch.cat([part.features for part in parts]), torch.cat([part.classes for part in parts])
    )


def fit_head(
    network: FractureNet,
    places: Places,
    *,
    steps: int = 1500,
    batch: int = 2048,
    rate: float = 2e-3,
    decay: float = 0.02,
    dropout: float = 0.3,
    unseen: float = 0.3,
    seed: int = 0,
) -> float:
    """Teach the head of a network, in place; return the loss over the last tenth of the steps.

    Parameters
    ----------
    network : FractureNet
        Its normalisation takes mean and spread from the places.
    places : Places
    steps, batch, rate, decay, dropout, seed
        Of AdamW; the rate falls to 0 along a cosine.
    unseen : float
        Share of the features that is hidden in each step.
    """
    torch.manual_seed(seed)
    mean, spread = places.features.float().mean(0), places.features.float().std(0)
    assert network.norm.running_mean is not None and network.norm.running_var is not None
    network.norm.running_mean.copy_(mean)
    # What hardly ever varies is not blown up.
    network.norm.running_var.copy_((spread + 0.02 * spread.mean()).square())
    weights = balance(torch.bincount(places.classes, minlength=network.classes + 1)[1:])
    network.eval()
    drop, hide = nn.Dropout(dropout), nn.Dropout(unseen)
    optimiser = torch.optim.AdamW(network.head.parameters(), lr=rate, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    losses: list[float] = []
    for _ in range(steps):
        rows = torch.randint(len(places.classes), (batch,))
        seen = network.norm(places.features[rows].float()[..., None, None])
        hidden = drop(network.head[1](network.head[0](hide(seen))))
        logits = network.head[2](hidden)[..., 0, 0]
        loss = functional.cross_entropy(logits, places.classes[rows] - 1, weight=weights)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        losses.append(float(loss.detach()))
    return float(np.mean(losses[-max(1, steps // 10) :]))


def mean_of_heads(networks: Sequence[FractureNet]) -> FractureNet:
    """Return a network whose logits are the mean of those of several, which differ in the head."""
    first = networks[0]
    heads: list[Any] = [network.head for network in networks]
    whole = FractureNet(first.widths, first.classes, sum(each[0].out_channels for each in heads))
    whole.load_state_dict(
        {name: value for name, value in first.state_dict().items() if not name.startswith("head")},
        strict=False,
    )
    head: Any = whole.head
    with torch.no_grad():
        head[0].weight.copy_(torch.cat([each[0].weight for each in heads]))
        head[0].bias.copy_(torch.cat([each[0].bias for each in heads]))
        head[2].weight.copy_(torch.cat([each[2].weight for each in heads], 1) / len(heads))
        head[2].bias.copy_(torch.stack([each[2].bias for each in heads]).mean(0))
    return whole.eval()


def start_network(classes: int = 2, hidden: int = 64) -> FractureNet:
    """Return a network with the generalist's trunk and a new head."""
    network = FractureNet(classes=classes, hidden=hidden)
    network.take_over(
        {
            name: value
            for name, value in read_model(SHIPPED / "generalist").tensors().items()
            if not name.startswith("head")
        }
    )
    return network.eval()


def train(
    out: Path,
    *,
    images: int = 240,
    size: int = 256,
    each: int = 160,
    steps: int = 350,
    batch: int = 1024,
    unseen: float = 0.6,
    heads: int = 3,
    seed: int = 101,
    notes: dict[str, Any] | None = None,
) -> None:
    """Train the heads and write the model's folder.

    Parameters
    ----------
    out : Path
    images, size, each : int
        Virtual surfaces, their side in px, and places taken of each.
    steps, batch, unseen
        See `fit_head`.
    heads : int
        Heads that are averaged; each begins and learns differently.
    seed : int
    notes : dict, optional
        More entries of the card.
    """
    began = time.monotonic()
    places = virtual_places(start_network(), images, size, seed, each)
    networks: list[FractureNet] = []
    losses: list[float] = []
    for number in range(heads):
        torch.manual_seed(number)
        networks.append(start_network())
        losses.append(
            fit_head(networks[-1], places, steps=steps, batch=batch, unseen=unseen, seed=number)
        )
    network = mean_of_heads(networks)
    card: dict[str, Any] = {
        "architecture": "fracture-net",
        "parameters": {
            "widths": list(network.widths),
            "classes": network.classes,
            "hidden": network.head[0].out_channels,
            "margin": receptive_radius(network, network.stride),
        },
        "class_table": FRACTURE_MODES.as_json(),
        "training": {
            "command": "python -m napari_etch.training.fracture_virtual",
            "settings": {
                "images": images,
                "size": size,
                "each": each,
                "steps": steps,
                "batch": batch,
                "unseen": unseen,
                "heads": heads,
                "seed": seed,
            },
            "started_from": "generalist (trunk, at rest)",
            "loss": round(float(np.mean(losses)), 4),
            "minutes": round((time.monotonic() - began) / 60, 1),
        },
    }
    write_model(out, stored_tensors(network), card | (notes or {}))


def stored_tensors(network: nn.Module) -> dict[str, Tensor]:
    """Return what of a network is stored."""
    return {
        name: value
        for name, value in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }


def main() -> None:
    """Run training from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    for name, default in (("images", 240), ("size", 256), ("each", 160), ("steps", 350)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--unseen", type=float, default=0.6)
    parser.add_argument("--heads", type=int, default=3)
    parser.add_argument("--seed", type=int, default=101)
    parser.add_argument("--notes", type=Path, help="a JSON file with more entries of the card")
    given = vars(parser.parse_args())
    notes = given.pop("notes")
    train(**given, notes=json.loads(notes.read_text("utf-8")) if notes else None)


if __name__ == "__main__":
    main()
