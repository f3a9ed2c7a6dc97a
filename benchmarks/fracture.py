"""Fracture modes on real frames with class maps, by the shipped model, trained ones, and outlines.

python benchmarks/fracture.py --data DATA/fracture-sem
python benchmarks/fracture.py --data … --leave-one-out [--outlines]
python benchmarks/fracture.py --data … --outlines [--model none]

The class maps are another network's opinion (silver), so the numbers say how far two methods agree.
`--data` holds NAME.png beside NAME_silver_classes.png (0 unlabelled, 1 intergranular, 2
transgranular).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from scipy.spatial import ConvexHull
from skimage.draw import polygon
from skimage.io import imread

from napari_etch.fractography import map_fracture
from napari_etch.fractography.outlining import prepare_outlining
from napari_etch.micrograph import read_micrograph
from napari_etch.models import load_model
from napari_etch.models.prepare import prepare
from napari_etch.training import fracture_virtual as virtual
from napari_etch.training.class_crops import main_view, sized
from napari_etch.training.class_scores import confusion_of, scores_of

SILVER = "_silver_classes"
# Radii of simulated outlines, px of the frame.
RADII = (25.0, 70.0)


def frames(folder: Path):
    """Yield the name, micrograph and class map of each frame that has one."""
    for path in sorted(folder.glob(f"*{SILVER}.png")):
        name = path.stem.removesuffix(SILVER)
        yield name, read_micrograph(folder / f"{name}.png"), np.asarray(imread(path))


def show(what: str, found: np.ndarray, truth: np.ndarray) -> None:
    """Print accuracy, mean IoU and the confusion in percent of the labelled pixels."""
    confusion = confusion_of(np.maximum(found, 1), truth, 2)
    scores = scores_of(confusion)
    percent = (100 * confusion / confusion.sum()).round(1).tolist()
    print(
        f"{what}: accuracy {scores['accuracy']:.3f}, mIoU {scores['miou']:.3f}, "
        f"confusion % (rows true i, t) {percent}",
        flush=True,
    )


def threshold(micrograph, truth: np.ndarray) -> np.ndarray:
    """Return the rival's map: blurred gradient magnitude at the threshold that is best for it."""
    grey = micrograph.grey()
    rough = ndimage.gaussian_filter(ndimage.gaussian_gradient_magnitude(grey, 1.5), 12)
    cuts = np.percentile(rough, np.arange(5, 96, 3))
    scores = [scores_of(confusion_of(1 + (rough > cut), truth, 2))["miou"] for cut in cuts]
    return 1 + (rough > cuts[int(np.argmax(scores))])


def shipped(folder: Path, model: str, quality: str) -> None:
    """Score a model and the rival on every frame."""
    loaded = load_model(model)
    for name, micrograph, truth in frames(folder):
        started = time.monotonic()
        *_, found = map_fracture(loaded, micrograph, device="cpu", quality=quality)
        seconds = time.monotonic() - started
        show(f"{model} {quality} on {name} ({seconds:.0f} s)", found.classes, truth)
        show(f"gradient, best threshold, on {name}", threshold(micrograph, truth), truth)


def sure_places(network, folder: Path, sure: float, random):
    """Return places of the frames without class maps where a network is sure, as it sees them."""
    parts = []
    for path in sorted(folder.glob("*.png")):
        stem = path.stem
        if stem.endswith(SILVER) or (folder / f"{stem}{SILVER}.png").exists():
            continue
        image = prepare(read_micrograph(path))
        for size in (1.0, 0.71, 0.5):
            blank = np.ones(image.shape, np.int64)
            seen, _ = sized(image, blank, size * main_view(image.shape), network.stride)
            found = virtual.read_places(network, seen, np.ones(seen.shape, np.int64), 4000, random)
            with torch.no_grad():
                logits = network.head(network.norm(found.features.float()[..., None, None]))
            probability, winner = logits[..., 0, 0].softmax(1).max(1)
            kept = probability >= sure
            parts.append(virtual.Places(found.features[kept], winner[kept] + 1))
    return parts


def leave_one_out(folder: Path, images: int, sure: float | None, seed: int):
    """Train the head on one frame beside virtual surfaces; yield the other's name and the model.

    With `sure`, train once more beside what the first says of frames without class maps.
    """
    made = virtual.virtual_places(virtual.start_network(), images, 256, 20261128, 120)
    every = list(frames(folder))
    random = np.random.default_rng(0)
    for held, _, _ in every:
        torch.manual_seed(seed)
        network = virtual.start_network()  # nothing of the other fold may be left in it
        parts = [made]
        for name, micrograph, truth in every:
            if name != held:
                for size in (1.0, 0.71, 0.5):
                    image, classes = sized(
                        prepare(micrograph),
                        truth.astype(np.int64),
                        size * main_view(truth.shape),
                        network.stride,
                    )
                    parts.append(virtual.read_places(network, image, classes, 4000, random))
        virtual.fit_head(network, virtual.joined(parts), steps=300, batch=1024, seed=seed)
        yield held, "trained on the other frame", with_network(network)
        if sure is not None:
            parts += sure_places(network, folder, sure, random)
            network = virtual.start_network()
            virtual.fit_head(network, virtual.joined(parts), steps=300, batch=1024, seed=seed)
            yield held, f"and by itself where {sure} sure", with_network(network)


def with_network(network):
    """Return the shipped model with another network in it."""
    model = load_model("fracture")
    model.network = network.eval()
    return model


def draw(random, allowed: np.ndarray, taken: np.ndarray, wanted: np.ndarray):
    """Return rows and columns of a convex outline inside `allowed`, near a wanted pixel."""
    rows, columns = np.nonzero(wanted & allowed)
    for _ in range(3000 if len(rows) else 0):
        at = int(random.integers(len(rows)))
        reach = random.uniform(*RADII) / 1.5
        corners = np.array([rows[at], columns[at]]) + reach * random.normal(size=(8, 2))
        hull = corners[ConvexHull(corners).vertices]
        inside = polygon(hull[:, 0], hull[:, 1], allowed.shape)
        if len(inside[0]) >= 600 and allowed[inside].mean() > 0.95 and not taken[inside].any():
            return inside
    return None


def wrong_place(random, inner: np.ndarray, found: np.ndarray, taken: np.ndarray, k: int):
    """Return rows and columns of one of the three largest areas of a class that are mapped wrong.

    So outlines who walks through the map by eye and draws around what is wrong.
    """
    wrong = inner & (found != k) & (taken == 0)
    areas, count = ndimage.label(ndimage.binary_opening(wrong, iterations=4))
    largest = 1 + np.argsort(np.bincount(areas.ravel())[1:])[::-1][:3]
    return np.nonzero(areas == random.choice(largest)) if count else None


def outlined(mapper, truth: np.ndarray, way: str, each: int, seed: int) -> np.ndarray:
    """Return so many simulated outlines of each class; the map is looked at after each pair."""
    random = np.random.default_rng(seed)
    # Nobody draws along a border.
    inner = {k: ndimage.binary_erosion(truth == k, iterations=5) for k in (1, 2)}
    drawn = np.zeros(truth.shape, np.uint8)
    found = None if mapper.prior is None else mapper.prior.classes
    for _ in range(each):
        for k in (1, 2):
            place, wrong = None, inner[k]
            if way == "whole" and found is not None:
                place = wrong_place(random, inner[k], found, drawn, k)
            elif way == "corrective" and found is not None:
                wrong = ndimage.binary_opening(inner[k] & (found != k), iterations=4)
            place = place or draw(random, inner[k], drawn > 0, wrong)
            place = place or draw(random, inner[k], drawn > 0, inner[k])
            if place is not None:
                drawn[place] = k
        if way != "random":
            found = mapper.map(drawn).classes
    return drawn


def outlines(name: str, micrograph, truth: np.ndarray, model, seeds: int, each: int, said: str):
    """Map a frame from a few outlines, drawn in three ways, and score the rest of it."""
    *_, mapper = prepare_outlining(micrograph, model=model, device="cpu")
    if mapper.prior is not None:
        show(f"{said} on {name}", mapper.prior.classes, truth)
    for way in ("random", "corrective", "whole"):
        for seed in range(seeds):
            drawn = outlined(mapper, truth, way, each, seed)
            what = f"{said} on {name}, {2 * each} outlines, {way}, seed {seed}"
            rest = np.where(drawn > 0, 0, truth)
            if mapper.prior is not None:
                show(f"{what}: before them", mapper.prior.classes, rest)
            show(f"{what}, {100 * (drawn > 0).mean():.1f} %", mapper.map(drawn).classes, rest)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="fracture")
    parser.add_argument("--quality", default="best")
    parser.add_argument("--leave-one-out", action="store_true")
    parser.add_argument("--sure", type=float, help="self-training: from which probability on")
    parser.add_argument("--outlines", action="store_true")
    parser.add_argument("--images", type=int, default=120)
    parser.add_argument("--seed", type=int, default=1, help="of the head that is trained")
    parser.add_argument("--seeds", type=int, default=3, help="of the outlines")
    parser.add_argument("--each", type=int, default=5, help="outlines of each class")
    given = parser.parse_args()
    torch.set_num_threads(1)
    every = {name: (micrograph, truth) for name, micrograph, truth in frames(given.data)}
    if given.leave_one_out:
        for held, what, model in leave_one_out(given.data, given.images, given.sure, given.seed):
            if given.outlines:
                outlines(held, *every[held], model, given.seeds, given.each, what)
            else:
                *_, found = map_fracture(model, every[held][0], device="cpu")
                show(f"{what}, on {held}", found.classes, every[held][1])
    elif given.outlines:
        model = None if given.model == "none" else load_model(given.model)
        for name, (micrograph, truth) in every.items():
            outlines(name, micrograph, truth, model, given.seeds, given.each, given.model)
    else:
        shipped(given.data, given.model, given.quality)


if __name__ == "__main__":
    main()
