"""Where a layer lies in the world."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.transforms import Affine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Layer


@dataclass(frozen=True)
class Placement:
    """Where a layer lies in the world, captured when a run starts."""

    scale: tuple[float, ...]
    translate: tuple[float, ...]
    rotate: np.ndarray
    shear: np.ndarray
    affine: np.ndarray
    units: tuple[Any, ...]
    axis_labels: tuple[str, ...]

    @classmethod
    def of(cls, layer: Layer) -> Placement:
        """Return the placement of a layer."""
        return cls(
            scale=tuple(float(step) for step in layer.scale),
            translate=tuple(float(shift) for shift in layer.translate),
            rotate=np.array(layer.rotate),
            shear=np.array(layer.shear),
            affine=np.array(layer.affine.affine_matrix),
            units=tuple(layer.units),
            axis_labels=tuple(layer.axis_labels),
        )

    def keywords(self) -> dict[str, Any]:
        """Return the keywords with which a layer is made that lies in the same place."""
        return {
            "scale": self.scale,
            "translate": self.translate,
            "rotate": self.rotate,
            "shear": self.shear,
            "affine": self.affine,
            "units": self.units,
            "axis_labels": self.axis_labels,
        }

    def as_json(self) -> dict[str, Any]:
        """Return the placement as what JSON can hold."""
        return {
            "scale": list(self.scale),
            "translate": list(self.translate),
            "rotate": self.rotate.tolist(),
            "shear": self.shear.tolist(),
            "affine": self.affine.tolist(),
            "units": [str(unit) for unit in self.units],
            "axis_labels": list(self.axis_labels),
        }

    def plane(self) -> Placement:
        """Return the placement of a 2D layer over the sections of a stack.

        A stack may be turned in its plane. Of one that is turned out of it only scale and shift
        carry over: no 2D layer lies over all of its sections.
        """
        linear = Affine(rotate=self.rotate, shear=self.shear, ndim=len(self.scale)).linear_matrix
        turned = _is_apart(linear) and _is_apart(self.affine[:-1, :-1])
        flat = np.eye(3)
        if turned:
            flat[:2] = np.concatenate([self.affine[-3:-1, -3:-1], self.affine[-3:-1, -1:]], axis=1)
        return Placement(
            scale=self.scale[-2:],
            translate=self.translate[-2:],
            rotate=self.rotate[-2:, -2:] if turned else np.eye(2),
            shear=self.shear[-1:] if turned else np.zeros(1),
            affine=flat,
            units=self.units[-2:],
            axis_labels=self.axis_labels[-2:],
        )

    def shifted(self, offset: Sequence[float]) -> Placement:
        """Return the placement of a part of the layer that starts `offset` pixels in."""
        own = Affine(
            scale=self.scale, translate=self.translate, rotate=self.rotate, shear=self.shear
        )
        shift = own(np.asarray(offset, dtype=float))
        return replace(self, translate=tuple(float(value) for value in shift))


def steps_of(layer: Layer) -> np.ndarray:
    """Return how long a step along each axis of a layer is in the world, float (n,).

    A layer that was registered to another one may have its scale, or a part of it, in its affine.
    """
    own = np.abs(np.asarray(layer.scale, float))
    return own * _gain_of(layer)


def set_steps(layer: Layer, steps: np.ndarray) -> None:
    """Give a layer such a scale that `steps_of` gives these steps; mirrored axes stay so."""
    layer.scale = np.copysign(steps / _gain_of(layer), np.asarray(layer.scale, float))


def _gain_of(layer: Layer) -> np.ndarray:
    """Return by how much the affine of a layer lengthens a step along each of its axes, (n,)."""
    affine = np.asarray(layer.affine.affine_matrix, float)[:-1, :-1]
    if np.array_equal(affine, np.eye(len(affine))):
        return np.ones(len(affine))
    return np.asarray(np.linalg.norm(affine @ np.asarray(layer.rotate, float), axis=0))


def place_events(layer: Layer) -> list[Any]:
    """Return the events that say that a layer lies elsewhere."""
    events = layer.events
    return [
        events.scale,
        events.translate,
        events.rotate,
        events.shear,
        events.affine,
        events.units,
    ]


def _is_apart(linear: np.ndarray) -> bool:
    """Return whether a transform leaves the last two axes to themselves."""
    return bool(np.allclose(linear[:-2, -2:], 0) and np.allclose(linear[-2:, :-2], 0))
