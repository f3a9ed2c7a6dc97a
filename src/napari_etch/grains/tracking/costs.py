"""What the evidence says: the log-odds that two grains of different sections are one grain.

A small network (28 numbers, two hidden layers, tanh) that was fitted by cross-entropy on virtual
stacks: `python benchmarks/tracking_costs.py`. Its weights are in `costs.npz` beside this module.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from napari_etch.grains.tracking.evidence import link_features
from napari_etch.grains.tracking.graph import SectionGraph
from napari_etch.grains.tracking.sections import Floats

WEIGHTS_FILE = Path(__file__).with_name("costs.npz")
# Evidence across a section repeats in part what the sections between say.
TWO_STEPS_SHARE = 0.5
# Nothing is more certain than this, log-odds.
_CAP = 6.0
_ROWS = 1 << 16


def link_log_odds(graph: SectionGraph) -> Floats:
    """Return the log-odds that the two nodes of each link are one grain, float64 (m,)."""
    features = link_features(graph)
    odds = np.empty(len(features))
    for start in range(0, len(features), _ROWS):  # what is made on the way stays small
        odds[start : start + _ROWS] = _read(features[start : start + _ROWS])
    return np.clip(odds, -_CAP, _CAP)


def _read(features: Floats) -> Floats:
    """Return what the network makes of rows of features, (n,)."""
    weights = _weights()
    values = (features - weights["mean"]) / weights["spread"]
    last = sum(name.startswith("matrix") for name in weights) - 1
    for at in range(last + 1):
        values = values @ weights[f"matrix{at}"].T + weights[f"bias{at}"]
        if at < last:
            values = np.tanh(values)
    return values[:, 0]


@cache
def _weights() -> dict[str, Floats]:
    with np.load(WEIGHTS_FILE) as stored:
        return {name: stored[name].astype(float) for name in stored.files}
