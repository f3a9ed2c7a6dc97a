"""A few outlined areas give the map of the whole image."""

from dataclasses import replace

import numpy as np
import pytest
from surfaces import half_lined, two_patches

from napari_etch.fractography import FractureMap, OutlineError, map_from_outlines
from napari_etch.fractography.outlining import prepare_outlining
from napari_etch.grains.class_table import FRACTURE_MODES
from napari_etch.micrograph import micrograph_from_array


@pytest.fixture(scope="module")
def surface():
    image, classes = half_lined()
    micrograph = micrograph_from_array(image, "half")
    *_, mapper = prepare_outlining(micrograph)
    return mapper, classes


def test_the_rest_of_the_image_follows_the_outlines(surface):
    mapper, classes = surface
    outlined = two_patches(classes)
    found = mapper.map(outlined)
    rest = outlined == 0
    assert (found.classes == classes)[rest].mean() > 0.95
    assert found.classes.dtype == np.uint8 and found.probability.shape == (2, *classes.shape)
    np.testing.assert_allclose(found.probability.sum(0), 1, atol=1e-5)


def test_names_do_not_matter_only_outlines_do(surface):
    mapper, classes = surface
    swapped = np.where(two_patches(classes) > 0, 3 - two_patches(classes), 0)
    assert (mapper.map(swapped).classes == 3 - classes).mean() > 0.93


def test_what_was_outlined_keeps_its_class(surface):
    mapper, classes = surface
    outlined = two_patches(classes)
    outlined[100:110, 20:30] = 2  # an island that the features speak against
    assert (mapper.map(outlined).classes[100:110, 20:30] == 2).all()


def test_unsure_pixels_stay_unlabelled_when_asked(surface):
    mapper, classes = surface
    found = mapper.map(two_patches(classes), least=0.9)
    empty = found.classes == 0
    assert 0 < empty.mean() < 0.9
    assert (found.probability.max(0)[empty] < 0.9).all()


def test_more_classes_by_another_table(surface):
    mapper, classes = surface
    table = FRACTURE_MODES.with_class("dimple")
    outlined = two_patches(classes)
    outlined[10:40, 110:140] = 3
    found = replace(mapper, table=table).map(outlined)
    assert found.probability.shape[0] == 3 and 3 in found.classes


def test_an_unsure_judge_is_corrected_where_outlines_contradict_it(surface):
    mapper, classes = surface
    wrong = np.zeros((2, *classes.shape), np.float32)
    wrong[0], wrong[1] = 0.65, 0.35  # calls everything intergranular, and is not sure of it
    judge = FractureMap(mapper.micrograph, np.ones_like(classes), wrong, FRACTURE_MODES, "judge")
    found = replace(mapper, prior=judge).map(two_patches(classes))
    assert (found.classes == classes).mean() > 0.93
    assert found.model == "judge and outlines"


@pytest.mark.parametrize(
    ("outlined", "message"),
    [
        (np.zeros((192, 192), int), "two classes: there is nothing so far"),
        (np.ones((192, 192), int), "intergranular only so far"),
        (np.full((192, 192), 9), "Class 9 is not in the class table"),
        (np.ones((5, 5), int), "differ in size"),
    ],
)
def test_outlines_that_give_no_map_are_refused(surface, outlined, message):
    with pytest.raises(OutlineError, match=message):
        surface[0].map(outlined)


def test_the_same_outlines_give_the_same_map():
    image, classes = half_lined(96)
    micrograph = micrograph_from_array(image, "half")
    maps = []
    for _ in range(2):
        *_, found = map_from_outlines(micrograph, two_patches(classes))
        maps.append(found.classes)
    np.testing.assert_array_equal(*maps)


def test_outlines_of_errors_alone_do_not_turn_the_map_over(surface):
    # a user outlines what is wrong: the network is right about the rest and stays so
    mapper, classes = surface
    judged = np.stack([classes == 1, classes == 2]).astype(np.float32) * 0.7 + 0.15
    judged[:, 60:100, 20:60] = judged[::-1, 60:100, 20:60]  # but for one place in each half
    judged[:, 60:100, 130:170] = judged[::-1, 60:100, 130:170]
    judge = FractureMap(mapper.micrograph, classes, judged, FRACTURE_MODES, "judge")
    outlined = np.zeros_like(classes)
    outlined[65:95, 25:55], outlined[65:95, 135:165] = 1, 2
    found = replace(mapper, prior=judge).map(outlined)
    assert (found.classes == classes).mean() > (judged.argmax(0) + 1 == classes).mean()
    assert (found.classes == classes)[120:].mean() > 0.95
