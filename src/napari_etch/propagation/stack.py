"""Through a stack, block by block: backward, forward, averaged, with bad sections drawn anew."""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_etch.propagation.agreement import contrast
from napari_etch.propagation.between import drawn_between, fields_of
from napari_etch.propagation.done import SectionDone
from napari_etch.propagation.held import HeldBack, Settled
from napari_etch.propagation.walk import AVERAGED, Item, Walk, averaged

if TYPE_CHECKING:
    from napari_etch.inference import Notice, Prediction, TileDone
    from napari_etch.micrograph import Micrograph

# Sections that are gone through together, and how many beyond them going backward begins: what
# comes later matters less with every section.
BLOCK, AHEAD = 12, 4
# A section is blank when its grey values spread less than this part of what is usual here.
BLANK = 0.03
# Sections at which the mean intercept is looked for.
SIZED = 3
# So many sections that were segmented by themselves are named; of more, only the number is told.
MOST_ALONE = 3
# Work of cutting a section into grains, in passes of the network.
CUTTING = 0.15

_WHY = {
    "blank": "shows nothing: its grains were drawn from the sections beside.",
    "damaged": "is unlike its neighbours: its grains were drawn from the sections beside.",
    "faint": "shows little: it was segmented again with what lies between the sections beside.",
}

Events = Iterator["TileDone | Notice | SectionDone"]


def propagate(
    model: Any,
    sections: Iterable[Micrograph],
    count: int,
    *,
    granularity: float = 0.5,
    predict: Callable[..., Generator[Any, None, None]],
    **options: Any,
) -> Events:
    """Predict and cut the sections of a stack, each told what was found beside it.

    Parameters
    ----------
    model : WPUNet
        Or any model with ``told``, ``sizing`` and ``known_grain_size``.
    sections : iterable of Micrograph
        2D, of equal size; read once, at most 18 are held.
    count : int
        How many there are, for the progress.
    granularity : float
    predict : callable
        As `napari_etch.inference.predict`.
    **options
        For `predict`: device, cancel, tile and the model's own.

    Yields
    ------
    TileDone, Notice or SectionDone
        Sections in their order, each cut by its own boundaries and the grains of the sections
        beside (`propagation.beside`). One that is blank, or unlike its neighbours while these are
        alike, is drawn from them, and a `Notice` says so.

    Raises
    ------
    ValueError
        When no section can be used, or two differ in size.
    napari_etch.inference.Cancelled
        When the options hold a `cancel` that was set.
    """
    yield from _Stack(model, count, granularity, predict, dict(options)).run(iter(sections))


@dataclass(frozen=True, eq=False)
class _Known:
    """The grain map of the last section that was given out."""

    grains: np.ndarray
    grain_size: float


@dataclass(eq=False)
class _Stack:
    model: Any
    count: int
    granularity: float
    predict: Callable[..., Generator[Any, None, None]]
    options: dict[str, Any]
    work: float = 0.0
    furthest: float = 0.0
    started: float = field(default_factory=time.monotonic)
    contrasts: deque[float] = field(default_factory=lambda: deque(maxlen=4 * BLOCK))
    alone: int = 0
    back: bool = False
    waiting: list[Item] = field(default_factory=list)
    # Of each sound section that is held back: itself, and the skipped ones before it.
    held: HeldBack[tuple[Item, list[Item]]] = field(default_factory=HeldBack)
    before: _Known | None = None

    def run(self, sections: Iterator[Micrograph]) -> Events:
        from napari_etch.models.wpunet import directions_of

        quality = self.options.get("quality", "best")
        self.direction = directions_of(quality, self.options.get("direction"))
        ahead = 0 if self.direction == "forward" else AHEAD
        back = ahead > 0 and self.count > 1
        self.total = self.count * (CUTTING + (self.direction != "backward"))
        if back:
            blocks = -(-self.count // BLOCK)
            self.total += self.count + min(AHEAD, self.count) * max(0, blocks - 1)
        forward: Walk | None = None
        window: list[Item] = []
        numbers = itertools.count()
        while True:
            for micrograph in itertools.islice(sections, BLOCK + ahead - len(window)):
                window.append(self._item(next(numbers), micrograph))
            if not window:
                break
            if forward is None:
                yield from self._settle_grain_size(window)
                forward = Walk(self.model, self.predict, self.options)
            if back:
                self.back = True
                yield from self._backward(window)
                self.back = False
            block, window = window[:BLOCK], window[BLOCK:]
            yield from self._forward(block, forward)
            del block  # or the next window would be read while it is held
        yield from self._finish()

    def _item(self, index: int, micrograph: Micrograph) -> Item:
        spread = contrast(micrograph.data, micrograph.mask)
        self.contrasts.append(spread)
        return Item(index, micrograph)

    def _settle_grain_size(self, window: list[Item]) -> Events:
        """Look for one mean intercept for all sections, where none is given or known."""
        self._mark_blank(window)
        sound = [item for item in window if not item.skipped]
        if self.options.get("grain_size") is not None or not sound:
            return
        if self.model.known_grain_size(sound[0].micrograph) is not None:
            return
        from napari_etch.inference import Prediction

        found = []
        for place in np.unique(np.linspace(0, len(sound) - 1, SIZED).astype(int)):
            micrograph = sound[place].micrograph
            own = {k: v for k, v in self.options.items() if k in ("device", "tile", "cancel")}
            for event in self.predict(self.model.sizing(), micrograph, **own):
                if isinstance(event, Prediction):
                    found.append(float(event.fields["grain_size_px"]))
                else:
                    yield from self._told(event, sound[place], 0.0)
        self.options["grain_size"] = float(np.median(found))

    def _mark_blank(self, items: list[Item]) -> None:
        usual = float(np.median([each for each in self.contrasts if each > 0] or [0.0]))
        for item in items:
            spread = contrast(item.micrograph.data, item.micrograph.mask)
            if spread <= BLANK * usual or spread == 0:
                item.skipped = "blank"

    def _backward(self, window: list[Item]) -> Events:
        """Fill `back` of every section of the window, from its end."""
        self._mark_blank(window)
        walk = Walk(self.model, self.predict, self.options, mirrored=True)
        for item in reversed(window):
            if item.skipped == "blank":
                self.work += 1
                continue
            looked = _Last()
            yield from self._followed(looked.of(walk.look(item)), item)
            found = looked.value
            walk.keep(found.fields["carried"], found)
            item.back = {name: found.fields[name].astype(np.float16) for name in AVERAGED}
            item.prediction = found
            self.work += 1
        if self.direction == "backward":
            return
        for item in window:  # going forward judges them again, and knows the whole way to them
            item.prediction, item.alone = None, False
            item.skipped = item.skipped if item.skipped == "blank" else ""

    def _forward(self, block: list[Item], walk: Walk) -> Events:
        self._mark_blank(block)
        for item in block:
            if item.skipped == "blank":
                self.work += self.direction != "backward"
                self.waiting.append(item)
                continue
            if self.direction != "backward":
                looked = _Last()
                yield from self._followed(looked.of(walk.look(item)), item)
                found = looked.value
                item.prediction = averaged(found, item.back)
                if not walk.keep(item.prediction.fields["carried"], found):
                    item.skipped = "faint"
                item.back = None
                self.work += 1
            # the section before is settled only now: this one may have shown that it is damaged
            yield from self._settle_before(item)

    def _settle_before(self, item: Item) -> Events:
        """Give out what waits up to the latest sound section; `item` waits from now on."""
        sound = [each for each in self.waiting if not each.skipped]
        if sound:
            yield from self._give_out(sound[-1])
        self.waiting.append(item)

    def _finish(self) -> Events:
        sound = [each for each in self.waiting if not each.skipped]
        if sound:
            yield from self._give_out(sound[-1])
        yield from self._settled(self.held.finish())
        if self.alone > MOST_ALONE:
            from napari_etch.inference import Notice

            yield Notice(
                f"{self.alone} of {self.count} sections do not go on from the one before: are they "
                "aligned, and in order?"
            )
        if self.waiting:
            skipped, self.waiting = self.waiting, []
            yield from self._drawn(skipped, None)

    def _give_out(self, item: Item) -> Events:
        """Cut a sound section, and give out the one before, which knows both its sides now."""
        found = item.prediction
        assert found is not None
        mask = item.micrograph.mask
        partition = self.model.partition(found.fields, mask=mask, granularity=self.granularity)
        place = self.waiting.index(item)
        skipped, self.waiting = self.waiting[:place], self.waiting[place + 1 :]
        size = float(found.fields["grain_size_px"])
        yield from self._settled(self.held.push(item.index, partition, (item, skipped), size))

    def _settled(self, settled: Settled[tuple[Item, list[Item]]] | None) -> Events:
        """Give out a section that was held back, and before it those that are drawn."""
        if settled is None:
            return
        item, skipped = settled.what
        found = item.prediction
        assert found is not None
        known = _Known(settled.partition.grains, float(found.fields["grain_size_px"]))
        yield from self._drawn(skipped, known)
        if item.alone:
            yield from self._say_alone(item)
        fields = {name: value for name, value in found.fields.items() if name != "carried"}
        found = replace(found, fields=fields)
        yield SectionDone(item.index, item.micrograph, found, settled.partition)
        yield self._progress(item, "finding the grains", CUTTING)
        self.before = known

    def _say_alone(self, item: Item) -> Events:
        from napari_etch.inference import Notice

        self.alone += 1
        if self.alone <= MOST_ALONE:
            yield Notice(
                f"Section {item.index} does not go on from the one before: it was segmented "
                "by itself."
            )

    def _drawn(self, skipped: list[Item], after: _Known | None) -> Events:
        """Draw the skipped sections before a sound one, or after the last."""
        from napari_etch.inference import Notice, Prediction

        one, two = (None if known is None else known.grains for known in (self.before, after))
        for place, item in enumerate(skipped):
            lines = drawn_between(one, two, (place + 1) / (len(skipped) + 1))
            beside = self.before if after is None else after
            assert beside is not None
            yield Notice(f"Section {item.index} {_WHY[item.skipped]}")
            if item.skipped == "faint":
                found = yield from self._between(item, lines)
                mask = item.micrograph.mask
            else:
                fields = fields_of(lines, beside.grain_size)
                found, mask = Prediction(boundary=lines, fields=fields), beside.grains > 0
            found = replace(found, parameters={**found.parameters, "drawn": item.skipped})
            partition = self.model.partition(found.fields, mask=mask, granularity=self.granularity)
            yield SectionDone(item.index, item.micrograph, found, partition)
            yield self._progress(item, "drawing a section", CUTTING)

    def _between(
        self, item: Item, lines: np.ndarray
    ) -> Generator[TileDone | Notice, None, Prediction]:
        """Look at a section again, told what lies between the sections on both sides."""
        from napari_etch.models.resize import resize

        assert item.prediction is not None
        shape = item.prediction.fields["carried"].shape
        told = np.clip(resize(lines, shape), 0, 1)
        looked = _Last()
        walk = Walk(self.model, self.predict, self.options)
        for event in looked.of(walk.told(item, told)):
            yield from self._told(event, item, 0.0)
        found: Prediction = looked.value
        # each knows something: the neighbours where lines are, the section how far they moved
        fields = dict(found.fields)
        for name in ("boundary", "separation"):
            fields[name] = 0.5 * (fields[name] + lines)
        del fields["carried"]
        return replace(found, fields=fields, boundary=fields["boundary"])

    def _followed(self, events: Iterator[Any], item: Item) -> Events:
        for event in events:
            yield from self._told(event, item, 1.0)

    def _told(self, event: Any, item: Item, share: float) -> Iterator[TileDone | Notice]:
        """Turn a pass's progress into that of the run."""
        from napari_etch.inference import TileDone

        if isinstance(event, TileDone):
            yield self._at(item, event, self.work + share * event.fraction)
        else:
            yield event

    def _progress(self, item: Item, what: str, work: float) -> TileDone:
        from napari_etch.inference import TileDone

        self.work += work
        if item.index == self.count - 1:
            self.work = self.total  # sections that were skipped, or looked at twice
        return self._at(item, TileDone(1, 1, 1.0, what), self.work)

    def _at(self, item: Item, tile: TileDone, work: float) -> TileDone:
        self.furthest = max(self.furthest, min(work / self.total, 1.0))
        spent = time.monotonic() - self.started
        left = spent * (1 - self.furthest) / self.furthest if self.furthest > 0.02 else None
        # going back the numbers fall, which would look as if the run did
        place = f"{item.index + 1} of {self.count} sections"
        if self.back:
            place = f"section {item.index + 1} of {self.count}, on the way back"
        what = f"{place}: {tile.what}"
        return replace(tile, fraction=self.furthest, what=what, seconds_left=left)


class _Last:
    """Keeps the value that a generator returns, while its items are passed on."""

    value: Any = None

    def of(self, events: Generator[Any, None, Any]) -> Iterator[Any]:
        self.value = yield from events
