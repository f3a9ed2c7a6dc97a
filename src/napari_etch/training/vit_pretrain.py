"""Pre-train the compact transformer without labels, by masked-image modelling.

python -m napari_etch.training.vit_pretrain --out runs/vit --images DIR --minutes 25

Three quarters of the patches are hidden (He et al. 2022, "Masked autoencoders are scalable vision
learners"), and from the rest a light decoder guesses what the hidden ones hold: histograms of
unsigned gradients (Wei et al. 2022, "Masked feature prediction") and smoothed pixels. The input is
disturbed by noise, blur and contrast, now and then inverted; the targets are taken from the image
as it was, so that tokens learn what lies under the noise.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_etch.networks.vit import COMPACT, build_compact
from napari_etch.training.feed import Replay, virtual_feed
from napari_etch.training.run import Run, Schedule, add_schedule

KEPT, GUESSED = 144, 144  # of the 576 tokens of a crop: seen, and asked for
BINS, CELLS = 8, 2
# Factors by which real micrographs are brought to other sizes; log-uniform.
FACTORS = (0.5, 1.6)


@dataclass(frozen=True)
class Settings(Schedule):
    """What pre-training is made of."""

    size: int = COMPACT["img_size"]
    batch: int = 24
    rate: float = 1.5e-3
    decay: float = 0.05
    minutes: float = 25.0
    replay: int = 1200
    reuse: int = 12
    share: float = 0.5  # of crops from real micrographs, where there are any


def patches_of(maps: Tensor, size: int) -> Tensor:
    """Return the averages of maps (b, k, h, w) over cells, patch by patch: (b, n, k * CELLS²)."""
    patch = COMPACT["patch_size"]
    pooled = functional.avg_pool2d(maps, patch // size)
    cut = functional.pixel_unshuffle(pooled, size)
    return cut.flatten(2).transpose(1, 2)


def targets_of(image: Tensor) -> Tensor:
    """Return what a patch holds, normalised: gradient histograms of its cells, smoothed pixels.

    Parameters
    ----------
    image : float32 (b, 1, h, w)

    Returns
    -------
    float32 (b, n, CELLS² · BINS + 16)
    """
    smooth = functional.avg_pool2d(functional.pad(image, (1,) * 4, mode="reflect"), 3, 1)
    padded = functional.pad(smooth, (1,) * 4, mode="reflect")
    dx = (padded[:, :, 1:-1, 2:] - padded[:, :, 1:-1, :-2]) / 2
    dy = (padded[:, :, 2:, 1:-1] - padded[:, :, :-2, 1:-1]) / 2
    size = torch.hypot(dx, dy)
    place = torch.remainder(torch.atan2(dy, dx), torch.pi) / torch.pi * BINS
    bins = torch.arange(BINS, device=image.device)[:, None, None]
    away = (place - bins).abs()
    away = torch.minimum(away, BINS - away)
    histogram = patches_of(size * (1 - away).clamp(min=0), CELLS)
    histogram = functional.normalize(histogram, dim=-1) * CELLS * BINS**0.5
    pixels = patches_of(smooth, 4)
    centred = pixels - pixels.mean(-1, keepdim=True)
    pixels = centred / (centred.square().mean(-1, keepdim=True) + 0.01).sqrt()
    return torch.cat([histogram, pixels], -1)


def disturb(image: Tensor, random: np.random.Generator) -> Tensor:
    """Return images (b, 1, h, w) as another camera would see them."""
    seen = image
    if random.random() < 0.5:
        seen = seen + float(random.uniform(0, 0.6)) * torch.randn_like(seen)
    if random.random() < 0.3:
        padded = functional.pad(seen, (1,) * 4, mode="reflect")
        seen = functional.avg_pool2d(padded, 3, 1)
    if random.random() < 0.25:
        seen = -seen
    return seen.clamp(-5, 5)


class MaskedModel(nn.Module):
    """The transformer with a light decoder: hidden places look at seen tokens."""

    def __init__(self, width: int = 128) -> None:
        super().__init__()
        self.vit: Any = build_compact()
        dim = COMPACT["embed_dim"]
        self.ask = nn.Parameter(torch.zeros(1, 1, width))
        self.place = nn.Linear(dim, width)
        self.seen = nn.Linear(dim, width)
        self.look = nn.MultiheadAttention(width, 4, batch_first=True)
        self.norm = nn.LayerNorm(width)
        self.answer = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, CELLS**2 * BINS + 16)
        )

    def forward(self, image: Tensor, seen: Tensor, hidden: Tensor) -> Tensor:
        """Return guesses (b, g, targets) for the hidden patches, from the seen ones (b, k)."""
        vit = self.vit
        tokens = vit._pos_embed(vit.patch_embed(image))
        dim = tokens.shape[-1]
        tokens = tokens.gather(1, seen[..., None].expand(-1, -1, dim))
        tokens = self.seen(vit.norm(vit.blocks(tokens)))
        where = vit.pos_embed.expand(len(image), -1, -1)
        asked = self.ask + self.place(where.gather(1, hidden[..., None].expand(-1, -1, dim)))
        found, _ = self.look(asked, tokens, tokens, need_weights=False)
        return self.answer(self.norm(asked + found))


def masked_loss(
    network: nn.Module, image: Tensor, random: np.random.Generator
) -> tuple[Tensor, dict[str, float]]:
    """Return the mean squared error on the hidden patches."""
    targets = targets_of(image)
    order = torch.rand(targets.shape[:2]).argsort(1)
    seen, hidden = order[:, :KEPT], order[:, KEPT : KEPT + GUESSED]
    with torch.autocast(image.device.type, dtype=torch.bfloat16):
        guess = network(disturb(image, random), seen, hidden).float()
    wanted = targets.gather(1, hidden[..., None].expand(-1, -1, targets.shape[-1]))
    error = (guess - wanted).square()
    edge = CELLS**2 * BINS
    terms = {"gradients": error[..., :edge].mean(), "pixels": error[..., edge:].mean()}
    return sum(terms.values()), {name: float(value.detach()) for name, value in terms.items()}


class Unlabelled:
    """Random crops of real micrographs, of every size.

    Parameters
    ----------
    folders : list of Path
        Images, or folders of images; each is prepared as for a network.
    size, seed : int
    """

    def __init__(self, folders: list[Path], size: int, seed: int) -> None:
        from napari_etch.micrograph import read_micrograph
        from napari_etch.models.prepare import prepare

        found = [
            path for each in folders for path in ([each] if each.is_file() else each.iterdir())
        ]
        files = sorted(path for path in found if path.suffix in (".png", ".tif"))
        self.images = [
            prepare(section).astype(np.float16)
            for path in files
            for section in list(read_micrograph(path, keep_info_bar=True, stack=True).sections())[
                ::10
            ]
        ]
        self.size, self.random = size, np.random.default_rng(seed)
        area = np.array([image.size for image in self.images], float)
        self.chance = np.sqrt(area) / np.sqrt(area).sum()

    def draw(self, count: int) -> np.ndarray:
        """Return float32 (count, size, size)."""
        return np.stack([self._crop() for _ in range(count)])

    def _crop(self) -> np.ndarray:
        from napari_etch.models.resize import resize
        from napari_etch.training.feed import orient, standardise

        image = self.images[self.random.choice(len(self.images), p=self.chance)]
        factor = np.exp(self.random.uniform(*np.log(FACTORS)))
        side = min(round(self.size / factor), *image.shape)
        top, left = (int(self.random.integers(length - side + 1)) for length in image.shape)
        window = image[top : top + side, left : left + side].astype(np.float32)
        crop = resize(window, (self.size, self.size))
        return standardise(orient([crop], self.random)[0], self.random)


def pretrain(settings: Settings, out: Path, folders: list[Path], device: str = "cpu") -> Path:
    """Pre-train, or go on with the checkpoint in `out`, and return the checkpoint's path.

    Parameters
    ----------
    settings : Settings
    out : Path
        Folder of the checkpoint and the log.
    folders : list of Path
        Real micrographs without labels; virtual ones alone without.
    device : str
    """
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    about = {
        "architecture": "vit",
        "parameters": COMPACT,
        "command": "python -m napari_etch.training.vit_pretrain",
    }
    run = Run(MaskedModel(), settings, out, device, None, about)
    seed = settings.seed + run.step
    random = np.random.default_rng(seed)
    real = Unlabelled(folders, settings.size, seed) if folders else None
    for image in batches(settings, run, seed, real):
        run.learn(partial(masked_loss, image=image.to(device), random=random))
    run.checkpoint()
    return run.path


def batches(settings: Settings, run: Run, seed: int, real: Unlabelled | None) -> Iterator[Tensor]:
    """Yield batches (b, 1, s, s) of virtual and real crops while the run goes on."""
    from napari_etch.training.feed import LEAST, top_up

    replay, drawn = Replay(settings.replay, settings.size, seed), 0
    with virtual_feed(settings.size, seed, settings.workers) as feed:
        while run.goes_on():
            many = settings.batch - (round(settings.batch * settings.share) if real else 0)
            used = (run.step - run.first) * many
            drawn += top_up(replay, feed, LEAST + used // settings.reuse - drawn)
            virtual, _ = replay.draw(many)
            if real is None:
                yield virtual
                continue
            crops = torch.from_numpy(real.draw(settings.batch - many))[:, None]
            yield torch.cat([virtual, crops])


def main() -> None:
    """Run pre-training from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--images", type=Path, nargs="*", default=[], help="folders of micrographs")
    parser.add_argument("--device", default="cpu")
    add_schedule(parser, Settings)
    given = vars(parser.parse_args())
    out, folders, device = given.pop("out"), given.pop("images"), given.pop("device")
    pretrain(Settings(**given), out, folders, device)


if __name__ == "__main__":
    main()
