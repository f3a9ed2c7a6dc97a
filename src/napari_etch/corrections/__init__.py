"""What is around an edit of a grain map: the journal that survives a crash, and the review."""

from __future__ import annotations

from napari_etch.corrections.doubts import Doubts
from napari_etch.corrections.errors import JournalError
from napari_etch.corrections.journal import Journal
from napari_etch.corrections.places import forget_old, journals_in, new_journal_path, user_folder
from napari_etch.corrections.restore import Restored, Summary, read_journal, summary_of
from napari_etch.corrections.review import Review, State
from napari_etch.corrections.verdicts import Verdicts

__all__ = [
    "Doubts",
    "Journal",
    "JournalError",
    "Restored",
    "Review",
    "State",
    "Summary",
    "Verdicts",
    "forget_old",
    "journals_in",
    "new_journal_path",
    "read_journal",
    "summary_of",
    "user_folder",
]
