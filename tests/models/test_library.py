"""The user's model library: what goes in comes out, and what is no model stays out."""

import json
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_etch.models import (
    ModelError,
    backbones,
    list_models,
    load_model,
    read_model,
    write_model,
)
from napari_etch.models import library as lib
from napari_etch.models.importing import import_model
from napari_etch.models.library import Notes
from napari_etch.networks.etchnet import EtchNet
from napari_etch.training import unfinished

CARD = {"architecture": "etchnet", "parameters": {"widths": [4, 6, 8, 8], "margin": 112}}
NOTES = Notes("Duplex 2205", ("duplex.tif", "duplex-2.tif"), "2026-11-20T12:00:00+01:00", "scratch")


@pytest.fixture
def folder(tmp_path):
    torch.manual_seed(0)
    path = tmp_path / "mine"
    write_model(path, EtchNet((4, 6, 8, 8)).state_dict(), CARD)
    (path / "thumbnail.png").write_bytes(b"a picture")
    return path


@pytest.fixture
def own(folder):
    return lib.add_model(folder, NOTES)


def names():
    return [model.name for model in lib.list_library()]


def test_a_model_that_was_added_is_listed_with_what_is_known_about_it(folder):
    notes = Notes("Duplex 2205", ("a.tif",), "2026-11-20T12:00:00+01:00", "scratch", {"total": 0.5})
    lib.add_model(folder, notes)
    [model] = lib.list_library()
    assert (model.name, model.title, model.notes) == ("Duplex-2205", "Duplex 2205", notes)
    assert model.thumbnail.read_bytes() == b"a picture"
    assert model.size > (folder / "model.safetensors").stat().st_size
    assert not model.trouble
    assert sorted(item.name for item in lib.library_folder().iterdir()) == ["Duplex-2205"]


@pytest.mark.parametrize(
    ("variable", "folder_of"),
    [
        (lib.ENVIRONMENT, lib.library_folder),
        (unfinished.ENVIRONMENT, unfinished.trainings_folder),
        (backbones.CACHE_VARIABLE, backbones.cache_folder),
    ],
)
def test_a_folder_that_is_set_may_begin_at_home(monkeypatch, tmp_path, variable, folder_of):
    """A desktop's settings are no shell: a folder called ~ was made where napari was started."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv(variable, "~/shared")
    assert folder_of() == tmp_path / "shared"


def test_a_model_is_found_by_the_words_it_was_given(own):
    assert lib.find_model("Duplex 2205").path == own.path
    assert load_model("Duplex 2205").name == "Duplex-2205"
    assert lib.find_model(" ") is None


def test_a_model_of_the_library_is_in_the_list_and_loads_by_name(own, folder):
    entry = list_models()[-1]
    assert (entry.name, entry.title, entry.ready) == ("Duplex-2205", "Duplex 2205", True)
    assert "duplex.tif, duplex-2.tif, 2026-11-20" in entry.description
    model = load_model("Duplex-2205")
    assert (model.name, model.title) == ("Duplex-2205", "Duplex 2205")
    assert model.weights_hash == read_model(folder).weights_hash


def test_the_second_model_of_a_name_gets_a_number(own, folder):
    again = lib.add_model(folder, NOTES)
    assert (again.name, again.title) == ("Duplex-2205-2", "Duplex 2205 2")
    assert set(names()) == {"Duplex-2205", "Duplex-2205-2"}


def test_a_model_that_is_replaced_keeps_its_name_and_title(own, tmp_path):
    other = tmp_path / "other"
    write_model(other, EtchNet((4, 6, 8, 8)).state_dict(), CARD)
    model = lib.replace_model(own.name, other, Notes("later", made="2026-11-21T12:00:00+01:00"))
    assert (model.name, model.title, model.notes.made[:10]) == (own.name, own.title, "2026-11-21")
    assert read_model(model.path).weights_hash == read_model(other).weights_hash
    assert model.thumbnail is None  # not that of the other weights
    assert [item.name for item in lib.library_folder().iterdir()] == [own.name]


def test_a_model_stays_where_another_cannot_take_its_place(own, tmp_path, monkeypatch):
    before = read_model(own.path).weights_hash
    with pytest.raises(ModelError):
        lib.replace_model(own.name, tmp_path / "nothing", NOTES)
    rename = Path.rename

    def refused(path, target):
        if target == own.path and path.name != own.name:
            raise OSError("refused")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(OSError, match="refused"):
        lib.replace_model(own.name, own.path, NOTES)
    assert read_model(own.path).weights_hash == before
    assert [item.name for item in lib.library_folder().iterdir()] == [own.name]


def test_no_model_takes_the_name_of_one_of_the_package(folder):
    assert lib.add_model(str(folder), Notes("Generalist")).name == "Generalist-2"
    assert load_model("generalist").title == "Generalist (any micrograph)"


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("steel 4, etched.tif", "steel-4-etched.tif"),
        ("../../home", "home"),
        ("Härtegefüge α", "Härtegefüge-α"),
        ("con", "con-model"),
        (" … ", "model"),
        ("a/b\\c:d", "a-b-c-d"),
    ],
)
def test_a_title_becomes_a_name_for_files_and_shells(title, name):
    assert lib.plain_name(title) == name


@given(st.text(max_size=200))
def test_any_title_makes_a_plain_name_that_stays_as_it_is(title):
    name = lib.plain_name(title)
    assert name and not set(name) & set('/\\:*?"<>| \0') and name[0] not in ".-"
    assert lib.plain_name(name) == name


def test_renaming_changes_name_and_title_and_keeps_the_rest(own):
    renamed = lib.rename_model("Duplex-2205", "Duplex, hot rolled")
    assert (renamed.name, renamed.title) == ("Duplex-hot-rolled", "Duplex, hot rolled")
    assert renamed.notes.sources == NOTES.sources
    assert names() == ["Duplex-hot-rolled"]
    assert load_model("Duplex-hot-rolled").title == "Duplex, hot rolled"


def test_renaming_to_another_case_works(own):
    assert lib.rename_model("Duplex-2205", "duplex 2205").name == "duplex-2205"
    assert names() == ["duplex-2205"]


@pytest.mark.parametrize(
    ("new", "message"), [("Other", "already"), ("generalist", "already"), ("  ", "needs a name")]
)
def test_a_name_that_cannot_be_is_refused(own, folder, new, message):
    lib.add_model(folder, Notes("other"))
    with pytest.raises(ModelError, match=message):
        lib.rename_model("Duplex-2205", new)
    assert set(names()) == {"Duplex-2205", "other"}


def test_deleting_leaves_nothing(own):
    lib.delete_model("Duplex-2205")
    assert list(lib.library_folder().iterdir()) == []
    with pytest.raises(ModelError, match="There is no model 'Duplex-2205'"):
        lib.delete_model("Duplex-2205")


@pytest.mark.parametrize("name", ["", "..", "../mine", ".part-1", "/tmp"])
def test_only_names_are_looked_up_never_paths(own, name):
    assert lib.find_model(name) is None


def test_an_exported_model_comes_back_the_same(own, tmp_path):
    file = lib.export_model("Duplex-2205", tmp_path / "out" / "duplex")
    assert file == tmp_path / "out" / "duplex.etch"
    lib.delete_model("Duplex-2205")
    back = import_model(file)
    assert (back.name, back.notes) == ("Duplex-2205", NOTES)
    assert back.thumbnail.read_bytes() == b"a picture"
    assert [item.name for item in file.parent.iterdir()] == ["duplex.etch"]


def test_an_export_replaces_no_file_unless_told(own, tmp_path):
    file = tmp_path / "duplex.etch"
    file.write_text("mine")
    with pytest.raises(ModelError, match="exists"):
        lib.export_model("Duplex-2205", file)
    assert file.read_text() == "mine"
    assert load_model(str(lib.export_model("Duplex-2205", file, overwrite=True)))


def test_a_model_made_elsewhere_is_imported_under_its_file_name(folder):
    model = import_model(folder, None)
    assert (model.name, model.notes.sources) == ("mine", ())
    assert import_model(folder, "A better name").title == "A better name"


def packed(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


class Attack:
    def __reduce__(self):
        return (print, ("this must never run",))


def spoiled(kind, folder):
    """Return the files of an archive that is no model, and what is said about it."""
    weights = (folder / "model.safetensors").read_bytes()
    card = (folder / "model.json").read_text()
    changed = {**json.loads(card)}
    return {
        "no card": ({"model.safetensors": weights}, "not a complete model"),
        "no weights": ({"model.json": card}, "not a complete model"),
        "pickle": (
            {"model.safetensors": pickle.dumps(Attack()), "model.json": card},
            "do not fit its card",
        ),
        "cut off": (
            {"model.safetensors": weights[:-100], "model.json": card},
            "do not fit its card",
        ),
        "architecture": (
            {
                "model.safetensors": weights,
                "model.json": json.dumps({**changed, "architecture": "x"}),
            },
            "does not know",
        ),
        "newer": (
            {"model.safetensors": weights, "model.json": json.dumps({**changed, "format": 2})},
            "update napari-etch",
        ),
        "bomb": (
            {"model.safetensors": weights, "model.json": b" " * (2**24 + 1)},
            "not a complete model",
        ),
    }[kind]


@pytest.mark.parametrize(
    "kind", ["no card", "no weights", "pickle", "cut off", "architecture", "newer", "bomb"]
)
def test_what_is_no_sound_model_is_refused_with_one_sentence(folder, tmp_path, kind, capsys):
    files, message = spoiled(kind, folder)
    with pytest.raises(ModelError, match=message) as caught:
        import_model(packed(tmp_path / "bad.etch", files))
    assert "\n" not in str(caught.value)
    assert "must never run" not in capsys.readouterr().out
    assert lib.list_library() == []


def test_a_file_that_is_no_archive_is_refused(tmp_path):
    file = tmp_path / "photo.etch"
    file.write_bytes(b"\x89PNG")
    with pytest.raises(ModelError, match="not a complete model"):
        import_model(file)


def test_files_beside_the_model_in_an_archive_stay_out(folder, tmp_path):
    files = {item.name: item.read_bytes() for item in folder.iterdir()}
    file = packed(tmp_path / "more.etch", {**files, "../../evil.py": b"1", "setup.py": b"1"})
    model = import_model(file)
    assert sorted(item.name for item in model.path.iterdir()) == [
        "model.json",
        "model.safetensors",
        "thumbnail.png",
    ]


def test_a_spoiled_model_of_the_library_is_listed_and_says_why(own):
    (own.path / "model.json").write_text("{")
    [model] = lib.list_library()
    assert "not a complete model" in model.trouble
    entry = list_models()[-1]
    assert not entry.ready and entry.why_not == model.trouble


def test_a_written_model_carries_the_version_of_its_format(folder):
    assert json.loads((folder / "model.json").read_text())["format"] == 1


def test_an_addition_that_fails_leaves_nothing(folder, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(lib, "_write_card", full)
    with pytest.raises(OSError, match="No space"):
        lib.add_model(folder, NOTES)
    assert list(lib.library_folder().iterdir()) == []


def test_what_a_killed_process_left_is_swept_away_in_time(folder, model_library):
    import os

    old, fresh = model_library / ".part-old", model_library / ".part-new"
    for path in (old, fresh):
        path.mkdir(parents=True)
    os.utime(old, (0, 0))
    lib.add_model(folder, NOTES)
    assert not old.exists() and fresh.exists()


def test_the_newest_comes_first(folder):
    for hour in (9, 17, 12):
        lib.add_model(folder, Notes(f"at {hour}", made=f"2026-11-20T{hour:02d}:00:00+01:00"))
    assert names() == ["at-17", "at-12", "at-9"]


def test_without_an_override_the_library_is_in_the_users_data(monkeypatch):
    monkeypatch.delenv("ETCH_MODELS")
    assert lib.library_folder().parts[-2:] == ("napari-etch", "models")
