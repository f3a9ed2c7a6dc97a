"""The mount beside a specimen: resin, a clamp, or the dark beyond an edge, with nothing in it.

Networks find no boundary there, so all of it becomes one grain, many times as large as any other,
and where it is much, they take the scale from it. It is told from a grain by what can be seen
without a network: it reaches far along the frame, one plain outline parts it from the specimen,
hardly anything in the specimen has its grey level, and nothing there is nearly as wide and empty.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
Grey = npt.NDArray[np.float32]

# A copy of at most so many px a side is looked at. A picture of less has no room for a specimen and
# a mount, nor has a strip of which less than this is left in the copy.
_SIDE, _LEAST_SIDE, _LEAST_LEFT = 512, 64, 32
# Gaussian, px of the copy: for grey levels, and for steps between them.
_SMOOTHED, _STEPS = 2.0, 1.5
# It lies along the frame for this share of the shorter side, where its levels (5 to 95 %) differ
# by less than this share of the picture's range (1 to 99 %).
_CONTACT, _EVEN, _STRIP = 0.25, 0.3, 3
# What belongs to it differs from it by less: so many times its spread, or this share of the range.
_SPREADS, _SAME = 4.0, 0.08
_LEAST_AREA, _MOST_AREA = 0.04, 0.85
# Thinner than this share of the longer side: a groove that runs into it.
_THIN = 0.012
# Other levels within it, shares of it; parts of the specimen that are cut off, shares of that.
_HOLES, _CUT_OFF = 0.05, 0.05
# Its outline is at most so many times as long as a straight one; that of the ground between
# particles is longer.
_OUTLINE = 2.8
# The share of the specimen that may have its level. It is so many times as wide as the widest empty
# place of the specimen; where nothing is alike and many grains show, less is enough.
_ALIKE, _WIDER = 0.15, 5.0
_UNLIKE, _MANY, _WIDE = 0.005, 50, 3.3
# Only where the specimen has room for so many such places: few grains may be as wide as this.
_PLACES = 25
# As far as a Gaussian reaches, px of the copy.
_REACH = 6
# A step in the specimen is stronger than what is in the mount, and this share of the range a px.
_STRONGER, _LEAST_STEP = 1.2, 0.04
_RIM = 2  # px of the copy by which it is taken wider: the edge of a specimen is rounded


def find_mount(grey: npt.NDArray[np.generic], known: Mask | None = None) -> Mask | None:
    """Return where the mount beside the specimen lies.

    Parameters
    ----------
    grey : numpy.ndarray
        ``(y, x)``, any real type.
    known : bool (y, x), optional
        What is known to be no specimen, such as a scale bar in the mount.

    Returns
    -------
    bool (y, x) or None
        True = mount. None when there is none, and when it might as well be a grain.
    """
    factor = -(-max(grey.shape) // _SIDE)
    if min(grey.shape) < max(_LEAST_SIDE, _LEAST_LEFT * factor):
        return None
    copy = _Copy.of(grey, known, factor)
    if copy.range <= 0:
        return None
    for level, allowed in _levels(copy):
        parts = _parts(copy, level, allowed)
        if parts and _is_mount(copy, parts, np.abs(copy.smooth - level) <= allowed):
            return copy.as_large(np.logical_or.reduce(parts))
    return None


@dataclass(frozen=True, eq=False)
class _Copy:
    """A smaller copy of a picture: `factor` px of it each way are one here.

    `known` is what has no value or is known to be no specimen, and what that spoils around it.
    """

    grey: Grey
    known: Mask
    factor: int
    shape: tuple[int, ...]

    @classmethod
    def of(cls, grey: npt.NDArray[np.generic], known: Mask | None, factor: int) -> _Copy:
        from scipy.ndimage import binary_dilation

        small = _means(grey, factor)
        lost = ~np.isfinite(small)
        if known is not None:
            lost |= _means(known, factor) > 0
        usual = float(np.median(small[~lost])) if not lost.all() else 0.0
        spoilt = np.asarray(binary_dilation(lost, iterations=_REACH)) if lost.any() else lost
        return cls(np.where(lost, np.float32(usual), small), spoilt, factor, grey.shape)

    @cached_property
    def smooth(self) -> Grey:
        from scipy.ndimage import gaussian_filter

        return np.asarray(gaussian_filter(self.grey, _SMOOTHED))

    @cached_property
    def steps(self) -> Grey:
        from scipy.ndimage import gaussian_gradient_magnitude

        return np.asarray(gaussian_gradient_magnitude(self.grey, _STEPS))

    @cached_property
    def range(self) -> float:
        low, high = np.percentile(self.smooth, (1, 99))
        return float(high - low)

    def as_large(self, found: Mask) -> Mask:
        """Return a part of the copy, a little wider, at the picture's own size."""
        from scipy.ndimage import binary_dilation

        wide = np.asarray(binary_dilation(found, iterations=_RIM))
        rows, columns = (
            np.minimum(np.arange(side) // self.factor, most - 1)
            for side, most in zip(self.shape, wide.shape, strict=True)
        )
        return wide[rows][:, columns]


def _means(picture: npt.NDArray[np.generic], factor: int) -> Grey:
    """Return the means of squares of so many px a side, without what is left over."""
    rows, columns = (side // factor for side in picture.shape)
    whole = picture[: rows * factor, : columns * factor]
    squares = whole.reshape(rows, factor, columns, factor)
    return np.asarray(squares.mean((1, 3), dtype=np.float32))


def _levels(copy: _Copy) -> Iterator[tuple[float, float]]:
    """Yield the levels of even stretches along the frame, the evenest first, and how exact."""
    lines = [copy.smooth[:_STRIP], copy.smooth[-_STRIP:]]
    lines += [copy.smooth.T[:_STRIP], copy.smooth.T[-_STRIP:]]
    length = int(_CONTACT * min(copy.smooth.shape))
    stretches = []
    for line in lines:
        count = max(2, 2 * line.shape[1] // length)
        for start in np.linspace(0, line.shape[1] - length, count).astype(int):
            part = line[:, start : start + length]
            low, level, high = np.percentile(part, (5, 50, 95))
            if high - low <= _EVEN * copy.range:
                spread = 1.4826 * float(np.median(np.abs(part - level)))
                allowed = max(_SPREADS * spread, _SAME * copy.range, high - low)
                stretches.append((float(high - low), float(level), float(allowed)))
    seen: list[float] = []
    for _, level, allowed in sorted(stretches):
        if all(abs(level - other) >= _SAME * copy.range for other in seen):
            seen.append(level)
            yield level, allowed


def _parts(copy: _Copy, level: float, allowed: float) -> list[Mask]:
    """Return the parts of a level that are wide, full, and far along the frame."""
    from scipy.ndimage import binary_fill_holes, distance_transform_edt, label

    alike = (np.abs(copy.smooth - level) <= allowed) | copy.known
    thin = max(2, round(_THIN * max(alike.shape)))
    beyond = np.pad(alike, thin + 1, mode="reflect")
    core = distance_transform_edt(beyond) > thin
    if not core.any():
        return []
    wide = (distance_transform_edt(~core) <= thin)[thin + 1 : -thin - 1, thin + 1 : -thin - 1]
    numbers, count = label(wide & alike)
    rim = np.concatenate([numbers[0], numbers[-1], numbers[:, 0], numbers[:, -1]])
    along = np.bincount(rim, minlength=count + 1)
    sizes = np.bincount(numbers.ravel())
    least = _LEAST_AREA * numbers.size
    sizes[0] = 0
    parts = []
    for number in np.flatnonzero(
        (along >= _CONTACT * min(alike.shape)) & (sizes >= (1 - _HOLES) * least)
    ):
        filled = np.asarray(binary_fill_holes(numbers == number))
        area = filled.sum()
        if area >= least and sizes[number] >= (1 - _HOLES) * area:
            parts.append(filled)
    return parts


def _is_mount(copy: _Copy, parts: list[Mask], alike: Mask) -> bool:
    """Return whether parts of one level are a mount, and no grains or ground between particles."""
    from scipy.ndimage import binary_dilation, distance_transform_edt, label

    mount = np.logical_or.reduce(parts)
    if mount.mean() > _MOST_AREA or any(_outline(part) > _OUTLINE for part in parts):
        return False
    pieces, _ = label(~mount)
    sizes = np.bincount(pieces[~mount])
    specimen = pieces == sizes.argmax()
    if specimen.sum() < (1 - _CUT_OFF) * sizes.sum():
        return False
    away = specimen & ~np.asarray(binary_dilation(mount, iterations=2 * _RIM))
    share = float(alike[away].mean()) if away.any() else 1.0
    steps = _steps(copy, mount)
    if share > _ALIKE or not (steps & specimen).any():
        return False
    widest = max(1.0, float(np.percentile(distance_transform_edt(~steps)[specimen], 99.5)))
    places = specimen.sum() / (np.pi * widest**2)
    wider = _WIDE if share < _UNLIKE and places > _MANY else _WIDER
    return bool(places >= _PLACES and all(_width(part) >= wider * widest for part in parts))


def _outline(part: Mask) -> float:
    """Return how many times as long as a straight one the outline of a part is."""
    steps = np.count_nonzero(part[1:] != part[:-1]) + np.count_nonzero(part[:, 1:] != part[:, :-1])
    # a line that slants crosses 4 / π times as many px as it is long, on average
    return float(steps / (sum(part.shape) / 2))


def _width(part: Mask) -> float:
    """Return the radius, px, of the widest circle in a part that goes on beyond the frame."""
    from scipy.ndimage import distance_transform_edt

    return float(distance_transform_edt(np.pad(part, 1, mode="edge")).max())


def _steps(copy: _Copy, mount: Mask) -> Mask:
    """Return where the picture has steps that are stronger than those in the mount."""
    from scipy.ndimage import binary_erosion

    inner = binary_erosion(np.pad(mount, _REACH, mode="edge"), iterations=_REACH)
    inner = inner[_REACH:-_REACH, _REACH:-_REACH] & ~copy.known
    strongest = np.percentile(copy.steps[inner], 99.5) if inner.any() else np.inf
    return (copy.steps > max(_STRONGER * strongest, _LEAST_STEP * copy.range)) | copy.known
