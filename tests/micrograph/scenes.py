"""Made-up specimens and information bars for the tests of reading."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.ndimage import gaussian_filter


def specimen(
    height: int = 480, width: int = 640, *, seed: int = 0, mean: float = 110
) -> np.ndarray:
    """Noisy uint8 grains: Voronoi cells of different grey, dark lines between them."""
    return _specimen(height, width, seed, mean).copy()


@lru_cache(64)  # most tests want the same few
def _specimen(height: int, width: int, seed: int, mean: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    seeds = rng.random((60, 2)) * (height, width)
    y, x = np.ogrid[:height, :width]
    distance = np.full((height, width), np.inf, dtype=np.float32)
    cell = np.zeros((height, width), dtype=int)
    second = distance.copy()
    for i, point in enumerate(seeds.astype(np.float32)):
        d = np.hypot(y.astype(np.float32) - point[0], x.astype(np.float32) - point[1])
        cell[d < distance] = i
        second = np.minimum(second, np.maximum(distance, d))
        distance = np.minimum(distance, d)
    grey = mean + rng.normal(0, 18, 60)[cell]
    grey = grey - 50 * (second - distance < 3)
    grey = gaussian_filter(grey, 0.8) + rng.normal(0, 6, (height, width))
    return np.clip(grey, 1, 254).astype(np.uint8)


def text_line(bar: np.ndarray, top: int, ink: int, *, seed: int, density: float = 0.35) -> None:
    """Print 12 px high glyph-like strokes into the bar, with spaces between the words."""
    rng = np.random.default_rng(seed)
    x = bar.shape[1] // 40 + 3
    while x < bar.shape[1] * 0.95:
        for _ in range(rng.integers(3, 9)):
            glyph = rng.random((6, 4)) < density
            block = np.kron(glyph, np.ones((2, 2), dtype=bool))
            target = bar[top : top + 12, x : x + 8]
            target[block[: target.shape[0], : target.shape[1]]] = ink
            x += 10
        x += int(rng.integers(15, 90))


def zeiss_bar(image: np.ndarray, row: int, *, paper: int = 0, ink: int = 243) -> np.ndarray:
    """Paper from `row` on, a column of specimen at both sides and a row of it below."""
    out = image.copy()
    bar = out[row:-1, 1:-1]
    bar[:] = paper
    for i, top in enumerate(range(6, bar.shape[0] - 13, 20)):
        text_line(bar, top, ink, seed=i)
    return out


def fei_bar(image: np.ndarray, row: int) -> np.ndarray:
    """White rules and white text on black: a table with two rows."""
    out = image.copy()
    bar = out[row:]
    bar[:] = 0
    bar[0] = bar[-1] = bar[bar.shape[0] // 2] = 255
    bar[:, :: bar.shape[1] // 8] = 255
    text_line(bar, 6, 255, seed=1)
    text_line(bar, bar.shape[0] // 2 + 6, 255, seed=2)
    return out


def jeol_bar(image: np.ndarray, row: int) -> np.ndarray:
    """One line of white text on black and a thick scale bar."""
    out = image.copy()
    bar = out[row:]
    bar[:] = 0
    text_line(bar, bar.shape[0] // 3, 255, seed=3)
    bar[bar.shape[0] // 3 + 14 : bar.shape[0] // 3 + 18, 300:400] = 255
    return out


def framed_bar(image: np.ndarray, row: int) -> np.ndarray:
    """Grey paper inside a thin black frame, as Tescan and some Zeiss print it, logo at the left."""
    out = image.copy()
    bar = out[row:]
    bar[:] = 200
    bar[:2] = bar[-2:] = 0
    bar[:, :2] = bar[:, -2:] = 0
    bar[2:-2, 4 : bar.shape[1] // 7] = 40
    text_line(bar[:, bar.shape[1] // 6 :], bar.shape[0] // 3, 0, seed=4)
    return out
