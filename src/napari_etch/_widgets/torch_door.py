"""Lets torch be imported in a thread while others compute with scipy."""

from __future__ import annotations

from contextlib import suppress

import numpy as np

#: One of each kind that scipy is given as numbers.
_NUMBERS = (np.zeros(0), np.float64(0), np.float32(0), np.int64(0), np.bool_(False), 0, 0.0, True)
_OTHERS: tuple[object, ...] = ([], (), None)


def make_way_for_torch() -> None:
    """Have scipy settle that arrays and numbers are no tensors; call it before torch is imported.

    scipy looks for ``torch.Tensor`` as soon as there is a module torch, which while it is being
    imported has none: for some seconds its functions failed in all other threads. It looks once
    for each type, and keeps the answer.
    """
    # it is private, so other versions may not have it; or torch is being imported already
    with suppress(ImportError, AttributeError):
        from scipy._lib.array_api_compat.common._helpers import is_torch_array

        for each in (*_NUMBERS, *_OTHERS):
            is_torch_array(each)
