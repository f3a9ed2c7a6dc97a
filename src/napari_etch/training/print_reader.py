"""Train the reader of scale bars on printed lines, and write the shipped weights.

    python -m napari_etch.training.print_reader --fonts /usr/share/fonts --minutes 25 --out FILE

Fonts whose file names hold one of the words after `--held` are not trained on; the share of their
lines that is read without a mistake is printed. The loss is that of connectionist temporal
classification (Graves et al. 2006).
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_etch.micrograph.scale_bar.letters import CHARACTERS, LAYERS, ROWS, spelled
from napari_etch.training.printed_lines import Picture, font_files, printed_lines

_UNKNOWN = CHARACTERS.index("?") + 1
_WIDTHS = (16, 32, 64, 96, 96)
_BATCH, _RATE, _WARM_UP = 48, 2e-3, 200
# Drawing takes longer than learning: a batch is learnt from so many times, out of so many.
_REUSE, _POOL = 3, 400
_LOOK = 250  # steps

Batch = tuple[Tensor, list[int], list[list[int]]]


class PrintReader(nn.Module):
    """The network of `micrograph.scale_bar.letters`, with batch normalisation."""

    def __init__(self) -> None:
        super().__init__()
        kernels = ((3, 3), (3, 3), (3, 3), (3, 3), (1, 5), (1, 3))
        around = ((1, 1), (1, 1), (1, 1), (0, 1), (0, 2), (0, 1))
        widths = (1, *_WIDTHS, len(CHARACTERS) + 1)
        self.layers = nn.ModuleDict(
            {
                name: nn.Conv2d(widths[index], widths[index + 1], kernels[index], padding=pad)
                for index, (name, pad) in enumerate(zip(LAYERS, around, strict=True))
            }
        )
        self.norms = nn.ModuleDict(
            {name: nn.BatchNorm2d(width) for name, width in zip(LAYERS, _WIDTHS, strict=False)}
        )

    def forward(self, lines: Tensor) -> Tensor:
        """Return logits, float32 (n, x / 2, characters + 1), of lines (n, 1, `ROWS`, x)."""
        found = lines
        for index, name in enumerate(LAYERS[:-1]):
            found = functional.relu(self.norms[name](self.layers[name](found)))
            if index < 3:
                found = functional.max_pool2d(found, (2, 2 if index == 0 else 1))
        answer: Tensor = self.layers[LAYERS[-1]](found)[:, :, 0].transpose(1, 2)
        return answer

    def folded(self) -> dict[str, Tensor]:
        """Return the weights with the normalisation in them, float16, as `letters` reads them."""
        weights = {}
        for name, layer in self.layers.items():
            convolution: Any = layer
            weight, bias = convolution.weight.detach(), convolution.bias.detach()
            if name in self.norms:
                norm: Any = self.norms[name]
                gain = norm.weight.detach() / torch.sqrt(norm.running_var + norm.eps)
                weight = weight * gain[:, None, None, None]
                bias = (bias - norm.running_mean) * gain + norm.bias.detach()
            weights[f"{name}.weight"] = weight.half().contiguous()
            weights[f"{name}.bias"] = bias.half().contiguous()
        return weights


def wanted(text: str) -> list[int]:
    """Return the numbers of the characters of a text, without spaces."""
    return [CHARACTERS.find(letter) + 1 or _UNKNOWN for letter in text if letter != " "]


class Batches(torch.utils.data.IterableDataset[Any]):
    """Lines side by side: float32 (n, 1, `ROWS`, x), their lengths, and their characters."""

    def __init__(self, fonts: Sequence[Path], seed: int) -> None:
        self._fonts, self._seed = fonts, seed

    def __iter__(self) -> Iterator[Batch]:
        lines = printed_lines(self._fonts, [self._seed])
        while True:
            yield _side_by_side(list(islice(lines, _BATCH)))


def _side_by_side(lines: Sequence[tuple[Picture, str]]) -> Batch:
    widest = max(picture.shape[1] for picture, _ in lines)
    batch = np.zeros((len(lines), 1, ROWS, widest), np.float32)
    for row, (picture, _) in zip(batch, lines, strict=True):
        row[0, :, : picture.shape[1]] = picture
    lengths = [picture.shape[1] // 2 for picture, _ in lines]
    return torch.from_numpy(batch), lengths, [wanted(text) for _, text in lines]


def read_share(network: PrintReader, fonts: Sequence[Path], count: int, seed: int) -> float:
    """Return the share of fresh lines that is read without a mistake."""
    network.eval()
    right = 0
    with torch.no_grad():
        for picture, text in islice(printed_lines(fonts, [seed]), count):
            best = network(torch.from_numpy(picture)[None, None])[0].argmax(1).numpy()
            right += spelled(best).tolist() == wanted(text)
    network.train()
    return right / count


def train(
    fonts: Sequence[Path], held: Sequence[Path], out: Path, minutes: float, seed: int
) -> PrintReader:
    """Train for some minutes on one core, and write the weights."""
    from safetensors.torch import save_file

    torch.manual_seed(seed)
    torch.set_num_threads(1)
    network = PrintReader()
    optimiser = torch.optim.AdamW(network.parameters(), _RATE, weight_decay=1e-3)
    loss_of = nn.CTCLoss(zero_infinity=True)
    loader = torch.utils.data.DataLoader(
        Batches(fonts, seed), batch_size=None, num_workers=1, prefetch_factor=4
    )
    feed, pool = iter(loader), list[Batch]()
    chosen = np.random.default_rng(seed)
    start, step = time.monotonic(), 0
    while (part := (time.monotonic() - start) / 60 / minutes) < 1:
        for group in optimiser.param_groups:
            group["lr"] = _RATE * min(1, step / _WARM_UP) * (0.5 + 0.5 * math.cos(math.pi * part))
        if step % _REUSE == 0 or len(pool) < 20:
            pool = [*pool[1 - _POOL :], next(feed)]
        lines, lengths, texts = pool[chosen.integers(len(pool)) if step % _REUSE else -1]
        chances = network(lines).log_softmax(-1).transpose(0, 1)
        characters = torch.tensor([each for text in texts for each in text])
        loss = loss_of(
            chances, characters, torch.tensor(lengths), torch.tensor([len(t) for t in texts])
        )
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        step += 1
        if step % _LOOK == 0:
            share = read_share(network, held, 100, seed) if held else float("nan")
            _say(f"{step} steps, loss {loss.item():.3f}, held fonts {share:.2f}")
    card = {
        "command": "python -m napari_etch.training.print_reader",
        "data": "Lines printed in fonts, over specimen and noise (training.printed_lines).",
        "fonts": str(len(fonts)),
        "minutes": f"{minutes:g}",
        "steps": str(step),
        "seed": str(seed),
        "licence": "BSD-3-Clause",
    }
    save_file(network.folded(), out, metadata=card)
    return network


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


def main() -> None:
    """Run training from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fonts", type=Path, nargs="+", required=True, help="folders of fonts")
    parser.add_argument("--held", nargs="*", default=["DejaVu", "STIX"])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=25)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    files = font_files(given.fonts)
    held = [file for file in files if any(word in file.name for word in given.held)]
    fonts = [file for file in files if file not in held]
    network = train(fonts, held, given.out, given.minutes, given.seed)
    for name, chosen in (("trained", fonts), ("held", held)):
        if chosen:
            _say(f"{name} fonts ({len(chosen)}): {read_share(network, chosen, 1000, 9):.3f}")


if __name__ == "__main__":
    main()
