"""Fit the scorer of shared edges on virtual micrographs, and write it into a model's card.

    python -m napari_etch.training.edge_scorer MODEL --images 150
"""

from __future__ import annotations

import argparse
import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_etch.inference import Prediction, predict
from napari_etch.micrograph import micrograph_from_array
from napari_etch.models import load_model
from napari_etch.models.assemble import COLUMNS, edge_table, fragment
from napari_etch.models.weights_file import CARD
from napari_etch.virtual import Structure, render_batch
from napari_etch.virtual.fields import Range

SIDE = 384
# A fragment that lies across several grains teaches nothing: at least this share in one grain.
PURE = 0.7
RIDGE = 1e-3
# Odds at which a metallographer draws a boundary.
DRAWN = 2.0


def labelled_edges(
    model: Any, images: int, seed: int, quality: str
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield, for each virtual micrograph, features (n, f), truth (n,) in {0, 1} and weight (n,)."""
    generator = torch.Generator().manual_seed(seed)
    random = np.random.default_rng(seed)
    structure = Structure(intercept=Range(16, 80, log=True))
    for number in range(images):
        batch = render_batch(1, SIDE, generator=generator, structure=structure)
        image = (255 * batch.image[0].numpy()).round().astype(np.uint8)
        labels = batch.labels[0].numpy()
        # The user's image has no known grain size: be as wrong as the search is.
        size = _intercept(labels) * float(np.exp(random.normal(0, 0.15)))
        micrograph = micrograph_from_array(image, f"virtual {number}")
        prediction: Any = None
        for prediction in predict(model, micrograph, device="cpu", grain_size=size, quality=quality):
            pass
        assert isinstance(prediction, Prediction)
        fragments, graph = fragment(prediction.fields, None)
        if graph.length.size == 0:
            continue
        grain, pure = _owners(fragments, labels)
        a, b = graph.edges.T
        features = edge_table(prediction.fields, fragments, graph)
        weight = np.sqrt(np.minimum(graph.length / size, 1.0)) * (np.minimum(pure[a], pure[b]) > PURE)
        yield features, (grain[a] != grain[b]).astype(np.float32), weight.astype(np.float32)


def _intercept(labels: np.ndarray) -> float:
    across = (labels[:, 1:] != labels[:, :-1]).mean() + (labels[1:] != labels[:-1]).mean()
    return float(2 / max(across, 1e-3))


def _owners(fragments: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the grain that holds most of each fragment, and its share of the fragment."""
    grains, index = np.unique(labels, return_inverse=True)
    count = len(grains)
    keys = fragments.ravel().astype(np.int64) * count + index.ravel()
    table = np.bincount(keys, minlength=(int(fragments.max()) + 1) * count).reshape(-1, count)
    return table.argmax(1), table.max(1) / np.maximum(table.sum(1), 1)


def fit(features: np.ndarray, truth: np.ndarray, weight: np.ndarray) -> dict[str, Any]:
    """Fit the scorer by weighted, slightly regularised logistic regression; return plain numbers.

    The even odds of the fit are where an edge is as likely real as not. Nobody draws such a
    boundary: the bias is lowered by the log of `DRAWN`, one number for all micrographs.

    Parameters
    ----------
    features : float32 (n, len(COLUMNS))
    truth, weight : float32 (n,)
    """
    from scipy.optimize import minimize
    from scipy.special import expit

    x, total = features.astype(np.float64), float(weight.sum())

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        odds = x @ values[:-1] + values[-1]
        entropy = np.logaddexp(0, odds) - truth * odds
        error = weight * (expit(odds) - truth)
        slope = np.append(x.T @ error, error.sum()) / total
        slope[:-1] += 2 * RIDGE * values[:-1]
        return float((weight * entropy).sum() / total + RIDGE * (values[:-1] ** 2).sum()), slope

    found = minimize(loss, np.zeros(x.shape[1] + 1), jac=True, method="L-BFGS-B")
    return {
        "columns": list(COLUMNS),
        "weights": np.round(found.x[:-1], 5).tolist(),
        "bias": round(float(found.x[-1]) - math.log(DRAWN), 5),
        "loss": round(float(found.fun), 5),
    }


def main() -> None:
    """Fit and write from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="folder of the model; its card gets the scorer")
    parser.add_argument("--images", type=int, default=150)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--quality", default="best")
    parser.add_argument("--keep", type=Path, help="also write the table of edges here (NPZ)")
    given = parser.parse_args()
    model = load_model(str(given.model))
    parts = list(labelled_edges(model, given.images, given.seed, given.quality))
    features, truth, weight = (np.concatenate(column) for column in zip(*parts, strict=True))
    if given.keep:
        image = np.repeat(np.arange(len(parts)), [len(part[1]) for part in parts])
        np.savez(given.keep, features=features, truth=truth, weight=weight, image=image)
    path = given.model / CARD
    card = json.loads(path.read_text("utf-8"))
    card["scorer"] = fit(features, truth, weight)
    card["scorer"]["fitted_on"] = {"images": given.images, "seed": given.seed, "edges": len(truth)}
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps(card, indent=1) + "\n", "utf-8")
    os.replace(partial, path)


if __name__ == "__main__":
    main()
