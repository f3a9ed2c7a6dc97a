"""The class table: what words mean, and its file."""

from __future__ import annotations

import json

import pytest

from napari_etch.grains.class_table import (
    FRACTURE_MODES,
    ClassEntry,
    ClassTable,
    ClassTableError,
)


@pytest.mark.parametrize(
    ("word", "found"),
    [("i", 1), ("T", 2), (" Intergranular ", 1), ("2", 2), ("dimple", None), ("0", None)],
)
def test_a_word_means_a_class_by_name_alias_or_number(word, found):
    assert FRACTURE_MODES.find(word) == found


def test_a_class_more_gets_the_lowest_free_number():
    table = FRACTURE_MODES.with_class("dimple", "d")
    assert table.find("d") == 3
    assert table.names == {0: "unlabelled", 1: "intergranular", 2: "transgranular", 3: "dimple"}
    assert len(set(table.colours.values())) == 3


def test_the_file_gives_the_table_back(tmp_path):
    table = ClassTable((ClassEntry(1, "a", ("x",), "#112233"), ClassEntry(7, "b")), None)
    table.write(tmp_path / "classes.json")
    back = ClassTable.read(tmp_path / "classes.json")
    assert back.find("x") == 1
    assert back.as_json() == table.as_json()
    assert list(tmp_path.iterdir()) == [tmp_path / "classes.json"]


def test_a_table_from_windows_may_begin_with_a_mark(tmp_path):
    table = ClassTable((ClassEntry(1, "a"), ClassEntry(2, "b")), None)
    table.write(tmp_path / "classes.json")
    written = (tmp_path / "classes.json").read_bytes()
    (tmp_path / "marked.json").write_bytes(b"\xef\xbb\xbf" + written.replace(b"\n", b"\r\n"))
    assert ClassTable.read(tmp_path / "marked.json").as_json() == table.as_json()


def test_a_plain_list_of_names_is_a_table():
    assert ClassTable.from_json(["smooth", "rough"]).names[2] == "rough"


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ([], "empty"),
        ([{"id": 0, "name": "a"}], "out of range"),
        ([{"id": 1, "name": "a"}, {"id": 1, "name": "b"}], "occurs twice"),
        ([{"id": 1, "name": "a"}, {"id": 2, "name": "A"}], "both called"),
        ([{"id": 1, "name": "unlabelled"}], "both called"),
        ([{"id": 1, "name": "a", "colour": "red"}], "#rrggbb"),
        ([{"id": "one", "name": "a"}], "not whole"),
        (5, "A class table is"),
    ],
)
def test_a_table_that_cannot_be_is_refused_in_a_sentence(value, says, tmp_path):
    path = tmp_path / "classes.json"
    path.write_text(json.dumps(value))
    with pytest.raises(ClassTableError, match=says):
        ClassTable.read(path)
