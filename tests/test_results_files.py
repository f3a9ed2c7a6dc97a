from __future__ import annotations

import pytest

from napari_etch.results import whole_file


def test_a_file_is_there_once_it_is_whole(tmp_path):
    path = tmp_path / "table.csv"
    with whole_file(path) as unfinished:
        unfinished.write_text("a,b\n")
        assert not path.exists()
    assert path.read_text() == "a,b\n"
    assert list(tmp_path.iterdir()) == [path]


def test_when_writing_fails_the_earlier_file_stays_and_nothing_else(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("earlier\n")
    with pytest.raises(OSError, match="full"), whole_file(path) as unfinished:
        unfinished.write_text("half")
        raise OSError("the disk is full")
    assert path.read_text() == "earlier\n"
    assert list(tmp_path.iterdir()) == [path]
