"""How well weights of WPU-Net do on stacks that were held back, gone through as in use."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from napari_etch.training.sections import LabelledStack


def judge(
    tensors: dict[str, Tensor], card: dict[str, Any], stacks: list[LabelledStack], device: str
) -> dict[str, float]:
    """Return mean scores of all sections: VI, its two parts and the average precision.

    Parameters
    ----------
    tensors, card
        The model.
    stacks : list of LabelledStack
        At the network's own scale; the truth of no section is ever told to the network.
    device : str
    """
    from safetensors.torch import save

    from napari_etch.evaluation import evaluate_grains
    from napari_etch.micrograph import micrograph_from_array
    from napari_etch.models.weights_file import StoredModel
    from napari_etch.models.wpunet import WPUNet
    from napari_etch.segmentation import SectionDone, segment_sections

    model = WPUNet(StoredModel(save(tensors), card))
    scores = []
    for stack in stacks:
        places = np.flatnonzero(stack.sound)
        sections = [micrograph_from_array(stack.images[z], stack.name) for z in places]
        options: dict[str, Any] = {"device": device, "quality": "fast", "grain_size": model.target}
        for event in segment_sections(model, sections, len(sections), **options):
            if isinstance(event, SectionDone):
                truth = stack.labels[places[event.index]]
                scores.append(evaluate_grains(event.partition.grains, truth, truth_kind="labels"))
    names = {"vi": "vi", "vi_split": "vi_split", "vi_merge": "vi_merge", "ap50": "ap50"}
    return {
        name: float(np.mean([getattr(each, of) or 0.0 for each in scores]))
        for name, of in names.items()
    }
