"""Slow functions that give the same for the same, and need not be asked twice in a test run."""

from __future__ import annotations

import copy
import hashlib
import pickle
from collections.abc import Callable
from functools import wraps
from typing import Any


def remembering(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function with a memory; what it was given is told apart by its contents.

    Whoever calls it gets a copy of the answer, as from the function itself.
    """
    known: dict[bytes, Any] = {}

    @wraps(function)
    def call(*given: Any, **named: Any) -> Any:
        # tensors are not pickled alike twice, their arrays are
        told = [each.numpy() if hasattr(each, "numpy") else each for each in given]
        key = hashlib.sha256(pickle.dumps((told, named))).digest()
        if key not in known:
            known[key] = function(*given, **named)
        return copy.deepcopy(known[key])

    return call
