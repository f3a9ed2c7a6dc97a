"""The one way in to timm: without triton where no GPU of NVIDIA wants it."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


def open_timm() -> Any:
    """Import timm and return it.

    timm imports torchvision, which imports torch's compiler, which loads triton where that is
    installed. Triton's library and Mesa's software renderer each bring an LLVM of their own, and in
    a window that is drawn in software (a virtual machine, a remote desktop) loading it ended napari
    with a segmentation fault. Nothing here compiles networks; so triton stays out unless a GPU can
    use it.
    """
    import torch

    wanted = "triton" in sys.modules or torch.cuda.is_available()
    modules: dict[str, ModuleType | None] = sys.modules  # type: ignore[assignment]
    if not wanted:
        modules["triton"] = None  # `import triton` then fails, as if it were not installed
    try:
        import timm
        import timm.models.vision_transformer
    finally:
        if not wanted:
            modules.pop("triton", None)
    return timm
