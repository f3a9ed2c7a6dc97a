"""From a training checkpoint to a model that can be loaded and shipped.

python -m napari_etch.training.export CHECKPOINT MODEL --notes NOTES.json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch

from napari_etch.models.weights_file import write_model
from napari_etch.networks.attention_unet import AttentionUNet
from napari_etch.networks.etchnet import EtchNet, receptive_radius
from napari_etch.networks.wpunet import WPUNet

NETWORKS = {"etchnet": EtchNet, "attention-unet": AttentionUNet, "wpunet": WPUNet}
# What a card says beside the parameters of the network itself.
_BESIDE = ("coding", "intercept_px")


def export(checkpoint: Path, out: Path, notes: dict[str, Any] | None = None) -> None:
    """Write the averaged weights of a checkpoint as a model folder.

    Parameters
    ----------
    checkpoint : Path
        As `training.generalist.train` and `training.repair.train` write it.
    out : Path
        The model's folder.
    notes : dict, optional
        More entries of the model card.
    """
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    about = dict(state["about"])
    architecture, parameters = about.pop("architecture"), dict(about.pop("parameters"))
    widths = tuple(parameters["widths"])
    built = {name: value for name, value in parameters.items() if name not in _BESIDE}
    network: Any = NETWORKS[architecture](**{**built, "widths": widths})
    network.load_state_dict(state["average"])
    channels = getattr(network, "channels_in", 1)
    margin = receptive_radius(network, network.stride, channels=channels)
    card: dict[str, Any] = {
        "architecture": architecture,
        "parameters": {**parameters, "widths": list(widths), "margin": margin},
        "training": {
            **about,
            "settings": state["settings"],
            "steps": state["step"],
            "minutes": round(state["elapsed"] / 60, 1),
        },
    }
    card |= notes or {}
    tensors = {
        name: value
        for name, value in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    write_model(out, tensors, card)


def main() -> None:
    """Run the export from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--notes", type=Path, help="a JSON file with more entries of the card")
    given = parser.parse_args()
    notes = json.loads(given.notes.read_text("utf-8")) if given.notes else None
    export(given.checkpoint, given.out, notes)


if __name__ == "__main__":
    main()
