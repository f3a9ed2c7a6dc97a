"""The generalist's way from maps to grains: flood, score every shared edge, merge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_etch.grains import Partition, partition


def assemble(
    fields: Mapping[str, Any],
    scorer: Mapping[str, Any] | None,
    *,
    mask: npt.NDArray[np.bool_] | None,
    granularity: float,
    min_area: float | None,
) -> Partition:
    """Turn the generalist's fields into grains; parameters as `napari_etch.grains.partition`."""
    return partition(fields["boundary"], mask=mask, granularity=granularity, min_area=min_area)
