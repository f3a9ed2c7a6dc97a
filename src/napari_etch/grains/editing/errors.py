"""The error that a gesture ends with when it cannot be done."""

from __future__ import annotations

__all__ = ["EditError"]


class EditError(ValueError):
    """A gesture that cannot be done: one sentence that says why, and what to do."""
