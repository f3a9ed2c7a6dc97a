"""The course of a decoder's training: samples, loss, steps, looks at what is held back."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from napari_etch.models.backbones import COMPACT_NAME
from napari_etch.models.generalist import TARGET
from napari_etch.training.paced import Keeping
from napari_etch.training.recipes import chosen
from napari_etch.training.trainers import (
    TrainError,
    TrainEvent,
    TrainNotice,
    TrainRequest,
    TrainStep,
)

if TYPE_CHECKING:
    from napari_etch.networks.vit import Backbone, Decoder
    from napari_etch.training.folder import Pair
    from napari_etch.training.token_cache import TokenCache

#: What the labels are to the decoder: boundaries between grains, or a mask of grain and no grain.
TARGETS = ("grains", "mask")
_CROP = 192  # px, about; whole tokens
_FACTORS = (0.25, 4.0)
_STOPPED, _TIME_UP = "It was stopped.", "The time is up."
# Of what is held back, at most so many images are looked at during the training.
_WATCHED = 16
# Options that say what a checkpoint is of; the others may change when it is gone on with.
_OWN = ("backbone", "target", "rate", "holdout")


@dataclass(frozen=True)
class Options:
    """What only this trainer knows.

    Attributes
    ----------
    backbone : str
        One of `models.backbones.NAMES`.
    target : str
        ``grains``, or ``mask`` as published: labels above 0 are grain, the rest is not.
    batch : int
    rate : float
    patience : int
        Looks without gain after which the training ends.
    holdout : float
        Part that is held back, 0 to 0.5.
    cache : Path or None
        Folder of the tokens; in the user's cache folder when none is given.
    """

    backbone: str = COMPACT_NAME
    target: str = "grains"
    batch: int = 8
    rate: float = 1e-3
    patience: int = 4
    holdout: float = 0.2
    cache: Path | None = None

    @classmethod
    def of(cls, given: dict[str, Any]) -> Options:
        """Return the options of a request.

        Raises
        ------
        TrainError
            When there is no such option, or no such value of it.
        """
        known = set(cls.__dataclass_fields__)
        strange = sorted(set(given) - known)
        if strange:
            raise TrainError(
                f"dinov2 has no option {strange[0]}: it has {', '.join(sorted(known))}."
            )
        cache = given.get("cache")
        options = chosen(cls(), {name: value for name, value in given.items() if name != "cache"})
        if cache is not None:
            if not isinstance(cache, str | int | os.PathLike):
                raise TrainError(f"cache is {cache!r}: give a folder.")
            options = replace(options, cache=Path(str(cache)))
        if not options.rate:
            raise TrainError("rate is 0: give a number above 0.")
        if options.holdout > 0.5:
            raise TrainError(f"holdout is {options.holdout}: give a share from 0 to 0.5.")
        if options.target not in TARGETS:
            raise TrainError(f"target is {options.target!r}: choose {' or '.join(TARGETS)}.")
        return options


@dataclass(frozen=True, eq=False)
class Sample:
    """An image as the decoder sees it.

    Attributes
    ----------
    name : str
    image : float32 (1, h, w)
    tokens : float16 (c, h / patch, w / patch)
    labels : int64 (h, w)
    learnt : float32 (h, w)
        0 where nothing is learnt.
    intercept : float
        Mean intercept at this size, px.
    inner : tuple of int
        Height and width without what was padded.
    """

    name: str
    image: Tensor
    tokens: Tensor
    labels: Tensor
    learnt: Tensor
    intercept: float
    inner: tuple[int, int]


def prepare_sample(pair: Pair, backbone: Backbone, cache: TokenCache, target: str) -> Sample:
    """Bring a pair to the grain size that the network knows and look up its tokens.

    Parameters
    ----------
    pair : Pair
    backbone : Backbone
    cache : TokenCache
    target : str
        Of `TARGETS`; masks keep their size.
    """
    from napari_etch.models.prepare import prepare
    from napari_etch.models.resize import resize

    factor = 1.0 if target == "mask" else float(np.clip(TARGET / pair.intercept, *_FACTORS))
    image = resize(prepare(pair.micrograph), factor)
    nearest = [
        ((np.arange(new) + 0.5) * old / new).astype(int)
        for old, new in zip(pair.labels.shape, image.shape, strict=True)
    ]
    pick = np.ix_(*nearest)
    step = backbone.stride
    # whole windows, and room for a crop, so that small and large images make one batch
    sides = [step * math.ceil(max(size, _CROP) / step) for size in image.shape]
    short = [(0, side - size) for side, size in zip(sides, image.shape, strict=True)]
    padded = np.pad(image, short, mode="symmetric")
    labels = np.pad(pair.labels[pick].astype(np.int64), short)
    learnt = np.pad(pair.learnt[pick].astype(np.float32), short)
    height, width = image.shape
    return Sample(
        pair.name,
        torch.from_numpy(padded)[None],
        cache.tokens(padded),
        torch.from_numpy(labels),
        torch.from_numpy(learnt),
        pair.intercept * factor,
        (height, width),
    )


def decoder_terms(
    logits: Tensor, labels: Tensor, learnt: Tensor, target: str
) -> tuple[Tensor, dict[str, float]]:
    """Return the loss where something is learnt, and each term's value.

    Parameters
    ----------
    logits : float32 (b, 8, h, w)
    labels : int64 (b, h, w)
    learnt : float32 (b, h, w)
    target : str
    """
    from torch.nn import functional

    from napari_etch.training.losses import affinity_loss, dice_loss, targets_of
    from napari_etch.virtual.maps import AFFINITY_OFFSETS

    if target == "mask":
        outside = (labels == 0).float()
        entropy = functional.binary_cross_entropy_with_logits(logits[:, 0], outside, weight=learnt)
        dice = dice_loss(torch.sigmoid(logits[:, :1]), outside[:, None], learnt[:, None])
        return entropy + 0.5 * dice, {
            "entropy": float(entropy.detach()),
            "dice": float(dice.detach()),
        }
    truth = targets_of(labels)
    entropy = functional.binary_cross_entropy_with_logits(
        logits[:, 0], truth.boundary, weight=learnt
    )
    dice = dice_loss(torch.sigmoid(logits[:, :1]), truth.boundary[:, None], learnt[:, None])
    distance = ((torch.sigmoid(logits[:, 1]) - truth.distance).abs() * learnt).mean()
    valid = truth.valid.clone()
    for index, (dy, dx) in enumerate(AFFINITY_OFFSETS):
        height, width = learnt.shape[-2:]
        there = torch.zeros_like(learnt)
        there[:, : height - dy, : width - dx] = learnt[:, dy:, dx:]
        valid[:, index] *= learnt * there
    terms = {
        "boundary": entropy + 0.3 * dice,
        "distance": distance,
        "affinity": affinity_loss(logits[:, 2:], truth.same, valid),
    }
    total = terms["boundary"] + 0.5 * terms["distance"] + 0.5 * terms["affinity"]
    return total, {name: float(value.detach()) for name, value in terms.items()}


class Course(Keeping):
    """A training while it runs: decoder, optimiser, the best so far.

    Parameters
    ----------
    decoder : Decoder
    request : TrainRequest
    options : Options
    device : str
    learnt, held : list of Sample
    """

    def __init__(
        self,
        decoder: Decoder,
        request: TrainRequest,
        options: Options,
        device: str,
        learnt: list[Sample],
        held: list[Sample],
    ) -> None:
        self.request = request
        self.decoder, self.options, self.device = decoder, options, device
        self.learnt, self.held = learnt, held
        # a look at all of many images would take longer than the steps between two looks
        self.watched = held[:: max(1, math.ceil(len(held) / _WATCHED))]
        self.steps = request.steps or 240
        self.seconds = 60 * request.minutes if request.minutes else float("inf")
        self.look_every = max(10, min(30, self.steps // 8))
        self.random = np.random.default_rng(request.seed)
        self.optimiser = torch.optim.AdamW(decoder.parameters(), lr=options.rate, weight_decay=1e-4)
        self.path = None if request.checkpoint is None else request.checkpoint / "state.pt"
        self.step, self.best_step, self.idle = 0, 0, 0
        self.best: dict[str, Tensor] = self._weights()
        self.best_loss = float("inf")
        self.before: dict[str, float] = {}
        self.after: dict[str, float] = {}
        self.why = ""
        #: Seconds before a resume.
        self.elapsed = 0.0
        self.saved = time.monotonic()
        area = np.array([sample.image.numel() for sample in learnt], float)
        self.chance = np.sqrt(area) / np.sqrt(area).sum()

    def events(self, stop: Callable[[], bool]) -> Iterator[TrainEvent]:
        """Train to the end and tell each step."""
        began = time.monotonic()
        if self._resume():
            yield TrainNotice(f"Going on from step {self.step}.")
        self.before = self.before or self.scores()
        if self.held and self.best_loss == float("inf"):
            self.best_loss = self.before["loss"]
        while not self.why:
            losses = self._learn()
            elapsed = self.elapsed + time.monotonic() - began
            look = self.step % self.look_every == 0 or self.step >= self.steps
            validation = self._look() if look and self.held else None
            left = min(self.seconds - elapsed, (self.steps - self.step) * elapsed / self.step)
            yield TrainStep(self.step, self.steps, elapsed, max(0.0, left), losses, validation)
            self.why = self._reason(stop, elapsed)
            said = ""
            if self.path and (look or self._is_late or self.why):
                said = self._kept(partial(self._save, elapsed))
            if said:
                yield TrainNotice(said)
        if not self.held:
            self.best, self.best_step = self._weights(), self.step
        self.decoder.load_state_dict(self.best)
        self.after = self.scores()
        if self.path is not None and self._is_over:
            self.path.unlink(missing_ok=True)

    @property
    def _is_over(self) -> bool:
        """Whether it ended by itself, so that nobody wants to go on with it."""
        return self.why not in (_STOPPED, _TIME_UP)

    def _reason(self, stop: Callable[[], bool], elapsed: float) -> str:
        """Return why the training ends here; empty while it goes on."""
        if stop():
            return _STOPPED
        if self.step >= self.steps:
            return "All steps were taken."
        if elapsed >= self.seconds:
            return _TIME_UP
        if self.held and self.idle >= self.options.patience:
            return f"{self.options.patience} looks brought no gain."
        return ""

    def _learn(self) -> dict[str, float]:
        """Take one step."""
        done = self.step / self.steps
        warm = min(1.0, (self.step + 1) / 10)
        fall = 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done))
        for group in self.optimiser.param_groups:
            group["lr"] = self.options.rate * warm * fall
        self.decoder.train()
        tokens, image, labels, learnt = self._batch()
        with torch.autocast(torch.device(self.device).type, dtype=torch.bfloat16):
            logits = self.decoder(tokens, image.contiguous(memory_format=torch.channels_last))
        loss, terms = decoder_terms(logits.float(), labels, learnt, self.options.target)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.decoder.parameters(), 5.0)
        self.optimiser.step()
        self.step += 1
        return terms

    def _batch(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return random crops, turned and mirrored, with another brightness and some noise."""
        rows: list[list[Tensor]] = [[], [], [], []]
        chosen = self.random.choice(len(self.learnt), self.options.batch, p=self.chance)
        for index in chosen:
            for row, item in zip(rows, self._crop(self.learnt[index]), strict=True):
                row.append(item)
        tokens, image, labels, learnt = (torch.stack(row).to(self.device) for row in rows)
        return tokens.float(), image, labels, learnt

    def _crop(self, sample: Sample) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        patch = sample.image.shape[-1] // sample.tokens.shape[-1]
        unit = patch if patch % 4 == 0 else 4 * patch  # quarters of the resolution are whole
        side = _CROP // unit * unit
        # what was padded is of no use: a crop begins where enough of the image follows
        room = [max(0, (size - side) // unit) for size in sample.inner]
        top, left = (unit * int(self.random.integers(n + 1)) for n in room)
        rows, columns = slice(top, top + side), slice(left, left + side)
        cells = (
            slice(top // patch, (top + side) // patch),
            slice(left // patch, (left + side) // patch),
        )
        parts = [
            sample.tokens[(slice(None), *cells)],
            sample.image[:, rows, columns],
            sample.labels[rows, columns],
            sample.learnt[rows, columns],
        ]
        turns, mirrored = int(self.random.integers(4)), self.random.random() < 0.5
        parts = [torch.rot90(part, turns, (-2, -1)) for part in parts]
        if mirrored:
            parts = [part.flip(-1) for part in parts]
        gain, shift = self.random.uniform(0.85, 1.18), self.random.uniform(-0.15, 0.15)
        noise = float(self.random.uniform(0, 0.15)) * torch.randn(parts[1].shape)
        parts[1] = (parts[1] * gain + shift + noise).clamp(-5, 5)
        return parts[0], parts[1], parts[2], parts[3]

    def _look(self) -> dict[str, float]:
        """Return the loss on what is held back, and keep the weights if they are the best."""
        loss = self._held_loss()
        if loss < self.best_loss - 1e-4:
            self.best, self.best_loss = self._weights(), loss
            self.best_step, self.idle = self.step, 0
        else:
            self.idle += 1
        return {"loss": loss}

    def _weights(self) -> dict[str, Tensor]:
        return {name: value.detach().clone() for name, value in self.decoder.state_dict().items()}

    @torch.inference_mode()
    def logits(self, sample: Sample) -> Tensor:
        """Return the logits of a whole image, float32 (1, k, h, w)."""
        self.decoder.eval()
        with torch.autocast(torch.device(self.device).type, dtype=torch.bfloat16):
            found: Tensor = self.decoder(
                sample.tokens[None].float().to(self.device), sample.image[None].to(self.device)
            )
        return found.float()

    def _held_loss(self) -> float:
        """Return the mean loss on what is held back, weighted by what is learnt there."""
        total = weight = 0.0
        for sample in self.watched:
            loss, _ = decoder_terms(
                self.logits(sample),
                sample.labels[None].to(self.device),
                sample.learnt[None].to(self.device),
                self.options.target,
            )
            area = float(sample.learnt.sum())
            total, weight = total + float(loss) * area, weight + area
        return total / max(weight, 1.0)

    def scores(self, most: int = 8) -> dict[str, float]:
        """Return loss, AP50 and relative count error on what is held back (the first `most`)."""
        if not self.held:
            return {}
        found = {"loss": self._held_loss()}
        if self.options.target == "mask":
            overlap = [self._mask_iou(sample) for sample in self.held]
            return {**found, "iou": float(np.mean(overlap))}
        pairs = [self._grain_scores(sample) for sample in self.held[:most]]
        ap50, error = (float(np.nanmean(column)) for column in zip(*pairs, strict=True))
        return {**found, "ap50": ap50, "count_error": error}

    def _mask_iou(self, sample: Sample) -> float:
        height, width = sample.inner
        grain = (self.logits(sample)[0, 0] < 0).cpu()[:height, :width]
        truth = (sample.labels > 0)[:height, :width]
        return float((grain & truth).sum() + 1e-6) / float((grain | truth).sum() + 1e-6)

    def _grain_scores(self, sample: Sample) -> tuple[float, float]:
        from napari_etch.evaluation import evaluate_grains
        from napari_etch.grains.cutting import PLAIN, cut_grains
        from napari_etch.models.heads import read_heads

        height, width = sample.inner
        raw = self.logits(sample)[0].cpu().numpy()[:, :height, :width]
        boundary, separation = read_heads(raw)
        learnt = sample.learnt[:height, :width].numpy() > 0
        strength = np.sqrt(boundary * separation)
        cut = cut_grains(strength, sample.intercept, cutting=PLAIN)
        truth = np.where(learnt, sample.labels[:height, :width].numpy() + 1, 0).astype(np.int32)
        scores = evaluate_grains(cut.grains, truth, ignore=~learnt)
        return scores.ap50 or 0.0, abs(scores.count_pred / max(1, scores.count_true) - 1)

    def _about(self) -> dict[str, Any]:
        """Return what tells whether a checkpoint is of this training; its length may differ."""
        options = asdict(self.options)
        return {
            "start": self.request.start,
            "labels": self.request.labels,
            "seed": self.request.seed,
            "images": [sample.name for sample in self.learnt],
            "options": {name: options[name] for name in _OWN},
        }

    def _save(self, elapsed: float) -> None:
        from napari_etch.training.run import save_state

        assert self.path is not None
        self.path.parent.mkdir(parents=True, exist_ok=True)
        state: dict[str, object] = {
            "about": self._about(),
            "elapsed": elapsed,
            "decoder": self._weights(),
            "optimiser": self.optimiser.state_dict(),
            "best": self.best,
            "numbers": [self.step, self.best_step, self.idle, self.best_loss],
            "before": self.before,
        }
        save_state(self.path, state)

    def _resume(self) -> bool:
        """Go on from the checkpoint where there is one."""
        if self.path is None or not self.path.exists():
            return False
        from napari_etch.training.run import checkpoint_of

        with checkpoint_of(self.path, self.device, self._about()) as state:
            self.decoder.load_state_dict(state["decoder"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.best, self.before = state["best"], state["before"]
            self.step, self.best_step, self.idle, self.best_loss = state["numbers"]
            self.elapsed = float(state["elapsed"])
        # other crops than those that were seen
        self.random = np.random.default_rng(self.step)
        return True
