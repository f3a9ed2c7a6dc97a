"""Which devices torch can use; asked in a worker thread, for importing torch takes seconds."""

from __future__ import annotations

import warnings


def device_troubles() -> dict[str, str]:
    """Return the devices that cannot be used, each with the reason.

    Returns
    -------
    dict of str to str
        Keys among ``cuda`` and ``mps``.
    """
    # The first Labels layer imports pandas: on the main thread that would stall the window.
    import pandas  # noqa: F401
    import torch

    troubles = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an old driver warns; the reason below says enough
        if not torch.cuda.is_available():
            troubles["cuda"] = "PyTorch finds no NVIDIA GPU on this computer."
        if not torch.backends.mps.is_available():
            troubles["mps"] = "PyTorch finds no Apple GPU on this computer."
    return troubles
