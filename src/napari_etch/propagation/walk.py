"""One section with what is known before it: told, told something older, or told nothing."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_etch.grains.tracking.graph import DAMAGED
from napari_etch.propagation.memory import Memory

if TYPE_CHECKING:
    from napari_etch.inference import Notice, Prediction, TileDone
    from napari_etch.micrograph import Micrograph

Maps = npt.NDArray[np.float32]
#: Fields that are averaged over the two directions.
AVERAGED = ("boundary", "separation", "carried")


@dataclass(eq=False)
class Item:
    """A section on its way.

    Attributes
    ----------
    index : int
    micrograph : Micrograph
    skipped : str
        Why it is not looked at or not believed: "blank", "damaged", "faint", or "".
    back : dict or None
        Fields found going backward, half precision.
    prediction : Prediction or None
        What was found.
    alone : bool
        Whether it did not go on from the section before, and was told nothing.
    """

    index: int
    micrograph: Micrograph
    skipped: str = ""
    back: dict[str, npt.NDArray[np.float16]] | None = None
    prediction: Prediction | None = None
    alone: bool = False


@dataclass(eq=False)
class Walk:
    """Looks at one section after the other, in one direction.

    Attributes
    ----------
    model : WPUNet
    predict : callable
        As `napari_etch.inference.predict`.
    options : dict
        For `predict`.
    mirrored : bool
        Look at everything turned by 180°.
    memory : Memory
    last : Item or None
        The section that was looked at last.
    """

    model: Any
    predict: Callable[..., Generator[Any, None, None]]
    options: dict[str, Any]
    mirrored: bool = False
    memory: Memory = field(default_factory=Memory)
    last: Item | None = None

    def look(self, item: Item) -> Generator[TileDone | Notice, None, Prediction]:
        """Return what is found in a section, and judge the section before by it.

        When it does not go on from the section before, but does from the one before that, the one
        in between is damaged. When it goes on from neither, and shows enough by itself, it is told
        nothing.
        """
        memory = self.memory
        found = yield from self.told(item, memory.latest)
        value: float | None = None
        if memory.latest is not None:
            steps = self._steps(item)
            fits, value = memory.goes_on(found.fields["carried"], memory.latest, steps)
            if not fits:
                found, value = yield from self._doubt(item, found, value, steps)
        self.last = item
        return found if value is None else _with(found, agreement=round(value, 3))

    def _doubt(
        self, item: Item, found: Prediction, value: float, steps: int
    ) -> Generator[TileDone | Notice, None, tuple[Prediction, float | None]]:
        """Look again, from the section before the one before, then from none."""
        memory = self.memory
        if memory.older is not None:
            other = yield from self.told(item, memory.older)
            fits, further = memory.goes_on(other.fields["carried"], memory.older, steps + 1)
            if fits and value < DAMAGED * further:
                if self.last is not None:
                    self.last.skipped = "damaged"
                memory.forget_latest()
                return other, further
        single = yield from self.told(item, None)
        if not memory.stands_alone(single.fields["carried"]):
            return found, value
        item.alone = True
        return single, None

    def _steps(self, item: Item) -> int:
        return max(1, abs(item.index - self.last.index)) if self.last is not None else 1

    def keep(self, carried: Maps, found: Prediction) -> bool:
        """Remember what was found, for the next section; return whether it is good enough."""
        return self.memory.keep(carried, found.parameters.get("agreement"))

    def told(
        self, item: Item, previous: Maps | None
    ) -> Generator[TileDone | Notice, None, Prediction]:
        """Return what is found in a section that is told a map, or nothing."""
        from napari_etch.inference import prediction_of

        model = self.model.told(previous, mirrored=self.mirrored)
        events = self.predict(model, item.micrograph, **self.options)
        found = yield from prediction_of(events, item.micrograph.name)
        return _with(found, told=previous is not None)


def averaged(found: Prediction, back: dict[str, npt.NDArray[np.float16]] | None) -> Prediction:
    """Return what was found, averaged with what was found going backward, if anything was.

    `back` holds float16 (y, x) of each field in `AVERAGED`.
    """
    if back is None:
        return found
    fields = dict(found.fields)
    for name in AVERAGED:
        fields[name] = 0.5 * (fields[name] + back[name].astype(np.float32))
    return replace(found, fields=fields, boundary=fields["boundary"])


def _with(found: Prediction, **more: Any) -> Prediction:
    return replace(found, parameters={**found.parameters, **more})
