"""The one call that fits: from micrographs to events, the last of which is the model."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_etch.models.r2v import COMPANION
from napari_etch.models.resize import resize
from napari_etch.training.fit_request import STARTS
from napari_etch.training.labelfree.checks import Verdict, judge
from napari_etch.training.labelfree.events import (
    FitError,
    FitNotice,
    FitPreview,
    FitStep,
    Fitted,
)
from napari_etch.training.labelfree.learners import Adapted, Learner, Scratch
from napari_etch.training.labelfree.loop import ADAPT, ANCHORED, SCRATCH, Fit, Plan
from napari_etch.training.labelfree.specimen import (
    Image,
    Specimen,
    Window,
    common_pixel_size,
    cut_out,
    find_scale,
    prepare_specimen,
)

if TYPE_CHECKING:
    from torch import Tensor

    from napari_etch.micrograph import Micrograph

Event = FitStep | FitPreview | FitNotice | Fitted
PREVIEW_SECONDS = 1.0
# A fit from scratch looks from so much closer than the found grain size asks for: where that is
# found too large, thin lines vanish, and where too small, little is lost.
CLOSER = 0.9
# An early end needs this many checks without a better one.
PATIENCE = 4
# So many checks in a row in which no grains are found end a fit.
HOPELESS = 4
# A later check is as good as the best one within this factor: it has learned for longer.
AS_GOOD = 1.1


def fit(
    micrographs: Sequence[Micrograph],
    *,
    start: str = "scratch",
    regions: Sequence[Window | None] | None = None,
    seed: int = 0,
    minutes: float | None = None,
    network: str = "best",
    device: str = "auto",
    stop: Callable[[], bool] = lambda: False,
    preview: Callable[[], tuple[int, Window] | None] = lambda: None,
    plan: Plan | None = None,
) -> Iterator[Event]:
    """Learn the grain boundaries of a specimen from its micrographs, without labels.

    Real to virtual: the micrographs' style is measured by virtual micrographs that look like them
    (`virtual.match`), the network learns on these, whose boundaries are known, and on the real
    pixels by the terms of `losses`. Seeded; on a CPU the same call gives the same model.

    Parameters
    ----------
    micrographs : sequence of Micrograph, 2D
        Of one specimen, at one magnification.
    start : "scratch", "generalist" or "both"
        R2V's own network from random weights, the generalist taken further, or R2V's own network
        whose answers are averaged with the generalist's from then on.
    regions : sequence of (slice, slice) or None, optional
        The part of each micrograph to learn from, px.
    seed : int
    minutes : float, optional
        The longest time; without it the steps are fixed, so that the result is too.
    network : "best" or "published"
        Form of R2V's network; only from scratch.
    device : str
        As in `inference.pick_device`.
    stop : callable
        Asked at every step; True ends the fit with the best so far.
    preview : callable
        Asked about every second for the micrograph and window to show; None for none.
    plan : Plan, optional
        Steps, sizes and weights of the terms in place of the start's own.

    Yields
    ------
    FitStep, FitPreview, FitNotice
        While it learns.
    Fitted
        Last: the model.

    Raises
    ------
    FitError
        When the micrographs show no grains or differ in pixel size, or `start` or `network` is
        unknown.
    """
    if start not in STARTS:
        raise FitError(f"A fit starts from {', '.join(STARTS)}, not from {start!r}.")
    alone = start != "generalist"
    if network not in ("best", "published"):
        raise FitError(f"The network's form is best or published, not {network!r}.")
    begun = time.monotonic()
    generator = torch.Generator().manual_seed(seed)
    common_pixel_size(micrographs)
    parts = cut_out(micrographs, regions)
    yield FitNotice("Looking how large the grains are.", passing=True)
    learner: Learner = Scratch(network, seed) if alone else Adapted()
    intercept = (
        find_scale(parts, generator)
        if alone
        else _generalist_scale(learner, parts[0].image, device)
    )
    _go_on(stop)
    found = f"The mean intercept is about {intercept:.0f} px"
    yield FitNotice(f"{found}; looking for virtual micrographs that resemble these.", passing=True)
    closer = CLOSER if alone else 1.0
    specimen = prepare_specimen(parts, closer * intercept, generator)
    _go_on(stop)
    plan = plan or (SCRATCH if alone else ADAPT)
    limit = begun + 60 * minutes if minutes else math.inf
    run = _Run(learner, specimen, plan, seed, begun, limit, device)
    yield from run.learn(stop, preview)
    if run.verdict.collapsed and alone and not run.stopped:
        yield FitNotice(
            f"{run.verdict.message} It is fitted again, held to the image's own ridges."
        )
        learner = Scratch(network, seed)
        anchored = replace(plan, terms=ANCHORED)
        run = _Run(learner, specimen, anchored, seed, begun, limit, device)
        yield from run.learn(stop, preview)
    if run.verdict.message:
        raise FitError(run.verdict.message + (f" {run.why}" if run.stopped else ""))
    yield run.fitted(micrographs, start)


def _go_on(stop: Callable[[], bool]) -> None:
    """Raise FitError when the fit is stopped before there is anything to keep."""
    if stop():
        raise FitError("The fit was stopped before anything was learnt, so there is no model.")


def _generalist_scale(learner: Learner, image: Image, device: str) -> float:
    """Return the mean intercept in px that the generalist finds in the first image."""
    from napari_etch.inference import Prediction, predict
    from napari_etch.micrograph import micrograph_from_array

    assert isinstance(learner, Adapted)
    micrograph = micrograph_from_array(image, "fit")
    for event in predict(learner.model, micrograph, device=device, quality="fast"):
        if isinstance(event, Prediction):
            return float(event.fields["grain_size_px"])
    raise FitError("The generalist gave no answer: try the fit from scratch.")


@dataclass
class _Best:
    quality: float
    step: int
    tensors: dict[str, Tensor]


class _Run:
    """One fit and what has to be known about it at its end."""

    def __init__(
        self,
        learner: Learner,
        specimen: Specimen,
        plan: Plan,
        seed: int,
        begun: float,
        limit: float,
        device: str,
    ) -> None:
        from napari_etch.inference import pick_device

        self.begun, self.limit = begun, limit
        self.fit = Fit(learner, specimen, plan, seed, pick_device(device))
        self.best: _Best | None = None
        self.since_best = self.bad = 0
        self.verdict = Verdict()
        self.stopped = False
        self.why = f"All {plan.steps} steps were taken."
        self.shown = 0.0

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.begun

    def learn(
        self, stop: Callable[[], bool], preview: Callable[[], tuple[int, Window] | None]
    ) -> Iterator[Event]:
        """Take the steps, check now and then, keep the best."""
        fit, steps = self.fit, self.fit.plan.steps
        every = max(1, steps // fit.plan.checks)
        started = time.monotonic()
        while fit.step < steps:
            now = time.monotonic()
            fit.time_used = min(1.0, (now - started) / max(1e-3, self.limit - started))
            found = fit.learn()
            check = fit.step % every == 0 or fit.step == steps
            quality = self._check() if check else None
            a_step = (time.monotonic() - started) / fit.step
            left = min(a_step * (steps - fit.step), self.limit - time.monotonic())
            yield FitStep(fit.step, steps, self.elapsed, max(0.0, left), found, quality)
            if time.monotonic() - self.shown > PREVIEW_SECONDS and (asked := preview()):
                yield self._preview(*asked)
                self.shown = time.monotonic()
            if self._ends(stop):
                break
        if self.best is None or self.stopped:
            self._check()  # what was learnt since the last one counts, too

    def _ends(self, stop: Callable[[], bool]) -> bool:
        if stop():
            self.stopped, self.why = True, f"Stopped by hand after {self.fit.step} steps."
        elif time.monotonic() > self.limit:
            self.stopped, self.why = True, f"The time was over after {self.fit.step} steps."
        elif self.since_best >= PATIENCE:
            self.why = f"Nothing got better any more after {self.fit.step} steps."
        elif self.bad >= HOPELESS:
            self.why = f"No check found grains until step {self.fit.step}."
        else:
            return False
        return True

    def _check(self) -> float:
        maps = self.fit.answers()
        quality = self.fit.quality(maps)
        verdict = judge(maps, self.fit.anchors_seen(), self.fit.twins.density)
        self.bad = self.bad + 1 if verdict.message else 0
        if self._is_better(quality, verdict):
            lowest = quality if self.best is None else min(quality, self.best.quality)
            self.best = _Best(lowest, self.fit.step, self.fit.weights())
            self.verdict, self.since_best = verdict, 0
        else:
            self.since_best += 1
        if self.fit.plan.terms.closed:
            self.fit.close()
        return quality

    def _is_better(self, quality: float, verdict: Verdict) -> bool:
        if self.best is None:
            return True
        if bool(verdict.message) != bool(self.verdict.message):
            return not verdict.message  # grains go before any figure
        return quality <= AS_GOOD * self.best.quality

    def _preview(self, index: int, window: Window) -> FitPreview:
        """Return the boundary map of a window as it is now."""
        specimen = self.fit.specimen
        asked, used = window, specimen.parts[index].window
        cut = [
            slice(max(a.start, u.start), max(a.start, u.start, min(a.stop, u.stop)))
            for a, u in zip(asked, used, strict=True)
        ]
        shape = tuple(item.stop - item.start for item in cut)
        if 0 in shape:
            return FitPreview(index, (cut[0], cut[1]), np.zeros(shape, np.float32))
        inner = tuple(
            slice(
                low := min(int((item.start - u.start) * specimen.factor), side - 1),
                max(low + 1, round((item.stop - u.start) * specimen.factor)),
            )
            for item, u, side in zip(cut, used, specimen.parts[index].image.shape, strict=True)
        )
        found = self.fit.answer_in(index, (inner[0], inner[1]))
        return FitPreview(index, (cut[0], cut[1]), resize(found, shape))

    def fitted(self, micrographs: Sequence[Micrograph], start: str) -> Fitted:
        """Return the model of the best check."""
        assert self.best is not None
        specimen, plan = self.fit.specimen, self.fit.plan
        names = [micrograph.name for micrograph in micrographs]
        card: dict[str, Any] = {
            **self.fit.learner.card(),
            "title": f"Fitted to {names[0]}" + (f" and {len(names) - 1} more" * (len(names) > 1)),
            "specimen": {
                "images": names,
                "intercept_px": round(specimen.intercept_px, 3),
                "pixel_size_um": common_pixel_size(micrographs),
                "style": specimen.style.summary(),
            },
            "training": {
                "method": f"label-free (R2V), from {start}",
                "seed": self.fit.seed,
                "steps": self.best.step,
                "seconds": round(self.elapsed, 1),
                "quality": round(self.best.quality, 4),
                "terms": {k: v for k, v in vars(plan.terms).items() if v},
            },
        }
        if start == "both":
            card["averaged_with"] = COMPANION
        return Fitted(self.best.tensors, card, self.best.step, self.why)
