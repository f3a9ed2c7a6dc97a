from __future__ import annotations

import numpy as np
import pytest

from napari_etch.models.resize import resize


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1)])
@pytest.mark.parametrize("shape", [(1, 8), (8, 1), (1, 1), (6, 8)])
def test_a_mirrored_image_is_resized_also_when_it_is_one_row(shape, axes):
    """numpy calls it contiguous, and torch refuses its stride."""
    image = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    mirrored = np.flip(image, axes)
    found = resize(mirrored, (4, 4))
    np.testing.assert_array_equal(found, resize(mirrored.copy(), (4, 4)))
