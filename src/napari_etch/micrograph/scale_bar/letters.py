"""Reading a line of print with a small network, which runs in NumPy.

Convolutions bring a line of `ROWS` rows to one answer for every second column: a character, or none
(connectionist temporal classification, Graves et al. 2006). It knows what lengths are written with;
every other character is a "?". `napari_etch.training.print_reader` trained it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_etch.micrograph.box import Box
from napari_etch.micrograph.scale_bar.levels import Levels

CHARACTERS = "0123456789.,µnmcu?"
ROWS = 24
TALL = 16.0  # of them that a line's box fills, the tail of a µ included
ABOVE, BESIDE = 4.0, 5.0  # px around the box
LAYERS = ("first", "second", "third", "down", "along", "answer")
WEIGHTS = Path(__file__).with_name("letters.safetensors")

_MOST_COLUMNS = 400
_SHRUNK = 0.8  # below it a line is smoothed before it is made smaller
_SMOOTHING = 0.4  # px of the small line


def read_line(printed: Levels, box: Box) -> tuple[str, float]:
    """Read a line of print.

    Parameters
    ----------
    printed : float32 (y, x)
        How near to the ink each pixel is: 0 is the colour around a character, 1 that of the ink.
    box : Box
        Around the line, px.

    Returns
    -------
    text : str
        Of `CHARACTERS`, without spaces.
    sure : float
        Its probability, in [0, 1].
    """
    chances = _softmax(answers(line_picture(printed, box), _weights()))
    found = spelled(chances.argmax(1))
    return "".join(CHARACTERS[index - 1] for index in found), _probability(chances, found)


def spelled(best: npt.NDArray[np.integer]) -> npt.NDArray[np.integer]:
    """Return the characters, from 1, of the best answer of each column."""
    begins = np.append(True, best[1:] != best[:-1]) & (best > 0)
    return best[begins]


def line_picture(
    printed: Levels,
    box: Box,
    tall: float = TALL,
    above: float = ABOVE,
    before: float = BESIDE,
    behind: float = BESIDE,
) -> Levels:
    """Return a line as the network sees it, float32 (`ROWS`, x) in [-0.5, 1.5].

    Parameters
    ----------
    printed, box
        As for `read_line`.
    tall : float
        Height of the box in the picture, px.
    above, before, behind : float
        Room around the box, px of the picture.
    """
    from scipy.ndimage import gaussian_filter, map_coordinates

    scale = tall / max(1, box.height)
    around = int(np.ceil(ROWS / scale))
    part = box.widened(around, around, printed.shape)
    cut = printed[part.slices]
    if scale < _SHRUNK:
        cut = gaussian_filter(cut, _SMOOTHING / scale)
    columns = min(_MOST_COLUMNS, round(box.width * scale + before + behind))
    rows = box.top - part.top + (np.arange(ROWS) - above + 0.5) / scale - 0.5
    across = box.left - part.left + (np.arange(columns) - before + 0.5) / scale - 0.5
    places = np.meshgrid(rows, across, indexing="ij")
    picture = map_coordinates(cut, places, order=1, mode="nearest")
    return np.clip(picture, -0.5, 1.5).astype(np.float32)


def answers(picture: Levels, weights: Mapping[str, Levels]) -> Levels:
    """Return the network's logits, float32 (x / 2, characters + 1); the first is "none"."""
    found = picture[None]
    for name, pool in (("first", (2, 2)), ("second", (2, 1)), ("third", (2, 1))):
        found = _pooled(np.maximum(_convolved(found, weights, name, 1, 1), 0), *pool)
    found = np.maximum(_convolved(found, weights, "down", 0, 1), 0)
    found = np.maximum(_convolved(found, weights, "along", 0, 2), 0)
    return _convolved(found, weights, "answer", 0, 1)[:, 0].T


@cache
def _weights() -> Mapping[str, Levels]:
    from safetensors.numpy import load_file

    return {name: values.astype(np.float32) for name, values in load_file(WEIGHTS).items()}


def _convolved(
    maps: Levels, weights: Mapping[str, Levels], name: str, down: int, across: int
) -> Levels:
    """Return a convolution of maps (c, y, x), with so many zeros around them."""
    kernel = weights[f"{name}.weight"]
    padded = np.pad(maps, ((0, 0), (down, down), (across, across)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape[2:], axis=(1, 2))
    found = np.tensordot(kernel, windows, axes=((1, 2, 3), (0, 3, 4)))
    return np.asarray(found + weights[f"{name}.bias"][:, None, None], np.float32)


def _pooled(maps: Levels, down: int, across: int) -> Levels:
    """Return the largest value of each block; what is left over at the end is dropped."""
    count, height, width = maps.shape
    kept = maps[:, : height - height % down, : width - width % across]
    blocks = kept.reshape(count, height // down, down, width // across, across)
    pooled: Levels = blocks.max((2, 4))
    return pooled


def _softmax(logits: Levels) -> npt.NDArray[np.float64]:
    chances = np.exp(logits.astype(np.float64) - logits.max(1, keepdims=True))
    return np.asarray(chances / chances.sum(1, keepdims=True))


def _probability(chances: npt.NDArray[np.float64], characters: npt.NDArray[np.integer]) -> float:
    """Return how probable some characters are, whatever columns they fill."""
    wanted = np.zeros(2 * len(characters) + 1, int)
    wanted[1::2] = characters
    # A character may follow the one before it at once where the two differ.
    may_skip = np.zeros(len(wanted), bool)
    may_skip[3::2] = characters[1:] != characters[:-1]
    paths = np.zeros(len(wanted))
    paths[:2] = chances[0, wanted[:2]]
    for chance in chances[1:]:
        one = np.append(0.0, paths[:-1])
        two = np.append((0.0, 0.0), paths[:-2])[: len(paths)]
        paths = (paths + one + np.where(may_skip, two, 0)) * chance[wanted]
    return float(paths[-2:].sum())
