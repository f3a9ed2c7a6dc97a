"""The reader of print runs in NumPy as it was trained."""

from itertools import islice
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file

from napari_etch.micrograph.scale_bar.letters import CHARACTERS, ROWS, WEIGHTS, answers, read_line
from napari_etch.training.print_reader import PrintReader, train, wanted
from napari_etch.training.printed_lines import font_files, printed_lines

FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"


@pytest.fixture(scope="module")
def fonts() -> list[Path]:
    return [path for path in font_files([FONTS]) if path.stem in ("DejaVuSans", "DejaVuSerif")]


def test_numpy_answers_as_torch_does(fonts):
    torch.manual_seed(0)
    network = PrintReader()
    lines = [picture for picture, _ in islice(printed_lines(fonts, [0]), 8)]
    for picture in lines:  # statistics that are not those of a fresh network
        network(torch.from_numpy(picture)[None, None])
    network.eval()
    weights = {name: value.numpy().astype(np.float32) for name, value in network.folded().items()}
    for picture in lines:
        with torch.no_grad():
            expected = network(torch.from_numpy(picture)[None, None])[0].numpy()
        np.testing.assert_allclose(answers(picture, weights), expected, atol=0.02)


def test_the_shipped_weights_are_those_of_the_network():
    shipped, fresh = load_file(WEIGHTS), PrintReader().folded()
    assert {name: value.shape for name, value in shipped.items()} == {
        name: tuple(value.shape) for name, value in fresh.items()
    }


def test_the_shipped_weights_say_how_they_were_made():
    with safe_open(WEIGHTS, "numpy") as file:
        card = file.metadata()
    assert card["command"] == "python -m napari_etch.training.print_reader"
    assert int(card["steps"]) > 1000
    assert card["licence"] == "BSD-3-Clause"


def test_lines_follow_from_their_seed(fonts):
    first, again, other = (list(islice(printed_lines(fonts, [seed]), 5)) for seed in (1, 1, 2))
    assert [text for _, text in first] == [text for _, text in again]
    assert all(np.array_equal(one, two) for (one, _), (two, _) in zip(first, again, strict=True))
    assert [text for _, text in first] != [text for _, text in other]
    assert all(picture.shape[0] == ROWS for picture, _ in first)


def test_characters_that_no_length_has_are_unknown():
    assert wanted("5 µm") == [CHARACTERS.index(each) + 1 for each in "5µm"]
    assert wanted("5 kV") == [CHARACTERS.index(each) + 1 for each in "5??"]


def test_a_short_training_learns_and_writes(fonts, tmp_path, monkeypatch):
    monkeypatch.setattr("napari_etch.training.print_reader._BATCH", 4)
    network = train(fonts, [], tmp_path / "letters.safetensors", minutes=0.05, seed=0)
    written = load_file(tmp_path / "letters.safetensors")
    assert written["first.weight"].dtype == np.float16
    assert np.array_equal(written["answer.bias"], network.folded()["answer.bias"].numpy())
    assert not np.array_equal(written["answer.bias"], PrintReader().folded()["answer.bias"].numpy())


def test_an_empty_line_is_read_as_nothing():
    from napari_etch.micrograph.box import Box

    text, sure = read_line(np.zeros((40, 60), np.float32), Box(10, 30, 10, 50))
    assert not set(text) & set("0123456789")
    assert 0 <= sure <= 1
