"""``etch fit`` with a stand-in for the learning."""

from __future__ import annotations

import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from micrograph.scenes import specimen
from printing import print_of, printed
from typer.testing import CliRunner

from napari_etch.cli.app import app
from napari_etch.models import load_model
from napari_etch.models.library import list_library
from napari_etch.networks.etchnet import EtchNet
from napari_etch.training import labelfree
from napari_etch.training.labelfree import FitError, FitNotice, FitStep, Fitted

CARD = {"architecture": "etchnet", "parameters": {"widths": [4, 6, 8, 8], "margin": 112}}


class FakeFit:
    """Takes three steps and remembers what it was asked."""

    def __init__(self):
        self.asked = None
        self.error = None
        self.interrupts = 0

    def __call__(self, micrographs, *, stop, **options):
        self.asked = {"names": [item.name for item in micrographs], **options}
        yield FitNotice("No pixel size is known.")
        if self.error:
            raise self.error
        for step in range(1, 4):
            yield FitStep(step, 3, step, 3 - step, {"total": 1 / step})
            for _ in range(self.interrupts):
                signal.raise_signal(signal.SIGINT)
            if stop():
                break
        torch.manual_seed(0)
        yield Fitted(EtchNet((4, 6, 8, 8)).state_dict(), CARD, step, "All steps were taken.")


@pytest.fixture
def learning(monkeypatch):
    fake = FakeFit()
    monkeypatch.setattr(labelfree, "fit", fake, raising=False)
    return fake


@pytest.fixture
def etch(learning, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, ["fit", *map(str, arguments)])


@pytest.fixture
def steel(tmp_path):
    path = tmp_path / "steel.tif"
    pixels = np.random.default_rng(0).integers(0, 255, (64, 80), np.uint8)
    tifffile.imwrite(path, pixels)
    return path


def test_an_image_becomes_a_model_that_loads(etch, steel, tmp_path):
    done = etch(steel, "--out", "mine")
    assert done.exit_code == 0, done.output
    assert done.stdout == "steel: All steps were taken, step 3, 3 s -> mine\n"
    assert "steel: No pixel size is known." in done.stderr
    model = load_model("mine")
    assert model.card["library"]["sources"] == ["steel.tif"]
    assert model.card["library"]["losses"] == {"total": pytest.approx(1 / 3)}
    assert sorted(item.name for item in (tmp_path / "mine").iterdir()) == [
        "model.json",
        "model.safetensors",
        "thumbnail.png",
    ]
    assert {path.name for path in tmp_path.iterdir() if path.name != "cache"} >= {"mine"}
    assert not list(tmp_path.glob(".*"))


def test_a_name_with_the_suffix_becomes_one_file(etch, steel, tmp_path):
    assert etch(steel, "--out", "out/mine.etch").exit_code == 0
    with zipfile.ZipFile(tmp_path / "out" / "mine.etch") as archive:
        assert set(archive.namelist()) == {"model.json", "model.safetensors", "thumbnail.png"}
    assert load_model("out/mine.etch").title == "steel"


def test_with_library_the_model_goes_there_under_its_name(etch, steel):
    done = etch(steel, "--out", "My steel", "--library")
    assert done.exit_code == 0 and "-> My-steel in your library" in done.stdout, done.output
    assert load_model("My-steel").title == "My steel"
    refused = etch(steel, "--out", "my steel", "--library")
    assert refused.exit_code == 2 and "--overwrite" in refused.stderr
    assert etch(steel, "--out", "My steel", "--library", "--overwrite").exit_code == 0
    assert [model.name for model in list_library()] == ["My-steel"]


def test_a_model_of_the_library_stays_when_the_new_one_cannot_be_written(etch, steel, monkeypatch):
    """It was deleted first."""
    etch(steel, "--out", "My steel", "--library")

    def full(*_args, **_keywords):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("napari_etch.models.library._write_card", full)
    done = etch(steel, "--out", "My steel", "--library", "--overwrite")
    assert done.exit_code != 0
    assert load_model("My-steel").title == "My steel"


@pytest.mark.parametrize("library", [(), ("--library",)])
def test_a_model_that_cannot_be_written_is_kept_elsewhere(
    etch, steel, monkeypatch, tmp_path, temporary_files, library
):
    """What was learnt for long was lost, and half of it stayed on the full disk."""

    def full(*_args, **_keywords):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("napari_etch.models.library._write_card", full)
    monkeypatch.setattr("napari_etch.results.replace_folder", full)
    done = etch(steel, "--out", "mine", *library)
    assert done.exit_code == 2, done.output
    said, _, place = done.stderr.splitlines()[-1].partition(": the model is in ")
    assert said.endswith("mine could not be written (No space left on device)")
    assert load_model(place).title == "steel"
    assert Path(place).is_relative_to(temporary_files)
    assert not [path for path in tmp_path.iterdir() if "mine" in path.name]


def test_what_is_asked_reaches_the_fit(etch, steel, learning):
    done = etch(
        *(steel, "--out", "mine", "--from", "generalist", "--seed", 3, "--minutes", 0.5),
        *("--region", "8:40,:60", "--device", "cpu"),
    )
    assert done.exit_code == 0, done.output
    assert learning.asked == {
        "names": ["steel"],
        "start": "generalist",
        "seed": 3,
        "minutes": 0.5,
        "network": "best",
        "device": "cpu",
        "regions": [(slice(8, 40), slice(0, 60))],
    }


def test_several_images_make_one_model(etch, steel, learning, tmp_path):
    second = tmp_path / "steel-2.tif"
    second.write_bytes(steel.read_bytes())
    done = etch(steel, second, "--out", "mine")
    assert done.stdout.startswith("steel and 1 more: ")
    assert learning.asked["names"] == ["steel", "steel-2"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--from", "imagenet"], "scratch, generalist or both"),
        (["--minutes", "0"], "above 0"),
        (["--minutes", "nan"], "above 0"),
        (["--region", "5"], "Y0:Y1,X0:X1"),
        (["--region=-5:9,0:9"], "Y0:Y1,X0:X1"),
        (["--region", "70:90,0:9"], "64 rows and 80 columns"),
        (["--device", "abacus"], "abacus"),
    ],
)
def test_bad_input_is_refused_before_any_work(etch, steel, learning, arguments, said):
    done = etch(steel, "--out", "mine", *arguments)
    assert done.exit_code == 2 and said in done.stderr
    assert learning.asked is None


def test_an_image_that_is_missing_is_one_sentence(etch, learning):
    done = etch("nowhere.tif", "--out", "mine")
    assert done.exit_code == 2 and done.stderr.count("\n") == 1 and "nowhere.tif" in done.stderr


def test_of_a_long_stack_sections_all_over_it_are_learnt_from(etch, learning, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (40, 64, 64), np.uint8)
    tifffile.imwrite(tmp_path / "stack.tif", pixels, photometric="minisblack")
    done = etch("stack.tif", "--out", "mine")
    assert done.exit_code == 0, done.output
    assert "stack.tif: 16 of 40 sections are learnt from" in done.stderr
    names = learning.asked["names"]
    assert len(names) == 16 and names[0] == "stack_0000" and names[-1] == "stack_0039"


def test_a_pixel_size_that_cannot_be_typed_is_not_asked_for(etch, learning, tmp_path):
    made = printed(specimen(200, 256), print_of(size=0.08, box="filled"))
    tifffile.imwrite(tmp_path / "sem.tif", made.image)
    done = etch("sem.tif", "--out", "model")
    assert done.exit_code == 0, done.output
    assert "sem.tif: the scale bar at the lower right is left out" in done.stderr.splitlines()
    assert "--pixel-size" not in done.stderr


def test_a_folder_of_sections_is_learnt_from(etch, learning, steel, tmp_path):
    folder = tmp_path / "sections"
    folder.mkdir()
    for number in range(3):
        tifffile.imwrite(folder / f"s{number}.tif", tifffile.imread(steel))
    assert etch(folder, "--out", "mine").exit_code == 0
    assert len(learning.asked["names"]) == 3


def test_a_model_is_replaced_only_when_told_and_other_things_never(etch, steel, tmp_path):
    etch(steel, "--out", "mine")
    before = (tmp_path / "mine" / "model.json").stat().st_mtime_ns
    assert etch(steel, "--out", "mine").exit_code == 2
    assert (tmp_path / "mine" / "model.json").stat().st_mtime_ns == before
    (tmp_path / "mine" / "notes.txt").write_text("of this model")
    assert etch(steel, "--out", "mine", "--overwrite").exit_code == 0
    assert (tmp_path / "mine" / "notes.txt").read_text() == "of this model"
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("precious")
    refused = etch(steel, "--out", "thesis", "--overwrite")
    assert refused.exit_code == 2 and "is no model" in refused.stderr
    assert (tmp_path / "thesis" / "chapter.tex").read_text() == "precious"
    assert etch(steel, "--out", "steel.tif", "--overwrite").exit_code == 2


def test_an_image_without_grains_is_the_fits_own_sentence(etch, steel, learning, tmp_path):
    learning.error = FitError("steel shows no grains: choose another image.")
    done = etch(steel, "--out", "mine")
    assert done.exit_code == 2
    assert "etch: steel shows no grains: choose another image.\n" in done.stderr
    assert not (tmp_path / "mine").exists()


def test_an_error_of_ours_is_one_line(etch, steel, learning, monkeypatch):
    monkeypatch.delenv("ETCH_DEBUG", raising=False)
    learning.error = KeyError("oops")
    done = etch(steel, "--out", "mine")
    assert done.exit_code == 1 and "internal error in steel" in done.stderr


def test_ctrl_c_keeps_the_best_so_far_and_says_so(etch, steel, learning):
    learning.interrupts = 1
    done = etch(steel, "--out", "mine")
    assert done.exit_code == 130
    assert "the best so far, of step 1, was kept" in done.stderr
    assert load_model("mine").title == "steel"


def test_a_second_ctrl_c_drops_it(etch, steel, learning, tmp_path):
    learning.interrupts = 2
    done = etch(steel, "--out", "mine")
    assert done.exit_code == 130 and "no model was written" in done.stderr
    assert not (tmp_path / "mine").exists()


def test_the_fit_is_listed_among_the_commands():
    done = subprocess.run(
        [Path(sys.executable).with_name("etch"), "--help"], capture_output=True, text=True
    )
    assert " fit " in done.stdout


@pytest.mark.parametrize("out", ["steel.tif/mine", "steel.tif/deep/mine.etch"])
def test_a_place_that_takes_no_model_is_refused_before_any_work(etch, steel, learning, out):
    done = etch(steel, "--out", out)
    assert done.exit_code == 2
    assert "steel.tif is no folder, so no model can be written there" in done.stderr
    assert not learning.asked


def test_a_folder_that_may_not_be_written_to_is_refused_before_any_work(
    etch, steel, learning, closed
):
    done = etch(steel, "--out", "closed/deep/mine")
    assert done.exit_code == 2
    assert "closed may not be written to (Permission denied): choose another" in done.stderr
    assert not learning.asked
