from __future__ import annotations

import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

import napari_etch
from napari_etch.cli import evaluate, measure_inputs
from napari_etch.cli.app import app


def run(*arguments):
    code = "from napari_etch.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )


def test_version():
    done = run("--version")
    assert (done.returncode, done.stdout.strip()) == (0, f"etch {napari_etch.__version__}")


def test_help_names_every_command_without_loading_torch():
    code = (
        "import sys\nfrom napari_etch.cli import main\n"
        "try: main()\n"
        "finally: print('heavy:', {'torch', 'napari', 'pandas', 'skimage'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "--help"], capture_output=True, text=True, check=True
    )
    assert "heavy: set()" in done.stdout
    for command in ("segment", "demo", "models", "virtual", "evaluate"):
        assert command in done.stdout


@pytest.mark.parametrize("encoding", ["ascii", "cp850", "cp932", "latin-1"])
def test_a_pipe_without_codes_for_all_signs_stops_nothing(encoding):
    """Most code pages of Windows have none for µ, ² or …; it was an internal error."""
    code = "from napari_etch.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "segment", "--help"],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"--pixel-size" in done.stdout


def test_an_unknown_command_is_bad_usage():
    done = run("segmnt")
    assert done.returncode == 2
    assert "segmnt" in done.stderr


def test_an_unforeseen_error_is_one_line():
    code = (
        "import napari_etch.cli.evaluate as module\n"
        "def broken(path, corrections): raise RuntimeError('no\\nidea')\n"
        "module.read_corrected = broken\n"
        "from napari_etch.cli import main; main()"
    )
    arguments = ("evaluate", "--pred", "a.tif", "--truth", "b.tif")
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == (
        "etch: internal error in etch: RuntimeError: no idea (ETCH_DEBUG=1 shows more)\n"
    )


@pytest.mark.parametrize("command", ["measure", "evaluate"])
def test_ctrl_c_is_never_silent(monkeypatch, command):
    def interrupted(*_arguments, **_options):
        raise KeyboardInterrupt

    given = ("none.tif", "--out", "out") if command == "measure" else ("--pred=a", "--truth=b")
    monkeypatch.setattr(measure_inputs, "read_fields", interrupted)
    monkeypatch.setattr(evaluate, "read_corrected", interrupted)
    done = CliRunner().invoke(app, [command, *given])
    assert done.exit_code == 130
    assert done.stderr == "etch: stopped before the end\n"


def test_ctrl_c_while_the_program_is_read_is_a_sentence():
    code = (
        "import sys\n"
        "class Stop:\n"
        "    def find_spec(self, name, *more):\n"
        "        if name == 'napari_etch.cli.app': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Stop())\n"
        "from napari_etch.cli import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "etch: stopped before it began\n")


@pytest.mark.parametrize("reading", ["typer.main.get_group", "typer.core.TyperGroup.make_context"])
def test_ctrl_c_while_the_options_are_read_is_a_sentence(reading):
    where, _, name = reading.rpartition(".")
    code = (
        "import typer, typer.core, typer.main\n"
        "def interrupted(*args, **options): raise KeyboardInterrupt\n"
        f"{where}.{name} = interrupted\n"
        "from napari_etch.cli import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "etch: stopped before it began\n")


def test_the_command_is_there_where_its_script_is_not_on_the_path():
    words = [sys.executable, "-m", "napari_etch", "--version"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout[:5]) == (0, "etch ")
