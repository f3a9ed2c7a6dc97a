"""Train the decoder of the compact transformer on virtual micrographs: seeded, resumable.

python -m napari_etch.training.vit_decoder --vit runs/vit/state.pt --out runs/decoder --minutes 25

The convolutions beside the transformer start from the generalist's upper two levels, and in the
first part of the training what the tokens contribute is also drawn towards what the generalist's
deep levels, which they replace, contribute there (Romero et al. 2015, "FitNets"). With `--joint 1`
the transformer learns with the decoder; from then on it is frozen.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_etch.models.weights_file import SHIPPED, read_model
from napari_etch.networks.etchnet import EtchNet
from napari_etch.networks.vit import (
    COMPACT,
    COMPACT_WINDOWS,
    Backbone,
    Decoder,
    ViTNet,
    build_compact,
)
from napari_etch.training.feed import LEAST, Replay, top_up, virtual_feed
from napari_etch.training.losses import generalist_loss, targets_of
from napari_etch.training.run import Run, Schedule, add_schedule

#: What the decoder takes over from the generalist.
SHARED = ("down.0.", "down.1.", "up.0.", "up.1.", "lift.0.", "head.")


@dataclass(frozen=True)
class Settings(Schedule):
    """What a training of the decoder is made of."""

    size: int = COMPACT["img_size"]
    batch: int = 8
    rate: float = 1e-3
    minutes: float = 25.0
    reuse: int = 3
    distilled: int = 150  # steps in which the generalist's deep levels are followed
    joint: int = 1  # 0: the transformer stays as it was pre-trained


def load_compact(checkpoint: Path) -> Backbone:
    """Return the compact backbone with the averaged weights of a pre-training."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    own = {
        name.removeprefix("vit."): value
        for name, value in state["average"].items()
        if name.startswith("vit.")
    }
    vit = build_compact()
    vit.load_state_dict(own)
    return Backbone(vit, COMPACT_WINDOWS).eval()


def generalist_levels() -> EtchNet:
    """Return the shipped generalist's network."""
    stored = read_model(SHIPPED / "generalist")
    network = EtchNet(tuple(stored.card["parameters"]["widths"]))
    stored.load_into(network)
    return network.eval()


def begin(decoder: Decoder, teacher: EtchNet) -> None:
    """Give the decoder's convolutions the weights of the generalist's upper two levels."""
    own = {name: value for name, value in teacher.state_dict().items() if name.startswith(SHARED)}
    decoder.load_state_dict(own, strict=False)


@torch.no_grad()
def deep_contribution(teacher: EtchNet, image: Tensor) -> Tensor:
    """Return what the generalist's levels below a quarter add there, (b, 96, h / 4, w / 4)."""
    deep = teacher.down[0](teacher.fold(image))
    skips = []
    for block in list(teacher.down)[1:]:
        skips.append(deep)
        deep = block(functional.max_pool2d(deep, 2))
    for lift, block in list(zip(teacher.lift, teacher.up, strict=True))[:1:-1]:
        larger = functional.interpolate(lift(deep), scale_factor=2, mode="nearest")
        deep = block(larger + skips.pop())
    return functional.interpolate(teacher.lift[1](deep), scale_factor=2, mode="nearest")


def decoder_loss(
    network: nn.Module, image: Tensor, labels: Tensor, teacher: EtchNet | None
) -> tuple[Tensor, dict[str, float]]:
    """Return the generalist's loss, and with a teacher the distance to its deep levels."""
    decoder: Any = network.decoder
    with torch.autocast(image.device.type, dtype=torch.bfloat16):
        backbone: Any = network.backbone
        tokens = backbone.tokens(image)
        given: list[Tensor] = []
        hook = decoder.lift[1].register_forward_hook(lambda _, __, out: given.append(out))
        try:
            logits = decoder(tokens, image.contiguous(memory_format=torch.channels_last))
        finally:
            hook.remove()
        aim = None if teacher is None else deep_contribution(teacher, image)
    loss, terms = generalist_loss(logits.float(), targets_of(labels))
    if aim is None:
        return loss, terms
    wide = functional.interpolate(given[0].float(), size=aim.shape[-2:], mode="bilinear")
    far = (wide - aim.float()).square().mean() / aim.float().square().mean()
    return loss + far, {**terms, "distilled": float(far.detach())}


def train(settings: Settings, vit: Path, out: Path, device: str = "cpu") -> Path:
    """Train, or go on with the checkpoint in `out`, and return the checkpoint's path.

    Parameters
    ----------
    settings : Settings
    vit : Path
        Checkpoint of `training.vit_pretrain`.
    out : Path
        Folder of the checkpoint and the log.
    device : str
    """
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    backbone, teacher = load_compact(vit).to(device), generalist_levels().to(device)
    decoder = Decoder(backbone.channels)
    begin(decoder, teacher)
    network = ViTNet(backbone, decoder)
    backbone.requires_grad_(bool(settings.joint))
    about: dict[str, Any] = {
        "architecture": "vit",
        "parameters": {
            "vit": COMPACT,
            "windows": asdict(COMPACT_WINDOWS),
            "decoder": decoder.parameters_of,
        },
        "command": "python -m napari_etch.training.vit_decoder",
    }
    run = Run(network, settings, out, device, None, about)
    seed = settings.seed + run.step
    replay, drawn = Replay(settings.replay, settings.size, seed), 0
    with virtual_feed(settings.size, seed, settings.workers) as feed:
        while run.goes_on():
            used = (run.step - run.first) * settings.batch
            drawn += top_up(replay, feed, LEAST + used // settings.reuse - drawn)
            image, labels = (item.to(device) for item in replay.draw(settings.batch))
            follow = teacher if run.step < settings.distilled else None
            run.learn(partial(decoder_loss, image=image, labels=labels, teacher=follow))
    run.checkpoint()
    return run.path


def export(checkpoint: Path, vit: Path, out: Path, notes: dict[str, Any] | None = None) -> None:
    """Write transformer and decoder as one model folder (float16).

    Parameters
    ----------
    checkpoint : Path
        Of `train`.
    vit : Path
        Checkpoint of `training.vit_pretrain`.
    out : Path
    notes : dict, optional
        More entries of the model card.
    """
    from napari_etch.models.weights_file import write_model

    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    first = torch.load(vit, map_location="cpu", weights_only=True)
    about = dict(state["about"])
    backbone = load_compact(vit)
    network = ViTNet(backbone, Decoder(backbone.channels))
    network.load_state_dict(state["average"])
    card = {
        "architecture": about.pop("architecture"),
        "parameters": about.pop("parameters"),
        "training": {
            **about,
            "settings": state["settings"],
            "steps": state["step"],
            "minutes": round(state["elapsed"] / 60, 1),
            "pre-training": {
                "command": first["about"]["command"],
                "settings": first["settings"],
                "steps": first["step"],
                "minutes": round(first["elapsed"] / 60, 1),
            },
        },
        **(notes or {}),
    }
    tensors = {
        name: value
        for name, value in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    write_model(out, tensors, card)


def main() -> None:
    """Run training, or the export of what was trained, from the command line."""
    import json

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vit", type=Path, required=True, help="checkpoint of the pre-training")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--export", type=Path, help="write the model of --out here, train nothing")
    parser.add_argument("--notes", type=Path, help="a JSON file with more entries of the card")
    add_schedule(parser, Settings)
    given = vars(parser.parse_args())
    vit, out, device = given.pop("vit"), given.pop("out"), given.pop("device")
    target, notes = given.pop("export"), given.pop("notes")
    if target is not None:
        more = json.loads(notes.read_text("utf-8")) if notes else None
        export(out / "state.pt", vit, target, more)
        return
    train(Settings(**given), vit, out, device)


if __name__ == "__main__":
    main()
