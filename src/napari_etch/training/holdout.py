"""What is held back of the labelled micrographs, to see whether a training helps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from napari_etch.training.folder import Pair

#: Part that is held back.
SHARE = 0.2
#: From so many micrographs on, whole ones are held back; of fewer, a part of each, since one of
#: two would be half of all there is to learn from.
MANY = 3
#: A strip is no use below so many px or so many grains across its area.
LEAST_SIDE, LEAST_GRAINS = 48, 8
#: Between a strip and what is learnt from lie so many mean intercepts, at most a tenth of the side.
MARGIN = 1.0
_MOST_NAMED = 5


@dataclass(frozen=True, eq=False)
class Split:
    """What is learnt from and what is held back.

    Attributes
    ----------
    learnt, held : list of Pair
    how : str
        What is held back, in words; "" where nothing is.
    """

    learnt: list[Pair]
    held: list[Pair]
    how: str


def hold_out(pairs: Sequence[Pair], *, share: float = SHARE, seed: int = 0) -> Split:
    """Hold a part of the labelled micrographs back.

    By specimen where there are several, those that `specimens.csv` names and each image that it
    does not; else by image or stack where there are at least `MANY`; else a strip at one end of
    each image (of a stack: its last sections), with a margin that belongs to neither side.

    Parameters
    ----------
    pairs : sequence of Pair
    share : float
        How much is held back, 0 to 0.5; 0 holds nothing back.
    seed : int
        Picks which specimens or images, and which end.
    """
    if share <= 0:
        return Split(list(pairs), [], "")
    random = np.random.default_rng(seed)
    nameless = sorted({pair.source for pair in pairs if not pair.specimen})
    named = {pair.specimen for pair in pairs if pair.specimen}
    if named and len(named) + len(nameless) > 1:
        split = _by_group(
            pairs, lambda pair: pair.specimen or pair.source, "specimen", share, random
        )
        return replace(split, how=split.how + _without_specimen(nameless))
    if len({pair.source for pair in pairs}) >= MANY:
        return _by_group(pairs, lambda pair: pair.source, "image", share, random)
    return _parts(pairs, share, random)


def _without_specimen(images: Sequence[str]) -> str:
    """Return what is said of images that no row of a table names: one forgotten may leak."""
    if not images:
        return ""
    more = len(images) - _MOST_NAMED
    names = ", ".join(images[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
    own = "counts as one of its own" if len(images) == 1 else "each count as one of their own"
    return f" (no specimen is stated for {names}, which {own})"


def _by_group(
    pairs: Sequence[Pair],
    group: Callable[[Pair], str],
    word: str,
    share: float,
    random: np.random.Generator,
) -> Split:
    groups = sorted({group(pair) for pair in pairs})
    number = min(len(groups) - 1, max(1, round(share * len(groups))))
    chosen = {groups[index] for index in random.permutation(len(groups))[:number]}
    learnt = [pair for pair in pairs if group(pair) not in chosen]
    held = [pair for pair in pairs if group(pair) in chosen]
    return Split(learnt, held, f"{word} {', '.join(sorted(chosen))}")


def _parts(pairs: Sequence[Pair], share: float, random: np.random.Generator) -> Split:
    learnt: list[Pair] = []
    held: list[Pair] = []
    said: list[str] = []
    for source in sorted({pair.source for pair in pairs}):
        own = [pair for pair in pairs if pair.source == source]
        split = _last_sections(own, share) if len(own) >= 2 * MANY else None
        if split is not None:
            learnt, held = learnt + split.learnt, held + split.held
            said.append(split.how)
            continue
        for pair in own:
            strip = _strip(pair, share, random)
            learnt.append(strip[0] if strip else pair)
            if strip:
                held.append(strip[1])
                said.append(f"{strip[2]} of {pair.name}")
    return Split(learnt, held, ", ".join(said))


def _last_sections(pairs: list[Pair], share: float) -> Split:
    """Hold the last sections of a stack back; the one before them is left out."""
    number = max(1, round(share * len(pairs)))
    first = len(pairs) - number
    how = f"the last {number} sections of {pairs[0].source}"
    return Split(pairs[: first - 1], pairs[first:], how)


def _strip(pair: Pair, share: float, random: np.random.Generator) -> tuple[Pair, Pair, str] | None:
    """Return what is left of an image, the strip at one end of its longer side, and in words."""
    height, width = pair.labels.shape
    axis = 0 if height > width else 1
    length, across = (height, width) if axis == 0 else (width, height)
    side = round(share * length)
    spacing = pair.intercept if np.isfinite(pair.intercept) else 0.05 * length
    margin = round(min(max(8.0, MARGIN * spacing), 0.1 * length))
    if side < LEAST_SIDE or (spacing > 0 and side * across < LEAST_GRAINS * spacing**2):
        return None
    ends = [(slice(0, side), slice(side + margin, length))]
    ends.append((slice(length - side, length), slice(0, length - side - margin)))
    # With an ignore mask one end may hold all that is learnt, the other nothing.
    along = pair.learnt.mean(1 - axis)
    off = [abs(along[strip].sum() / along.sum() - share) for strip, _ in ends]
    order = [0, 1] if random.random() < 0.5 else [1, 0]
    best = min(order, key=lambda index: round(off[index], 2))
    strip, rest = ends[best]
    if min(along[strip].sum(), along[rest].sum()) * across < LEAST_GRAINS * spacing**2:
        return None
    names = (("upper", "lower"), ("left", "right"))[axis]
    words = f"the {names[best]} {round(100 * share)} %"
    if axis == 0:
        whole = slice(0, width)
        return pair.cut(rest, whole), pair.cut(strip, whole), words
    whole = slice(0, height)
    return pair.cut(whole, rest), pair.cut(whole, strip), words
