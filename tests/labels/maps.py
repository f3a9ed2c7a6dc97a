"""Maps for round trips: grains with holes, pieces and gaps in their numbers; classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_etch.labels import Annotated

#: Small maps in which pieces touch at corners, enclose each other and reach the sides.
SHAPES = st.tuples(st.integers(1, 14), st.integers(1, 14))
NUMBERS = st.sampled_from([0, 1, 2, 3, 40_000, 2_147_483_647])


@st.composite
def annotated(draw: Any) -> Annotated:
    """Return an image with grains, classes, an ignore mask and all that a format may keep."""
    shape = draw(SHAPES)
    grains = draw(hnp.arrays(np.int32, shape, elements=NUMBERS))
    classes = draw(hnp.arrays(np.uint8, shape, elements=st.integers(0, 2)))
    ignore = draw(hnp.arrays(bool, shape))
    which = draw(st.sampled_from(["grains", "classes", "both"]))
    return Annotated(
        "field",
        shape,
        grains=grains if which != "classes" else None,
        classes=classes if which != "grains" else None,
        ignore=ignore if draw(st.booleans()) else None,
        image=np.arange(shape[0] * shape[1], dtype=np.uint8).reshape(shape),
        pixel_size_um=draw(st.sampled_from([None, 0.225, 0.1])),
        specimen=draw(st.sampled_from(["", "steel A"])),
    )


def same(one: Any, two: Any) -> bool:
    """Return whether two maps are equal; one without any label equals a missing one."""
    if one is None or two is None:
        there = two if one is None else one
        return there is None or not np.any(there)
    return bool(np.array_equal(one, two))
