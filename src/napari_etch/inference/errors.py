"""What can go wrong in a run, and how an exhausted memory is recognised."""

from __future__ import annotations

# "DefaultCPUAllocator: can't allocate memory" on Linux, "not enough memory" on Windows, and CUDA's
# libraries "CUBLAS_STATUS_ALLOC_FAILED".
_WORDS = ("out of memory", "can't allocate memory", "not enough memory", "alloc_failed")


class Cancelled(Exception):
    """The run was stopped because its ``cancel`` event was set."""


class InferenceError(RuntimeError):
    """A network could not be run, or returned what its model did not promise."""


class DeviceError(ValueError):
    """The device asked for does not exist on this machine."""


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an exception means that memory ran out.

    Parameters
    ----------
    error : BaseException
        Raised while a network was moved to a device or run there.

    Returns
    -------
    bool
        True for `MemoryError`, ``torch.OutOfMemoryError`` (a `RuntimeError`) and the plain
        `RuntimeError` with which torch's CPU and MPS allocators report the same.
    """
    if isinstance(error, InferenceError):
        return False
    if isinstance(error, MemoryError):
        return True
    if not isinstance(error, RuntimeError):
        return False
    message = str(error).lower()
    return any(words in message for words in _WORDS)
