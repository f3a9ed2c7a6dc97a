"""What can go wrong in a run, and how an exhausted memory is recognised."""

from __future__ import annotations


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
    # torch's CPU allocator words it "DefaultCPUAllocator: can't allocate memory"; oneDNN fails to
    # build a primitive for want of scratch space without saying so, and is not counted here.
    return "out of memory" in message or "can't allocate memory" in message
