"""What can go wrong with a journal."""

from __future__ import annotations


class JournalError(ValueError):
    """A journal cannot be used; one sentence that names the file, the trouble and the remedy."""
