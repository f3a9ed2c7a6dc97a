"""What the axes of an array in a file are: sections, rows, columns, samples; and their order."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from napari_etch.micrograph.errors import MicrographError, SeveralImagesError

#: In this order an image, or a section of a stack, has its own axes: rows, columns, samples.
OF_AN_IMAGE = "YXS"


def count_sections(
    sizes: Mapping[str, int], name: str, *, sections: str, unit: str, stack: bool
) -> int:
    """Return how many sections there are; 1 for one image.

    Parameters
    ----------
    sizes : mapping of str to int
        Length of each axis.
    name : str
        What holds the array, for the message.
    sections : str
        Axes along which there may be sections.
    unit : str
        What the file calls them, such as ``"pages"``.
    stack : bool
        Whether several are wanted.

    Raises
    ------
    MicrographError
        When there is more than sections in it.
    SeveralImagesError
        When there are several and one image is wanted.
    """
    further = {a: n for a, n in sizes.items() if n > 1 and a not in OF_AN_IMAGE}
    if len(further) > 1 or any(a not in sections for a in further):
        what = ", ".join(f"{n} along {a}" for a, n in further.items())
        raise MicrographError(
            f"{name} has more than sections in it ({what}); save the one image or stack that is "
            "wanted as a file of its own."
        )
    count = next(iter(further.values()), 1)
    if count > 1 and not stack:
        raise SeveralImagesError(
            f"{name} has {count} {unit}", "save the one that is wanted as a file of its own."
        )
    return count


def in_order(data: np.ndarray, axes: str) -> tuple[np.ndarray, str]:
    """Drop axes of length one, and bring the others into the order of a stack of images."""
    keep = [at for at, a in enumerate(axes) if a in OF_AN_IMAGE or data.shape[at] > 1]
    data = data.reshape([data.shape[at] for at in keep])
    axes = "".join(axes[at] for at in keep)
    # sections, which are not in it, come first; a file may call two axes the same
    order = sorted(range(len(axes)), key=lambda at: OF_AN_IMAGE.find(axes[at]))
    return np.transpose(data, order), "".join(axes[at] for at in order)
