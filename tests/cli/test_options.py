"""What the options that several commands have refuse, before any work."""

from __future__ import annotations

import pytest
import typer
from typer.testing import CliRunner

from napari_etch import models
from napari_etch.cli.app import app

READ_PIXEL_SIZES = (
    ("segment", "steel.tif"),
    ("count", "steel.tif"),
    ("fracture", "steel.tif"),
    ("repair", "steel.tif"),
    ("export", "results"),
    ("import", "via.json"),
    ("measure", "grains.tif"),
)


@pytest.fixture
def etch(monkeypatch, tmp_path):
    """Return a function that runs ``etch`` where no model may be loaded."""

    def load_model(name):
        raise AssertionError("a bad option costs no work")

    monkeypatch.setattr(models, "load_model", load_model)
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, [str(item) for item in arguments])


@pytest.mark.parametrize("size", ["1e300", "1e-300", "1e9", "0", "-1", "nan"])
@pytest.mark.parametrize("command", READ_PIXEL_SIZES)
def test_a_pixel_size_that_no_microscope_has_is_refused(etch, command, size):
    done = etch(*command, "--out", "out", "--pixel-size", size)
    assert done.exit_code == 2, done.output
    assert done.stderr.startswith("etch: --pixel-size: the pixel size "), done.stderr
    assert "between 1e-06 and 10000 µm" in done.stderr


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("0,225", "0,225 is no number: write 0.225"),
        ("wide", "wide is no number"),
        ("1,000,000", "1,000,000 is no number"),
    ],
)
@pytest.mark.parametrize("command", READ_PIXEL_SIZES)
def test_a_decimal_comma_is_told(etch, monkeypatch, command, typed, said):
    monkeypatch.setenv("COLUMNS", "300")
    done = etch(*command, "--out", "out", "--pixel-size", typed)
    assert done.exit_code == 2
    assert f"{said} " in done.stderr


@pytest.mark.parametrize(
    "call",
    [
        ("track", "stack.tif", "--voxel-size", "1,8", "1", "1"),
        ("measure", "stack.tif", "--section-distance", "1,8"),
        ("train", "--model", "generalist", "--data", "set", "--minutes", "1,8"),
        ("fit", "steel.tif", "--minutes", "1,8"),
        ("segment", "steel.tif", "--granularity", "1,8"),
        ("count", "steel.tif", "--granularity", "1,8"),
        ("repair", "steel.tif", "--least", "1,8"),
        ("fracture", "steel.tif", "--least", "1,8"),
        ("fracture", "steel.tif", "--scale", "1,8"),
        ("evaluate", "--pred", "a.tif", "--truth", "b.tif", "--tolerance", "1,8"),
        ("pseudo-label", "steel.tif", "--clip", "1,8"),
    ],
)
def test_a_decimal_comma_in_another_size_is_told(etch, monkeypatch, call):
    monkeypatch.setenv("COLUMNS", "300")
    done = etch(*call, "--out", "out")
    assert done.exit_code == 2
    assert "1,8 is no number: write 1.8" in done.stderr


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (("segment", "steel.tif", "--granularity", "1.5"), "1.5 is not between 0 and 1 "),
        (("segment", "steel.tif", "--granularity", "nan"), "nan is not between 0 and 1 "),
        (("count", "steel.tif", "--granularity", "1"), "1 is not between 0.02 and 0.98 "),
        (("pseudo-label", "steel.tif", "--clip", "inf"), "inf is not between 0 and 256 "),
    ],
)
def test_a_number_out_of_its_range_is_told(etch, monkeypatch, call, said):
    monkeypatch.setenv("COLUMNS", "300")
    done = etch(*call, "--out", "out")
    assert done.exit_code == 2
    assert said in done.stderr


@pytest.mark.parametrize("command", ["segment", "count"])
@pytest.mark.parametrize("size", ["0", "-4", "nan", "inf"])
def test_a_grain_size_that_is_none_is_refused(etch, command, size):
    done = etch(command, "steel.tif", "--out", "out", "--grain-size", size)
    assert done.exit_code == 2
    assert "give the mean intercept in px, above 0" in done.stderr


@pytest.mark.parametrize("command", ["segment", "count", "fracture"])
def test_a_quality_that_there_is_not_is_refused(etch, command):
    done = etch(command, "steel.tif", "--out", "out", "--quality", "slow")
    assert done.exit_code == 2
    assert done.stderr == "etch: --quality slow: choose fast or best\n"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--overlap", 16), "add --tiles"),
        (("--polygons",), "--polygons belongs to --format coco, not to pairs"),
        (("--seg-npy", "--format", "coco"), "--seg-npy belongs to --format cellpose, not to coco"),
    ],
)
def test_an_export_drops_no_option_silently(etch, options, said):
    done = etch("export", "results", "--out", "set", *options)
    assert done.exit_code == 2
    assert said in done.stderr


def test_no_help_loses_what_stands_in_brackets():
    """Rich takes them for its markup, and shows nothing of them."""
    command = typer.main.get_command(app)
    commands = [command, *command.commands.values(), *command.commands["models"].commands.values()]
    helps = {
        f"{each.name} {getattr(part, 'name', '')}": getattr(part, "help", None) or ""
        for each in commands
        for part in (each, *each.params)
    }
    assert len(helps) > 100
    assert [name for name, text in helps.items() if "[" in text] == []
