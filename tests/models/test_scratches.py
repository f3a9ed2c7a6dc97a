"""Scratches that the network took for boundaries are filled in, and it looks again."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_etch.evaluation import evaluate_grains
from napari_etch.inference import Prediction, TileDone, predict
from napari_etch.micrograph import micrograph_from_array
from napari_etch.models import load_model
from napari_etch.models.scratches import without_scratches
from napari_etch.virtual import sample_micrograph


def scratched(image, count=6):
    """Draw dark scratches from frame to frame."""
    rng = np.random.default_rng(2)
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    result = image.astype(np.float32)
    for _ in range(count):
        turn, (y, x) = rng.uniform(0, np.pi), rng.uniform(0.25, 0.75, 2) * image.shape
        across = (rows - y) * np.cos(turn) - (columns - x) * np.sin(turn)
        result *= 1 - 0.6 * np.exp(-0.5 * (across / 0.8) ** 2)
    return result.astype(image.dtype)


@pytest.fixture(scope="module")
def ferrite():
    return sample_micrograph(seed=3, size=320, style="ferrite")


def looked(image, **options):
    events = list(
        predict(
            load_model("generalist"),
            micrograph_from_array(image),
            device="cpu",
            quality="fast",
            **options,
        )
    )
    tiles = [event.fraction for event in events if isinstance(event, TileDone)]
    assert tiles == sorted(tiles) and tiles[-1] == pytest.approx(1)
    assert isinstance(events[-1], Prediction)
    return events[-1]


def test_grains_come_out_as_without_scratches(ferrite):
    image, truth = ferrite
    picture = scratched(image)
    kept, filled = looked(picture, fill_scratches=False), looked(picture)
    assert "scratches" not in kept.parameters and filled.parameters["scratches"] >= 3

    def score(found):
        model = load_model("generalist")
        return evaluate_grains(model.partition(found.fields).grains, truth).ap50

    assert score(filled) > score(kept) + 0.05


def test_a_picture_without_scratches_is_seen_once(ferrite):
    image, _ = ferrite
    found, kept = looked(image), looked(image, fill_scratches=False)
    assert "scratches" not in found.parameters
    np.testing.assert_array_equal(found.boundary, kept.boundary)


@pytest.mark.parametrize("seed", range(6))
def test_boundaries_are_no_scratches(seed):
    """Also where sides lie in one line by chance: in the image the line soon turns."""
    labels = sample_micrograph(seed=seed, size=320, style="ferrite")[1]
    sides = np.zeros(labels.shape, np.float32)
    sides[1:] = labels[1:] != labels[:-1]
    sides[:, 1:] = np.maximum(sides[:, 1:], labels[:, 1:] != labels[:, :-1])
    lines = np.clip(2 * gaussian_filter(sides, 1.0), 0, 1)
    assert without_scratches(-2 * lines, lines, 28.0)[1] == 0


def test_without_lines_the_image_is_the_same_one():
    image = np.random.default_rng(0).normal(size=(90, 120)).astype(np.float32)
    same, count = without_scratches(image, np.zeros((45, 60), np.float32), 30.0)
    assert same is image and count == 0
