"""FractureNet: the small network that maps fracture modes and needs no download.

The generalist's encoder-decoder (`networks.etchnet`) with one logit a class: what it has learnt of
edges and textures is where this one starts.
"""

from __future__ import annotations

from torch import Tensor

from napari_etch.networks.etchnet import EtchNet


class FractureNet(EtchNet):
    """Encoder-decoder from an image to a logit for each class.

    Parameters
    ----------
    widths : tuple of int
        Channels at half, quarter, ... resolution.
    classes : int
        Number of classes, at least 2; unlabelled is none of them.

    Notes
    -----
    Input float32 (b, 1, h, w), sides multiples of `stride`; output (b, classes, h, w).
    """

    def __init__(self, widths: tuple[int, ...] = (48, 96, 192, 256), classes: int = 2) -> None:
        if classes < 2:
            raise ValueError(f"A network that tells classes apart needs two or more, not {classes}.")
        super().__init__(widths, affinities=classes - 2)
        self.classes = classes

    def take_over(self, tensors: dict[str, Tensor]) -> list[str]:
        """Start from another network's weights, as far as they fit; return the names taken.

        Parameters
        ----------
        tensors : dict of Tensor
            Such as the generalist's, or those of a fracture model with other classes.
        """
        own = self.state_dict()
        taken = {
            name: value
            for name, value in tensors.items()
            if name in own and own[name].shape == value.shape
        }
        self.load_state_dict(taken, strict=False)
        return sorted(taken)
