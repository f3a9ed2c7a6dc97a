"""``etch models``: the commands on the user's own models."""

import json

import pytest
import torch
import typer
from typer.testing import CliRunner

from napari_etch.cli.app import app
from napari_etch.models import write_model
from napari_etch.models.library import Notes, add_model, list_library
from napari_etch.networks.etchnet import EtchNet

CARD = {"architecture": "etchnet", "parameters": {"widths": [4, 6, 8, 8], "margin": 112}}


@pytest.fixture
def etch(monkeypatch, tmp_path):
    """Return a function that runs ``etch`` with a library that holds the model duplex."""
    torch.manual_seed(0)
    write_model(tmp_path / "made", EtchNet((4, 6, 8, 8)).state_dict(), CARD)
    add_model(tmp_path / "made", Notes("duplex", ("d.tif",), "2026-11-20T12:00:00+01:00"))
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.chdir(tmp_path)
    return lambda *arguments, **options: CliRunner().invoke(app, [*map(str, arguments)], **options)


def names():
    return [model.name for model in list_library()]


def test_own_models_are_listed_after_those_of_the_package(etch):
    rows = [line.split() for line in etch("models", "list").stdout.splitlines()]
    names = [row[0] for row in rows][1:]
    assert names[0] == "generalist"
    assert names[-1] == "duplex"
    assert "Learnt from d.tif, 2026-11-20." in " ".join(rows[-1])


def test_the_list_can_be_read_by_programs(etch, tmp_path):
    done = etch("models", "list", "--json")
    assert done.exit_code == 0, done.output
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    own, shipped = rows["duplex"], rows["generalist-real"]
    assert (own["place"], own["architecture"], own["kind"]) == ("library", "etchnet", "own")
    (model,) = list_library()
    assert (own["path"], own["bytes"]) == (str(model.path), model.size)
    assert own["date"] == "2026-11-20T12:00:00+01:00"
    assert own["origin"] == {"images": ["d.tif"]}
    assert (shipped["place"], shipped["architecture"]) == ("package", "etchnet")
    assert shipped["title"] == "Generalist, also trained on real micrographs"
    assert shipped["usable"] is True and shipped["why_not"] is None
    assert shipped["bytes"] > 1e6 and shipped["date"].startswith("20")
    assert "steel-optical" in shipped["origin"]["data"]


def test_a_spoiled_model_is_in_the_list_of_programs_too(etch):
    (model,) = list_library()
    (model.path / "model.json").write_text("{")
    row = json.loads(etch("models", "list", "--json").stdout)[-1]
    assert (row["name"], row["usable"], row["architecture"]) == ("duplex", False, None)
    assert row["why_not"] and row["origin"] == {}


def test_the_card_of_an_own_model_is_printed(etch):
    done = etch("models", "info", "duplex")
    assert done.exit_code == 0 and '"architecture": "etchnet"' in done.stdout


def test_export_and_import_are_a_round_trip(etch, tmp_path):
    done = etch("models", "export", "duplex", "file")
    assert done.exit_code == 0 and (tmp_path / "file.etch").is_file(), done.output
    done = etch("models", "import", "file.etch", "--name", "Other steel")
    assert done.exit_code == 0 and "Other-steel" in done.stdout
    assert set(names()) == {"duplex", "Other-steel"}


def test_an_export_goes_to_out_as_that_of_other_commands(etch, tmp_path):
    done = etch("models", "export", "duplex", "--out", "file")
    assert done.exit_code == 0 and (tmp_path / "file.etch").is_file(), done.output
    for places in ((), ("one", "--out", "two")):
        done = etch("models", "export", "duplex", *places)
        assert done.exit_code == 2
        assert "say once where duplex is to be written: give one FILE, or --out FILE" in done.stderr


@pytest.mark.parametrize("command", [("export", "x"), ("rename", "x"), ("delete", "--yes")])
def test_a_model_that_comes_along_is_no_model_of_the_library(etch, command):
    done = etch("models", command[0], "generalist", *command[1:])
    assert done.exit_code == 2
    assert "generalist comes with napari-etch and is no model of your library" in done.stderr


def test_an_export_does_not_replace_a_file_unless_told(etch, tmp_path):
    (tmp_path / "file.etch").write_text("mine")
    done = etch("models", "export", "duplex", "file")
    assert done.exit_code == 2 and "--overwrite" in done.stderr
    assert (tmp_path / "file.etch").read_text() == "mine"
    assert etch("models", "export", "duplex", "file", "--overwrite").exit_code == 0


def test_a_file_that_is_no_model_is_refused(etch, tmp_path):
    (tmp_path / "photo.etch").write_bytes(b"\x89PNG")
    done = etch("models", "import", "photo.etch")
    assert done.exit_code == 2
    assert done.stderr.count("\n") == 1 and "photo.etch is not a complete model" in done.stderr


def test_renaming(etch):
    assert etch("models", "rename", "duplex", "Duplex 2205").exit_code == 0
    assert names() == ["Duplex-2205"]
    assert etch("models", "rename", "duplex", "x").exit_code == 2
    assert etch("models", "rename", "Duplex-2205", "generalist").exit_code == 2


def test_deleting_asks_first(etch):
    assert "nothing was deleted" in etch("models", "delete", "duplex", input="n\n").stdout
    assert names() == ["duplex"]
    assert etch("models", "delete", "duplex", "--yes").exit_code == 0
    assert names() == []
    gone = etch("models", "delete", "duplex", "--yes")
    assert gone.exit_code == 2 and "duplex" in gone.stderr


def test_a_model_of_the_package_cannot_be_deleted(etch):
    assert etch("models", "delete", "generalist", "--yes").exit_code == 2


def test_a_deletion_that_nobody_confirms_says_how_to_go_without(etch):
    done = etch("models", "delete", "duplex", input="")
    assert done.exit_code == 2
    assert "--yes" in done.stderr
    assert names() == ["duplex"]


def test_ctrl_c_at_the_question_deletes_nothing(etch, monkeypatch):
    def interrupted(*_arguments, **_options):
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise typer.Abort from None  # as typer does

    monkeypatch.setattr(typer, "confirm", interrupted)
    done = etch("models", "delete", "duplex")
    assert done.exit_code == 130
    assert "stopped; nothing was deleted" in done.stderr
    assert names() == ["duplex"]
