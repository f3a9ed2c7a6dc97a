"""The generalist: one network for any micrograph, at any grain size, with nothing to set.

Scale is chosen from the image: the network looks at a few sizes of its middle part, and at each the
mean intercept is read off the grains it finds. The image is then brought to the intercept that the
network knows best, and at quality "best" the answers at several sizes and mirrorings are averaged.
Where many of the boundaries end, their gaps are closed with the repair network (`models.gaps`).
"""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_etch.grains.cutting import GENERALIST, Cutting, cut_grains
from napari_etch.inference.events import Pass
from napari_etch.models.gaps import MANY_ENDS, close_gaps, ends_per_square
from napari_etch.models.heads import MAPS, read_heads
from napari_etch.models.prepare import middle, prepared, trimmed
from napari_etch.models.resize import brought_back, resize
from napari_etch.models.scratches import without_scratches

if TYPE_CHECKING:
    from torch import nn

    from napari_etch.grains import Partition
    from napari_etch.micrograph import Micrograph
    from napari_etch.models.weights_file import StoredModel

Maps = npt.NDArray[np.float32]

# The mean intercept, in px, to which an image is brought before the network sees it.
TARGET = 28.0
# Sizes at which the image is tried, as factors of its own size.
TRIALS = (2.0, 1.0, 0.5, 0.25, 0.125)
# Side of the middle part that a trial looks at, and the least side worth a trial, px.
TRIAL_SIDE = 512
TRIAL_LEAST = 96
# Of an image at its scale, as part of its own area: that of grains of 40 px.
USUAL_AREA = 0.5
# An image is never enlarged beyond this: there is nothing to be seen between its pixels.
MOST_ENLARGED = 4.0
# Scratches are looked for again after some were filled in, so often at most.
SCRATCH_ROUNDS = 2
# Part of a run that closing gaps is, and where it is not known yet whether any are to be closed.
GAP_SHARE, MAYBE_SHARE = 0.3, 0.15
# Relative sizes and mirrorings (down, right) that are averaged.
QUALITIES: dict[str, tuple[tuple[float, bool, bool], ...]] = {
    "fast": ((1.0, False, False),),
    "best": (
        (1.0, False, False),
        (1.0, True, True),
        (0.8, False, True),
        (1.25, True, False),
    ),
}


class Generalist:
    """Any micrograph to boundary probability and separation.

    Parameters
    ----------
    stored : StoredModel
        Weights and card.
    """

    name = "generalist"
    #: How its map is cut, and what is taken from every boundary: see `grains.cutting`.
    cutting: Cutting = GENERALIST
    lean: float = 0.0
    title: str = "Generalist (any micrograph)"
    stride = 16
    network: nn.Module

    def __init__(self, stored: StoredModel) -> None:
        from napari_etch.networks.etchnet import EtchNet

        self._describe(stored)
        parameters = stored.card.get("parameters", {})
        network = EtchNet(tuple(parameters.get("widths", (48, 96, 192, 256))))
        stored.load_into(network)
        self.network, self.channels_out = network.eval(), network.channels_out
        self.margin = int(parameters.get("margin", 112))

    def _describe(self, stored: StoredModel) -> None:
        """Take over what the card says."""
        self.card = stored.card
        self.weights_hash = stored.weights_hash
        self.title = str(stored.card.get("title", type(self).title))
        # A model that learnt what people draw has learnt to stop where they do.
        self.closes_gaps = bool(stored.card.get("closes_gaps", False))
        self.segment_options: dict[str, Any] = {
            "grain_size": None,
            "quality": "best",
            "close_gaps": None if self.closes_gaps else False,
            "fill_scratches": True,
        }

    def read(self, raw: Maps) -> Maps:
        """Return float32 (2, y, x) maps, named in `heads.MAPS`, of the network's raw output."""
        return read_heads(raw)

    def alone(self, image: Maps) -> Maps:
        """Return what the network takes, (c, y, x), of an image (y, x) and nothing else."""
        return image[None]

    def known_grain_size(self, micrograph: Micrograph) -> float | None:
        """Return the mean intercept in px where it need not be looked for; None for any image."""
        return None

    def passes(
        self,
        micrograph: Micrograph,
        *,
        grain_size: float | None = None,
        quality: str = "best",
        close_gaps: bool | None = None,
        fill_scratches: bool = True,
    ) -> Generator[Pass, np.ndarray, dict[str, Any]]:
        """Run the network as often as the quality asks; see `napari_etch.inference.Predictor`.

        Parameters
        ----------
        micrograph : Micrograph, 2D
        grain_size : float, optional
            Mean intercept in px of the image; found from the image when not given.
        quality : "fast" or "best"
            One pass, or the mean of four sizes and mirrorings.
        close_gaps : bool, optional
            Whether the repair network is asked where lines that end go on: grains close behind
            precipitates and where etching failed, for a third to a half more time. When not given,
            a model whose card says "closes_gaps", as the generalist's does, asks at quality "best"
            where many lines end (`gaps.MANY_ENDS`); others do not ask.
        fill_scratches : bool
            Whether straight lines that the first pass took for boundaries and that cross grains
            (`models.scratches`) are filled in before the network looks again. Where there are
            none, nothing is added to the run.

        Returns
        -------
        dict
            Float32 (y, x) maps named in `heads.MAPS`, "grain_size_px", and a "log" of what was
            chosen.

        Raises
        ------
        ValueError
            When the quality is unknown or the grain size is not positive.
        """
        if quality not in QUALITIES:
            raise ValueError(f"quality is {quality!r}: choose {' or '.join(QUALITIES)}.")
        (image, taken_out), given = prepared(micrograph), grain_size
        views = QUALITIES[quality]
        work = np.array([size**2 for size, _, _ in views])
        grain_size, search = yield from self._settle_grain_size(
            micrograph, image, given, search_share(image.shape, float(work.sum()))
        )
        if close_gaps is None and not (self.closes_gaps and quality == "best"):
            close_gaps = False
        closing = MAYBE_SHARE if close_gaps is None else GAP_SHARE * close_gaps
        shares = (1 - search - closing) * work / work.sum()
        maps = yield from self._view(image, grain_size, views[0], shares[0])
        scratches = 0
        for _ in range(SCRATCH_ROUNDS if fill_scratches else 0):
            image, more = without_scratches(image, maps[0], grain_size)
            if not more:
                break
            scratches += more  # they made grains seem finer than they are
            grain_size, _ = yield from self._settle_grain_size(micrograph, image, given, 0.0)
            maps = yield from self._view(image, grain_size, views[0], 0.0)
        total = np.stack([brought_back(found, image.shape) for found in maps])
        for view, share in zip(views[1:], shares[1:], strict=True):
            maps = yield from self._view(image, grain_size, view, share)
            for channel, found in zip(total, maps, strict=True):
                channel += brought_back(found, image.shape)
        total /= len(views)
        np.clip(total, 0, 1, out=total)
        fields: dict[str, Any] = dict(zip(MAPS, total, strict=True))
        fields["grain_size_px"] = np.float32(grain_size)
        scale = clipped_scale(TARGET / grain_size, image.shape)
        fields["log"] = {"grain_size_px": round(float(grain_size), 2), "scale": round(scale, 4)}
        if taken_out:
            fields["log"]["taken_out"] = ", ".join(taken_out)
        if scratches:
            fields["log"]["scratches"] = scratches
        yield from self._close_gaps(fields, micrograph.mask, close_gaps, closing)
        return fields

    def _view(
        self, image: Maps, grain_size: float, view: tuple[float, bool, bool], share: float
    ) -> Generator[Pass, np.ndarray, Maps]:
        """Look at an image at one size and mirroring; return the maps at that size, turned back."""
        size, flip_y, flip_x = view
        scale = clipped_scale(TARGET / grain_size, image.shape)
        factor = clipped_scale(scale * size, image.shape)
        turn = np.s_[:: -1 if flip_y else 1, :: -1 if flip_x else 1]
        what = f"scale {factor:.2g}" + (", mirrored" if flip_y or flip_x else "")
        seen = np.ascontiguousarray(resize(image, factor)[turn][None])
        raw = yield Pass(seen, what, float(share))
        return self.read(raw)[:, turn[0], turn[1]]

    def _close_gaps(
        self,
        fields: dict[str, Any],
        mask: npt.NDArray[np.bool_] | None,
        wanted: bool | None,
        share: float,
    ) -> Generator[Pass, np.ndarray, None]:
        """Close the gaps of the fields in place where that is wanted; None asks the map itself."""
        log = fields["log"]
        if wanted is None:
            ends = ends_per_square(fields["boundary"], mask, float(fields["grain_size_px"]))
            log["ends_per_square"] = round(ends, 2)
            wanted = ends >= MANY_ENDS
        log["close_gaps"] = wanted
        if not wanted:
            return
        bridges, log["bridges"] = yield from close_gaps(fields["boundary"], mask, share)
        for name in MAPS:
            np.maximum(fields[name], bridges, out=fields[name])

    def _settle_grain_size(
        self, micrograph: Micrograph, image: Maps, given: float | None, share: float
    ) -> Generator[Pass, np.ndarray, tuple[float, float]]:
        """Return the mean intercept in px, and which part of the work looking for it was."""
        if given is not None and not (math.isfinite(given) and given > 0):
            raise ValueError(f"grain size is {given}: give the mean intercept in px, above 0.")
        size = self.known_grain_size(micrograph) if given is None else given
        if size is not None:
            return size, 0.0
        return (yield from self._find_grain_size(image, micrograph.mask, share)), share

    def _find_grain_size(
        self, image: Maps, mask: npt.NDArray[np.bool_], share: float
    ) -> Generator[Pass, np.ndarray, float]:
        """Try several sizes of the specimen's middle and return the mean intercept in px."""
        from napari_etch.models.grain_size import choose_grain_size, measure_trial

        image, mask = trimmed(image, mask)
        areas = trial_areas(image.shape)
        found: dict[float, tuple[float, float]] = {}
        for factor, area in areas.items():
            seen = resize(middle(image, TRIAL_SIDE / factor), factor)
            inside = resize(middle(mask, TRIAL_SIDE / factor).astype(np.float32), factor) > 0.5
            what = "finding the grain size"
            part = share * area / sum(areas.values())
            raw = yield Pass(self.alone(seen), what, part)
            found[factor] = measure_trial(self.read(raw), inside if inside.any() else None)
        return choose_grain_size(found)

    def partition(
        self,
        fields: dict[str, Any],
        *,
        mask: npt.NDArray[np.bool_] | None = None,
        granularity: float = 0.5,
        min_area: float | None = None,
    ) -> Partition:
        """Turn the fields into grains.

        A pixel counts as boundary as far as the boundary map and the separation agree
        (their geometric mean): a speck of boundary that parts nothing is no boundary. Which edges
        between two fragments stay is said in `grains.cutting`.

        Parameters
        ----------
        fields : dict
            As `passes` returns them: "boundary", "separation" and "grain_size_px" are used.
        mask, granularity, min_area
            As in `napari_etch.grains.partition`; `min_area` follows the grain size when not given.
        """
        return cut_grains(
            np.sqrt(fields["boundary"] * fields["separation"]),
            float(fields["grain_size_px"]),
            mask=mask,
            granularity=granularity,
            min_area=min_area,
            lean=self.lean,
            cutting=self.cutting,
        )


def trial_areas(shape: tuple[int, ...]) -> dict[float, float]:
    """Return at which sizes an image is tried, and how many px the network sees of it then."""
    fit = [factor for factor in TRIALS if factor * min(shape) >= TRIAL_LEAST] or [1.0]
    return {
        factor: math.prod(min(TRIAL_SIDE, factor * length) for length in shape) for factor in fit
    }


def search_share(shape: tuple[int, ...], work: float) -> float:
    """Return which part of a run looking for the grain size is, about: the scale is not known yet.

    Parameters
    ----------
    shape : tuple of int
        Of the image, px.
    work : float
        What comes then, in times that the image is seen at its scale.
    """
    search = sum(trial_areas(shape).values())
    return search / (search + USUAL_AREA * math.prod(shape) * work)


def clipped_scale(scale: float, shape: tuple[int, ...]) -> float:
    """Return the scale within what the image allows: not beyond its detail, not below 32 px."""
    return float(max(min(scale, MOST_ENLARGED), min(1.0, 32 / min(shape))))
