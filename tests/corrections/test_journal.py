from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corrections.edits import edit

from napari_etch.corrections import (
    Journal,
    JournalError,
    forget_old,
    journals_in,
    read_journal,
    summary_of,
)
from napari_etch.corrections import journal_file as journal_file_module
from napari_etch.corrections.journal_file import JournalFile, blocks

OpenJournal = Callable[..., Journal]
HERE = (slice(2, 7), slice(3, 30))
THERE = (slice(5, 12), slice(20, 50))


def written(journal: Journal) -> Path:
    assert journal.flush()
    assert journal.path is not None
    return journal.path


# -- what is written comes back ------------------------------------------------------------------


def test_the_last_map_comes_back(open_journal: OpenJournal, grains: np.ndarray) -> None:
    journal = open_journal(about={"scale": [0.5, 0.5]})
    edit(journal, grains, HERE, 77)
    edit(journal, grains, THERE, 78)
    back = read_journal(written(journal))
    np.testing.assert_array_equal(back.grains, grains)
    assert back.grains.dtype == grains.dtype
    assert back.edits == 2
    assert back.about["name"] == "steel · grains"
    assert back.about["scale"] == [0.5, 0.5]


def test_a_stack_comes_back(open_journal: OpenJournal) -> None:
    stack = np.arange(1, 5, dtype=np.uint16).repeat(30).reshape(4, 5, 6)
    journal = open_journal(grains=stack)
    edit(journal, stack, (slice(2, 3), slice(1, 4), slice(0, 2)), 9)
    back = read_journal(written(journal))
    np.testing.assert_array_equal(back.grains, stack)
    assert back.grains.dtype == np.uint16


def test_notes_come_back_with_their_last_value(open_journal: OpenJournal) -> None:
    journal = open_journal()
    journal.note(a="accepted", b="edited")
    journal.note(a="unreviewed")
    assert read_journal(written(journal)).notes == {"a": "unreviewed", "b": "edited"}


def test_verdicts_are_counted_alike_by_who_writes_and_who_reads(open_journal: OpenJournal) -> None:
    journal = open_journal(edits=7)
    assert journal.edits == 7 and journal.is_worth_keeping
    journal.note(**{"grain 1": "accepted", "grain 2": "edited", "right 0 1 2": True})
    journal.note(**{"grain 1": "edited", "none 0 4 4": [4, 4, 4, 5]})
    assert journal.verdicts == 2
    summary = summary_of(written(journal))
    assert summary is not None
    assert (summary.edits, summary.verdicts) == (7, 2)


def test_edits_during_the_first_copy_are_not_lost(
    open_journal: OpenJournal, grains: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each block waits for an edit above and one below it."""
    monkeypatch.setattr(journal_file_module, "BLOCK_PIXELS", 60 * 5)
    go_on = threading.Semaphore(0)
    real = journal_file_module.write_all

    def wait_and_write(file: Any, packed: bytes) -> None:
        assert go_on.acquire(timeout=30)
        real(file, packed)

    monkeypatch.setattr(journal_file_module, "write_all", wait_and_write)
    journal = open_journal()
    for value in range(100, 130):
        window = (slice(value % 37, value % 37 + 3), slice(value % 50, value % 50 + 9))
        edit(journal, grains, window, value)
        go_on.release()
    for _ in range(100):
        go_on.release()
    np.testing.assert_array_equal(read_journal(written(journal)).grains, grains)


def test_a_torn_end_loses_only_what_was_torn(open_journal: OpenJournal, grains: np.ndarray) -> None:
    journal = open_journal()
    edit(journal, grains, HERE, 77)
    path = written(journal)
    whole, expected = path.stat().st_size, grains.copy()
    edit(journal, grains, THERE, 78)
    assert journal.flush()
    packed = path.read_bytes()
    for size in range(whole, len(packed)):
        path.write_bytes(packed[:size])
        back = read_journal(path)
        np.testing.assert_array_equal(back.grains, expected)
        assert back.edits == 1


def test_a_flipped_bit_ends_the_reading_there(
    open_journal: OpenJournal, grains: np.ndarray
) -> None:
    journal = open_journal()
    path = written(journal)
    expected, whole = grains.copy(), path.stat().st_size
    edit(journal, grains, HERE, 77)
    assert journal.flush()
    packed = bytearray(path.read_bytes())
    packed[whole + 30] ^= 4
    path.write_bytes(packed)
    np.testing.assert_array_equal(read_journal(path).grains, expected)


# -- a journal without a copy of the map ---------------------------------------------------------


@pytest.fixture
def early(grains: np.ndarray, tmp_path: Path) -> Path:
    """Return a journal whose process ended before the map was copied."""
    from napari_etch.corrections.frames import EDIT, frame, span

    path = tmp_path / "early.etch-journal"
    file = JournalFile(path, grains, {"name": "early"})
    meta = {"window": span(HERE)}
    after = np.full((5, 27), 77, np.int32)
    file.append([frame(EDIT, 1, meta, grains[HERE], after)])
    file.close(keep=True)
    return path


def test_without_a_copy_the_map_itself_is_needed(early: Path, grains: np.ndarray) -> None:
    with pytest.raises(JournalError, match="open the map that was corrected"):
        read_journal(early)
    back = read_journal(early, grains).grains
    assert (back[HERE] == 77).all()
    assert (grains[HERE] != 77).all()


def test_another_map_is_refused(early: Path, grains: np.ndarray) -> None:
    with pytest.raises(JournalError, match="found other grains there"):
        read_journal(early, grains + 1)
    with pytest.raises(JournalError, match="a map of 40 × 60, the layer has 40 × 59"):
        read_journal(early, grains[:, 1:])


def test_other_files_are_refused(tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("not a journal")
    with pytest.raises(JournalError, match=r"notes\.txt is not a journal"):
        read_journal(other)
    with pytest.raises(JournalError, match="cannot be read"):
        read_journal(tmp_path / "gone.etch-journal")
    assert summary_of(other) is None


# -- compaction ----------------------------------------------------------------------------------


def test_a_long_journal_shrinks_and_still_gives_the_last_map(
    open_journal: OpenJournal, grains: np.ndarray
) -> None:
    journal = open_journal(compact_bytes=2000)
    journal.note(a="accepted")
    path = written(journal)
    largest = 0
    for value in range(100, 300):
        window = (slice(value % 30, value % 30 + 8), slice(value % 40, value % 40 + 19))
        edit(journal, grains, window, value)
        assert journal.flush()
        largest = max(largest, path.stat().st_size)
    assert largest < 6000  # the 200 edits together take some 40,000
    back = read_journal(path)
    np.testing.assert_array_equal(back.grains, grains)
    assert back.edits == 200
    assert back.notes == {"a": "accepted"}
    assert [name.name for name in path.parent.iterdir() if ".part" in name.name] == []


def test_blocks_tile_a_map(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_file_module, "BLOCK_PIXELS", 100)
    for shape in [(7, 30), (3, 5, 60), (1, 1), (250,)]:
        seen = np.zeros(shape, int)
        for window in blocks(shape):
            seen[window] += 1
        assert (seen == 1).all()
    assert list(blocks((0, 5))) == []


# -- disks that refuse ---------------------------------------------------------------------------


def test_a_full_disk_is_reported_and_made_good_later(
    open_journal: OpenJournal, grains: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    news: list[str] = []
    heard = threading.Event()
    journal = open_journal(on_news=lambda text: (news.append(text), heard.set()))
    edit(journal, grains, HERE, 77)
    path = written(journal)
    before_trouble = grains.copy()
    real = journal_file_module.write_all

    def write_half(file: Any, packed: bytes) -> None:
        real(file, packed[: len(packed) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(journal_file_module, "write_all", write_half)
    edit(journal, grains, THERE, 78)
    assert heard.wait(30)
    assert "no space left on device" in news[0]
    assert "editing goes on" in news[0]
    edit(journal, grains, (slice(30, 33), slice(1, 9)), 79)
    np.testing.assert_array_equal(read_journal(path).grains, before_trouble)

    heard.clear()
    monkeypatch.setattr(journal_file_module, "write_all", real)
    assert heard.wait(30)
    assert news[-1] == "Corrections are saved again."
    assert journal.trouble == ""
    edit(journal, grains, (slice(20, 22), slice(1, 9)), 80)
    back = read_journal(written(journal))
    np.testing.assert_array_equal(back.grains, grains)
    assert back.edits == 4


def test_where_the_folder_refuses_the_next_one_is_taken(
    open_journal: OpenJournal, grains: np.ndarray, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    news: list[str] = []
    refused, good = tmp_path / "file" / "sub", tmp_path / "good"
    journal = open_journal(folders=[refused, good], on_news=news.append)
    edit(journal, grains, HERE, 77)
    assert written(journal).parent == good
    assert len(news) == 1
    assert f"{refused} cannot be written" in news[0]
    assert f"kept in {good}" in news[0]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write all")
def test_a_read_only_folder_is_passed_over(open_journal: OpenJournal, tmp_path: Path) -> None:
    locked, good = tmp_path / "locked", tmp_path / "good"
    locked.mkdir(mode=0o500)
    journal = open_journal(folders=[locked, good])
    assert written(journal).parent == good


def test_where_every_folder_refuses_editing_goes_on(
    open_journal: OpenJournal, grains: np.ndarray, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    heard = threading.Event()
    journal = open_journal(folders=[tmp_path / "file" / "a"], on_news=lambda _text: heard.set())
    edit(journal, grains, HERE, 77)
    assert heard.wait(30)
    assert "cannot be saved" in journal.trouble
    assert not journal.flush(0.01)
    (tmp_path / "file").unlink()
    back = read_journal(written(journal))
    np.testing.assert_array_equal(back.grains, grains)
    assert back.edits == 1


# -- whose journal it is -------------------------------------------------------------------------


def test_a_journal_in_use_is_not_offered(
    open_journal: OpenJournal, grains: np.ndarray, tmp_path: Path
) -> None:
    journal = open_journal()
    path = written(journal)
    assert journals_in(tmp_path) == []
    journal.close()
    assert journals_in(tmp_path) == [path]
    found = summary_of(path)
    assert found is not None
    assert (found.name, found.edits, found.complete) == ("steel · grains", 0, True)


def test_an_unwanted_journal_leaves_nothing_behind(
    open_journal: OpenJournal, tmp_path: Path
) -> None:
    journal = open_journal()
    written(journal)
    journal.close(keep=False)
    assert list(tmp_path.iterdir()) == []


def test_closing_writes_what_is_left(open_journal: OpenJournal, grains: np.ndarray) -> None:
    journal = open_journal()
    path = written(journal)
    for value in range(100, 150):
        edit(journal, grains, HERE, value)
    journal.close()
    np.testing.assert_array_equal(read_journal(path).grains, grains)


def test_old_journals_are_forgotten(open_journal: OpenJournal, tmp_path: Path) -> None:
    journals = [open_journal(), open_journal()]
    old, new = (written(journal) for journal in journals)
    for journal in journals:
        journal.close()
    os.utime(old, (0, 0))
    assert forget_old(tmp_path) == [old]
    assert journals_in(tmp_path) == [new]


@pytest.mark.parametrize("keep", [True, False])
def test_another_napari_may_be_looking_at_a_journal(
    open_journal: OpenJournal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: bool
) -> None:
    """On Windows it cannot be deleted then, nor its lock: the dock was not opened or closed."""
    journal = open_journal()
    path = written(journal)

    def looked_at(path: Path, **_: bool) -> None:
        raise PermissionError(13, "it is being used by another process", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", looked_at)
        journal.close(keep=keep)
        os.utime(path, (0, 0))
        assert forget_old(tmp_path) == []
    assert not journal.trouble
    assert forget_old(tmp_path) == [path]
