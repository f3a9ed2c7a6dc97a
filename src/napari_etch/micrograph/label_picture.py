"""Pictures whose values are labels: PNG, and what else is no TIFF."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


def read_label_picture(path: Path) -> npt.NDArray[Any]:
    """Return the numbers of a picture; of one with a palette these, and not their colours.

    Annotation tools write label maps with a palette, so that they can be looked at.

    Parameters
    ----------
    path : Path
        Of any kind that Pillow reads.

    Returns
    -------
    ndarray of bool or of whole numbers
        ``(y, x)``, or ``(y, x, c)`` where the picture has colours.

    Raises
    ------
    OSError
        When there is no such file, it is no picture (`PIL.UnidentifiedImageError`), or damaged.
    """
    from PIL import Image

    with Image.open(path) as image:
        return np.array(image)  # a view of it could not be written to
