"""What lies around the specimen of a section: known, or looked for when it is first asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from napari_etch.micrograph.luminance import grey_values
from napari_etch.micrograph.surroundings import Surroundings, find_surroundings

if TYPE_CHECKING:
    from napari_etch.micrograph.image import Micrograph


@dataclass(frozen=True, eq=False)
class KnownSurroundings:
    """What lies around the specimen of a section.

    Attributes
    ----------
    found : Surroundings or None
    """

    found: Surroundings | None


@dataclass(frozen=True, eq=False)
class SoughtSurroundings:
    """What lies around the specimen of a section, which is looked for when it is first asked for.

    Attributes
    ----------
    micrograph : Micrograph
        The section, with its bars and nothing around it.
    mount : bool
        False: what is wide and empty may well be specimen.
    """

    micrograph: Micrograph
    mount: bool = True

    @property
    def found(self) -> Surroundings | None:
        """What was found, None when there is nothing."""
        if self._packed is None:
            return None
        bits, words = self._packed
        shape = self.micrograph.data.shape[:2]
        outside = np.unpackbits(bits, count=shape[0] * shape[1]).reshape(shape)
        return Surroundings(outside.view(bool), words)

    @cached_property
    def _packed(self) -> tuple[np.ndarray, str] | None:
        """Of each section of a stack it is kept, so in a bit a pixel."""
        found = surroundings_of(self.micrograph, mount=self.mount)
        return None if found is None else (np.packbits(found.outside), found.words)


def surroundings_of(micrograph: Micrograph, *, mount: bool = True) -> Surroundings | None:
    """Return what lies around the specimen of a 2D micrograph, but for its bars.

    `mount` is that of `find_surroundings`.
    """
    grey = grey_values(micrograph.data, is_rgb=micrograph.is_rgb)
    inside = replace(micrograph, around=()).mask
    rows = slice(0, micrograph.info_bar_row)
    found = find_surroundings(grey[rows], ~inside[rows], mount=mount)
    if found is None or micrograph.info_bar_row is None:
        return found
    outside = np.zeros(grey.shape, bool)
    outside[rows] = found.outside
    return Surroundings(outside, found.words)


def around_of(micrograph: Micrograph) -> tuple[SoughtSurroundings, ...]:
    """Return what is to be looked for around the specimen, of each section of a micrograph."""
    bare = replace(micrograph, around=())
    return tuple(SoughtSurroundings(section) for section in bare.sections())


def with_smooth_parts(micrograph: Micrograph) -> Micrograph:
    """Return a micrograph in which nothing wide and empty is taken for the mount.

    That is what a smooth facet of a fracture surface looks like.
    """
    around = tuple(
        _without_mount(*each)
        for each in zip(micrograph.around, around_of(micrograph), strict=False)
    )
    return replace(micrograph, around=around)


def _without_mount(
    known: KnownSurroundings | SoughtSurroundings, sought: SoughtSurroundings
) -> KnownSurroundings | SoughtSurroundings:
    if isinstance(known, KnownSurroundings) and not (known.found and known.found.has_mount):
        return known
    return replace(sought, mount=False)
