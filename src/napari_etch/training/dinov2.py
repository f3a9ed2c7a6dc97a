"""Train the decoder on a frozen transformer with the user's own labels.

The transformer sees each image once, and its tokens are kept on disk; what is trained is the
decoder alone, on crops of tokens, image and labels that are turned and mirrored together. (Tokens
of a turned image are not quite the turned tokens; the decoder learns not to mind.)
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from napari_etch.models.backbones import COMPACT_NAME
from napari_etch.training.decoder_course import Course, Options, Sample, prepare_sample
from napari_etch.training.token_cache import TokenCache
from napari_etch.training.trainers import (
    Trained,
    TrainError,
    TrainEvent,
    TrainNotice,
    TrainRequest,
)

if TYPE_CHECKING:
    from napari_etch.networks.vit import ViTNet
    from napari_etch.training.folder import Pair


def train(request: TrainRequest, stop: Callable[[], bool]) -> Iterator[TrainEvent]:
    """Train a decoder; see `training.trainers`.

    Raises
    ------
    TrainError, napari_etch.models.ModelError, napari_etch.training.folder.TrainingDataError
        One sentence for the user.
    """
    from napari_etch.inference import pick_device
    from napari_etch.training.holdout import hold_out

    options = Options.of(request.options)
    device = str(pick_device(request.device))
    torch.manual_seed(request.seed)
    pairs = _pairs(request, options)
    split = hold_out(pairs, share=options.holdout, seed=request.seed)
    yield TrainNotice(
        f"{len(split.learnt)} images to learn from, "
        + (f"held back: {split.how}." if split.held else "none held back.")
    )
    network, about = yield from _network(request, options, stop)
    cache = TokenCache(
        network.backbone.to(device), about["backbone"], about["backbone_hash"], options.cache
    )
    samples: list[list[Sample]] = []
    for part in (split.learnt, split.held):
        samples.append([])
        for pair in part:
            samples[-1].append(prepare_sample(pair, network.backbone, cache, options.target))
            if stop():
                raise TrainError("The training was stopped before it began; there is no model.")
    yield TrainNotice(f"Tokens of {cache.hits} images were kept, of {cache.misses} computed.")
    course = Course(network.decoder.to(device), request, options, device, samples[0], samples[1])
    yield from course.events(stop)
    yield _trained(course, network, about, request, options, split.how, len(split.learnt))


def _pairs(request: TrainRequest, options: Options) -> list[Pair]:
    """Read the training folder; as masks, labels of 0 are learnt too."""
    from dataclasses import replace

    from napari_etch.training.folder import read_training_folder

    if request.labels == "classes":
        raise TrainError("dinov2 learns from grains or boundaries: give --labels grains.")
    pairs = read_training_folder(request.data, request.labels, request.choice)
    if options.target == "grains":
        return pairs
    masks = []
    for pair in pairs:
        grain = _raw_labels(request.data, pair) > 0
        masks.append(
            replace(pair, labels=grain.astype(np.int32), learnt=pair.micrograph.mask.copy())
        )
    return masks


def _raw_labels(folder: Path, pair: Pair) -> npt.NDArray[Any]:
    """Return the labels of a pair as they were drawn, zeros and all."""
    import tifffile

    from napari_etch.micrograph.label_picture import read_label_picture

    path = next(
        path
        for suffix in (".tif", ".tiff", ".png")
        if (path := folder / "labels" / (pair.source + suffix)).exists()
    )
    picture = read_label_picture(path) if path.suffix == ".png" else tifffile.imread(path)
    return picture if pair.section is None else picture[pair.section]


def _network(
    request: TrainRequest, options: Options, stop: Callable[[], bool]
) -> Generator[TrainNotice, None, tuple[ViTNet, dict[str, Any]]]:
    """Return backbone and decoder to start from, and what the card says of them."""
    from napari_etch.models.dinov2 import DinoV2
    from napari_etch.models.registry import load_model
    from napari_etch.networks.vit import Decoder, ViTNet
    from napari_etch.training.fetching import fetch_backbone
    from napari_etch.training.vit_decoder import begin, generalist_levels

    start = request.start
    if start is None and options.backbone == COMPACT_NAME:
        start = "dinov2"
    if start is not None:
        model = load_model(start)
        if not isinstance(model, DinoV2):
            raise TrainError(f"{start} is no vision transformer: start from dinov2, or from none.")
        parameters = model.card["parameters"]
        backbone = parameters.get("backbone", COMPACT_NAME)
        known = parameters.get("backbone_hash", model.weights_hash)
        about = {
            "backbone": backbone,
            "backbone_hash": known,
            "from": start,
            "vit": parameters.get("vit"),
        }
        network: Any = model.network
        return network, about
    loaded, weights_hash = yield from fetch_backbone(options.backbone, stop)
    decoder = Decoder(loaded.channels)
    begin(decoder, generalist_levels())
    about = {"backbone": options.backbone, "backbone_hash": weights_hash, "from": None}
    return ViTNet(loaded, decoder), about


def _trained(
    course: Course,
    network: ViTNet,
    about: dict[str, Any],
    request: TrainRequest,
    options: Options,
    held: str,
    images: int,
) -> Trained:
    """Return the model with its card."""
    network.cpu()
    compact = about["backbone"] == COMPACT_NAME
    parameters: dict[str, Any] = network.describe()
    if compact:
        parameters["vit"] = about["vit"]
    else:
        parameters |= {"backbone": about["backbone"], "backbone_hash": about["backbone_hash"]}
    if options.target != "grains":
        parameters["target"] = options.target
    module = network if compact else network.decoder
    tensors = {
        name: value
        for name, value in module.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    card = {
        "architecture": "vit",
        "title": f"Vision transformer, trained on {request.data.name}",
        "parameters": parameters,
        "training": {
            "command": "etch train --model dinov2",
            "from": about["from"],
            "backbone": about["backbone"],
            "images": images,
            "labels": request.labels,
            "target": options.target,
            "held_back": held,
            "steps": course.step,
            "kept_step": course.best_step,
            "seed": request.seed,
            "before": course.before,
            "after": course.after,
        },
    }
    return Trained(
        tensors, card, course.best_step, course.why, before=course.before, after=course.after
    )
