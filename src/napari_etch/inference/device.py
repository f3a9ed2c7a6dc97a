"""Which processor runs the network, and how much memory it has free."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from napari_etch.inference.errors import DeviceError

if TYPE_CHECKING:
    import torch

KINDS = ("auto", "cpu", "cuda", "mps")

# Taken where the system does not say; small enough for any machine that can run napari.
_ASSUMED_FREE_BYTES = 4 * 2**30


def pick_device(name: str = "auto") -> torch.device:
    """Choose the device that a network runs on.

    Parameters
    ----------
    name : str
        "auto" (CUDA, else MPS, else the CPU), "cpu", "cuda", "mps", or "cuda:N" for one of
        several GPUs.

    Returns
    -------
    torch.device

    Raises
    ------
    DeviceError
        If the name is unknown or this machine has no such device.
    """
    import torch

    wanted = str(name).strip().lower()
    kind, _, index = wanted.partition(":")
    if kind not in KINDS or (index and (kind != "cuda" or not index.isdigit())):
        raise DeviceError(f"Device '{name}' is unknown; choose one of auto, cpu, cuda or mps.")
    if kind == "auto":
        return torch.device(_best_kind())
    if kind == "cuda":
        _require_cuda(wanted, index)
    if kind == "mps" and not torch.backends.mps.is_available():
        raise DeviceError(
            "Device 'mps' is not available: it needs a Mac with Apple silicon and macOS 14 or "
            "later; choose auto or cpu."
        )
    return torch.device(wanted)


def _best_kind() -> str:
    """The fastest kind of device that this machine has."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if torch.backends.mps.is_available():
        return "mps"
    return "cpu"


def _require_cuda(wanted: str, index: str) -> None:
    """Raise a `DeviceError` unless the CUDA device named is there."""
    import torch

    if torch.version.cuda is None and torch.version.hip is None:
        raise DeviceError(
            f"Device '{wanted}' is not available: this PyTorch was built without CUDA; install "
            "a CUDA build from pytorch.org, or choose auto or cpu."
        )
    if not torch.cuda.is_available():
        raise DeviceError(
            f"Device '{wanted}' is not available: PyTorch finds no NVIDIA GPU with a working "
            "driver; choose auto or cpu."
        )
    if index and int(index) >= torch.cuda.device_count():
        raise DeviceError(
            f"Device '{wanted}' is not available: this machine has {torch.cuda.device_count()} "
            "CUDA device(s), numbered from 0; choose one of these or auto."
        )


def free_memory(device: torch.device) -> int:
    """Return the memory in bytes that a run on `device` may count on now."""
    import torch

    if device.type == "cuda":
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + cached
    if device.type == "mps":
        held = torch.mps.driver_allocated_memory()
        return max(0, torch.mps.recommended_max_memory() - held)
    return _free_system_memory()


def release_memory(device: torch.device) -> None:
    """Give cached blocks back to the device's other users; does nothing for the CPU."""
    import torch

    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def _free_system_memory() -> int:
    """Memory in bytes that new allocations can get without swapping."""
    free = [value for value in (_linux_available(), _cgroup_left()) if value is not None]
    if free:
        return max(0, min(free))
    try:
        # macOS names no count of available pages; half of what is installed is a fair guess.
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, ValueError, OSError):
        return _ASSUMED_FREE_BYTES


def _linux_available() -> int | None:
    """``MemAvailable`` of the Linux kernel: free pages and those it would give up, in bytes."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        fields = dict(line.split(":", 1) for line in lines if ":" in line)
        return int(fields["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None


def _cgroup_left() -> int | None:
    """What a container's limit leaves, in bytes; None where there is no limit."""
    folder = Path("/sys/fs/cgroup")
    try:
        limit = int((folder / "memory.max").read_text(encoding="ascii"))
        return limit - int((folder / "memory.current").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
