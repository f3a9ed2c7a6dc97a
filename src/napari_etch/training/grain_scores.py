"""How well a model finds the grains of labelled micrographs."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_etch.training.folder import Pair


def score_grains(model: Any, pairs: list[Pair], device: str) -> dict[str, float]:
    """Return AP50 and VI of a model on labelled micrographs, mean weighted by their grains.

    What is not learnt from is not scored either.
    """
    from napari_etch.evaluation import evaluate_grains
    from napari_etch.inference import Prediction, predict

    found: list[tuple[float, float, int]] = []
    for pair in pairs:
        for event in predict(model, pair.micrograph, device=device):
            if isinstance(event, Prediction):
                cut = model.partition(event.fields, mask=pair.micrograph.mask)
                scores = evaluate_grains(
                    cut.grains, pair.labels, ignore=~pair.learnt, truth_kind="labels"
                )
                if scores.ap50 is not None and scores.vi is not None:
                    found.append((scores.ap50, scores.vi, scores.count_true))
    if not found:
        return {}
    weight = [count for _, _, count in found]
    return {
        name: float(np.average([item[index] for item in found], weights=weight))
        for index, name in enumerate(("ap50", "vi"))
    }
