"""Viewer-model tests, without a window: what layers say about themselves, where results lie."""

from __future__ import annotations

import threading
from typing import Any

import dask.array as da
import numpy as np
import pytest
from _widgets.fakes import PITCH, FakeModel, drain, fake_engine
from napari.components import ViewerModel
from napari.layers import Image, Labels, Shapes

from napari_etch._widgets.correct_target import micrograph_of
from napari_etch._widgets.earlier_results import earlier_result, hide_covered, replace_result
from napari_etch._widgets.job import Region, Settings
from napari_etch._widgets.layer_choice import about
from napari_etch._widgets.layers import (
    METADATA_KEY,
    is_micrograph,
    origin_of,
    pixel_size_um,
    region_from_shapes,
    result_layers,
    source_of,
)
from napari_etch._widgets.made_from import image_id_of
from napari_etch._widgets.pixel_size import set_pixel_size
from napari_etch._widgets.recut import stack_grains
from napari_etch._widgets.recut_layers import is_edited, recut_copy, recut_layer
from napari_etch._widgets.run import segment

SHAPE = (4 * PITCH, 4 * PITCH)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, shape, np.uint8)


def micrograph(**keywords: Any) -> Image:
    return Image(noise(*SHAPE), name="steel", **keywords)


def results(image: Image, **settings: Any) -> tuple[Image, Labels]:
    settings.setdefault("skip_info_bar", False)
    origin = origin_of(image)
    run = segment(source_of(image), Settings(**settings), threading.Event(), fake_engine())
    return result_layers(drain(run)[1], origin)


def test_results_lie_where_the_source_lies() -> None:
    image = micrograph(
        scale=(0.5, 0.25),
        translate=(10, 20),
        units=("µm", "µm"),
        rotate=30,
        affine=[[1, 0.1, 3], [0, 1, 4], [0, 0, 1]],
        axis_labels=("y", "x"),
    )
    for layer in results(image):
        np.testing.assert_allclose(layer.scale, image.scale)
        np.testing.assert_allclose(layer.translate, image.translate)
        assert layer.units == image.units
        assert layer.axis_labels == image.axis_labels
        for corner in [(0, 0), (100, 7)]:
            np.testing.assert_allclose(layer.data_to_world(corner), image.data_to_world(corner))


def test_the_result_of_a_rectangle_lies_over_the_rectangle() -> None:
    image = micrograph(
        scale=(0.5, 0.25), translate=(10, 20), rotate=30, affine=[[2, 0, 3], [0, 1, 4], [0, 0, 1]]
    )
    for layer in results(image, region=Region(8, 16, 96, 112)):
        assert layer.data.shape == (88, 96)
        np.testing.assert_allclose(layer.data_to_world((0, 0)), image.data_to_world((8, 16)))
        np.testing.assert_allclose(layer.data_to_world((80, 90)), image.data_to_world((88, 106)))


def test_the_result_of_one_section_lies_in_that_section() -> None:
    stack = Image(noise(5, *SHAPE), name="stack", scale=(2, 0.5, 0.5), translate=(1, 0, 0))
    for layer in results(stack, section=3):
        assert layer.data.shape == (1, *SHAPE)
        np.testing.assert_allclose(layer.data_to_world((0, 0, 0)), stack.data_to_world((3, 0, 0)))


def test_sections_of_a_stack_have_grains_of_their_own() -> None:
    _, grains = results(Image(noise(3, *SHAPE), name="stack"))
    found = [set(np.unique(section)) for section in grains.data]
    assert all(found)
    assert not found[0] & found[1]
    assert not found[1] & found[2]


def test_results_are_named_after_the_source_and_say_what_made_them() -> None:
    image = micrograph(scale=(0.5, 0.5), units=("µm", "µm"))
    boundary, grains = results(image, granularity=0.4)
    assert boundary.name == "steel · boundary"
    assert grains.name == "steel · grains"
    made = grains.metadata[METADATA_KEY]
    assert made["model"] == "fake"
    assert made["weights_hash"] == "00c0ffee"
    assert made["version"]
    assert made["source"] == "steel"
    assert made["granularity"] == 0.4
    assert made["pixel_size_um"] == 0.5
    assert len(made["partitions"]) == 1
    assert "partitions" not in boundary.metadata[METADATA_KEY]


def test_the_boundary_is_added_to_a_dark_image_and_taken_from_a_bright_one() -> None:
    dark = noise(*SHAPE) // 8
    dark[::7, ::7] = 255
    boundary, _ = results(Image(dark, name="dark"))
    assert boundary.blending == "additive"
    boundary, _ = results(Image(255 - dark, name="bright"))
    assert boundary.blending == "multiplicative"
    assert tuple(boundary.contrast_limits) == (0, 1)


@pytest.mark.parametrize(
    ("scale", "units", "expected"),
    [
        ((0.5, 0.5), ("µm", "µm"), 0.5),
        ((20, 20), ("nm", "nm"), 0.02),
        ((-0.5, 0.5), ("µm", "µm"), 0.5),
        ((0.5, 0.5), ("pixel", "pixel"), None),
        ((0.5, 0.25), ("µm", "µm"), None),
        ((0.5, 0.5), ("s", "s"), None),
    ],
)
def test_the_pixel_size_comes_from_scale_and_units(
    scale: Any, units: Any, expected: float | None
) -> None:
    size = pixel_size_um(micrograph(scale=scale, units=units))
    assert size == (None if expected is None else pytest.approx(expected))


def test_the_pixel_size_takes_in_the_affine_of_a_registered_image() -> None:
    """An image registered to another one may have its scale in its affine, as napari shows it."""
    place = {"affine": np.diag([0.2252, 0.2252, 1.0]), "units": ("um", "um")}
    assert pixel_size_um(micrograph(**place)) == pytest.approx(0.2252)
    assert pixel_size_um(micrograph(**place, scale=(2, 2))) == pytest.approx(0.4504)
    assert pixel_size_um(micrograph(**{**place, "affine": np.diag([0.2, 0.4, 1.0])})) is None
    turned = {**place, "affine": np.diag([0.2, 0.4, 1.0]), "scale": (2, 1), "rotate": 0}
    assert pixel_size_um(micrograph(**turned)) == pytest.approx(0.4)


def test_the_finest_level_of_a_multiscale_image_is_used() -> None:
    fine = noise(*SHAPE)
    image = Image([fine, fine[::2, ::2]], name="pyramid", multiscale=True)
    np.testing.assert_array_equal(source_of(image).plane(0, source_of(image).whole), fine)
    assert results(image)[1].data.shape == SHAPE


def test_a_colour_image_gives_grains_without_a_colour_axis() -> None:
    image = Image(noise(*SHAPE, 3), name="colour", rgb=True)
    boundary, grains = results(image)
    assert boundary.data.shape == SHAPE
    assert not boundary.rgb
    assert grains.data.shape == SHAPE


def test_a_boundary_layer_is_no_micrograph() -> None:
    image = micrograph()
    boundary, grains = results(image)
    assert is_micrograph(image)
    assert not is_micrograph(boundary)
    assert not is_micrograph(grains)


def rectangle(top: float, left: float, bottom: float, right: float) -> np.ndarray:
    return np.array([[top, left], [top, right], [bottom, right], [bottom, left]], dtype=float)


def test_a_rectangle_is_found_in_pixels_of_the_image() -> None:
    image = micrograph(scale=(0.5, 0.5), translate=(10, 20))
    drawn = Shapes([rectangle(15, 30, 35, 50)])
    assert region_from_shapes(drawn, image) == Region(10, 20, 51, 61)


def test_a_rectangle_in_another_unit_is_converted() -> None:
    image = micrograph(scale=(0.5, 0.5), units=("µm", "µm"))
    drawn = Shapes([rectangle(5000, 10000, 25000, 30000)], units=("nm", "nm"))
    assert region_from_shapes(drawn, image) == Region(10, 20, 51, 61)


def test_what_hangs_over_the_edge_is_cut_off() -> None:
    drawn = Shapes([rectangle(-20, 100, 40, 900)])
    assert region_from_shapes(drawn, micrograph()) == Region(0, 100, 41, SHAPE[1])


def test_the_selected_rectangle_counts_otherwise_the_last() -> None:
    drawn = Shapes([rectangle(0, 0, 9, 9), rectangle(20, 20, 39, 39)])
    assert region_from_shapes(drawn, micrograph()) == Region(20, 20, 40, 40)
    drawn.selected_data = {0}
    assert region_from_shapes(drawn, micrograph()) == Region(0, 0, 10, 10)


def test_without_a_rectangle_there_is_no_region() -> None:
    assert region_from_shapes(Shapes(), micrograph()) is None


def test_a_rectangle_over_a_stack_is_used_in_every_section() -> None:
    stack = Image(noise(3, *SHAPE), name="stack")
    corners = np.c_[np.full(4, 1.0), rectangle(10, 20, 49, 59)]
    assert region_from_shapes(Shapes([corners]), stack) == Region(10, 20, 50, 60)
    flat = Shapes([rectangle(10, 20, 49, 59)])
    assert region_from_shapes(flat, stack) == Region(10, 20, 50, 60)


def test_cutting_again_changes_the_grains_and_the_metadata() -> None:
    _, grains = results(micrograph(), granularity=0.9)
    assert len(np.unique(grains.data)) == 16
    assert recut_layer(grains, 0.3) == 4
    assert len(np.unique(grains.data)) == 4
    assert grains.metadata[METADATA_KEY]["granularity"] == 0.3
    assert recut_layer(grains, 0.9) == 16


def test_cutting_a_stack_again_cuts_every_section() -> None:
    _, grains = results(Image(noise(3, *SHAPE), name="stack"), granularity=0.9)
    assert recut_layer(grains, 0.3) == 12
    assert len(np.unique(grains.data)) == 12


def test_an_edit_is_noticed_and_its_undoing_too() -> None:
    _, grains = results(micrograph())
    assert not is_edited(grains)
    grains.data_setitem((np.arange(5), np.arange(5)), 77)
    assert is_edited(grains)
    grains.undo()
    assert not is_edited(grains)


def test_painting_on_the_layer_does_not_reach_the_cut_it_came_from() -> None:
    _, grains = results(micrograph())
    grains.data[:] = 1
    assert is_edited(grains)


@pytest.mark.parametrize("is_replaced", [False, True], ids=["in place", "replaced by a script"])
def test_painting_after_a_cut_does_not_reach_the_partition(is_replaced: bool) -> None:
    _, grains = results(micrograph(), granularity=0.9)
    if is_replaced:
        grains.data = da.from_array(grains.data)
    recut_layer(grains, 0.3)
    grains.data[:] = 1
    assert is_edited(grains)


def test_grains_of_one_image_that_are_only_read_are_not_copied() -> None:
    _, grains = results(micrograph())
    partitions = grains.metadata[METADATA_KEY]["partitions"]
    assert stack_grains(partitions, is_stack=False, copy=False) is partitions[0].grains


def test_undo_after_a_cut_does_not_write_old_pixels_into_the_new_grains() -> None:
    _, grains = results(micrograph(), granularity=0.9)
    grains.data_setitem((np.arange(5), np.arange(5)), 77)
    grains.undo()  # leaves a step to redo
    recut_layer(grains, 0.3)
    expected = grains.data.copy()
    grains.redo()
    grains.undo()
    np.testing.assert_array_equal(grains.data, expected)
    assert grains.editable


def test_a_cut_keeps_the_tool_that_is_in_hand() -> None:
    viewer = ViewerModel()
    _, grains = results(micrograph(), granularity=0.9)
    viewer.add_layer(grains)
    grains.mode = "paint"
    recut_layer(grains, 0.3)
    assert grains.mode == "paint"


def test_a_cut_into_a_new_layer_leaves_the_old_one_alone() -> None:
    viewer = ViewerModel()
    image = viewer.add_layer(micrograph(scale=(0.5, 0.5)))
    _, grains = results(image, granularity=0.9, region=Region(32, 32, 128, 128))
    viewer.add_layer(grains)
    grains.data[:3] = 99
    corrected = grains.data.copy()
    new = viewer.add_layer(recut_copy(grains, 0.3))
    np.testing.assert_array_equal(grains.data, corrected)
    assert new.name != grains.name
    np.testing.assert_allclose(new.translate, grains.translate)
    assert not is_edited(new)
    again = results(image, region=Region(32, 32, 128, 128))[1]
    assert earlier_result(viewer.layers, again) is None  # both are kept by the next run, too


def test_a_second_run_takes_the_place_of_the_first() -> None:
    viewer = ViewerModel()
    image = viewer.add_layer(micrograph())
    first = [viewer.add_layer(layer) for layer in results(image, granularity=0.9)]
    second = results(image, granularity=0.3)
    for old, new in zip(first, second, strict=True):
        assert earlier_result(viewer.layers, new) is old
        replace_result(old, new)
    assert first[1].metadata[METADATA_KEY]["granularity"] == 0.3
    assert len(np.unique(first[1].data)) == 4


def test_a_second_run_does_not_take_the_place_of_corrected_grains() -> None:
    viewer = ViewerModel()
    image = viewer.add_layer(micrograph())
    _, grains = results(image)
    viewer.add_layer(grains)
    grains.data[:3] = 99
    assert earlier_result(viewer.layers, results(image)[1]) is None


def test_corrected_grains_keep_their_boundary_map_through_further_runs() -> None:
    """Their review goes by it, and it was replaced by that of a run with other settings."""
    viewer = ViewerModel()
    image = viewer.add_layer(micrograph())
    first = [viewer.add_layer(layer) for layer in results(image)]
    first[1].data[:3] = 99
    assert [earlier_result(viewer.layers, new) for new in results(image)] == [None, None]
    second = [viewer.add_layer(layer) for layer in results(image)]
    third = results(image)
    assert [earlier_result(viewer.layers, new) for new in third] == second
    replace_result(second[1], third[1])  # the grains first, as the dock does
    assert earlier_result(viewer.layers, third[0]) is second[0]


def test_a_second_run_does_not_take_the_place_of_what_was_renamed() -> None:
    viewer = ViewerModel()
    image = viewer.add_layer(micrograph())
    for layer in results(image):
        viewer.add_layer(layer).name = "to keep"
    assert [earlier_result(viewer.layers, new) for new in results(image)] == [None, None]
    second = [viewer.add_layer(layer) for layer in results(image)]
    second[0].name = f"{second[0].name} [1]"  # by napari, where the name is taken
    image.name = "steel, sample 2"
    third = results(image)
    assert [earlier_result(viewer.layers, new) for new in third] == second
    for old, new in zip(second, third, strict=True):
        replace_result(old, new)
        assert old.name == new.name


def test_results_of_another_model_source_or_region_stay() -> None:
    viewer = ViewerModel()
    image = viewer.add_layer(micrograph())
    viewer.add_layer(results(image)[1])
    assert earlier_result(viewer.layers, results(micrograph())[1]) is None
    assert earlier_result(viewer.layers, results(image, region=Region(0, 0, 64, 64))[1]) is None
    other = results(image)[1]
    other.metadata[METADATA_KEY]["model"] = FakeModel(name="other").name
    assert earlier_result(viewer.layers, other) is None


# -- saved and opened again ------------------------------------------------------------------------


def opened_again(*names: str) -> ViewerModel:
    """Return a viewer with layers as napari opens them from files: all in one place."""
    viewer = ViewerModel()
    for name in names:
        if name.endswith("grains"):
            viewer.add_labels(np.ones(SHAPE, np.int32), name=name)
        else:
            viewer.add_image(noise(*SHAPE), name=name)
    return viewer


def test_a_boundary_that_was_saved_and_opened_again_is_no_micrograph() -> None:
    viewer = opened_again("steel", "steel · boundary", "steel · closed boundary")
    assert [is_micrograph(layer) for layer in viewer.layers] == [True, False, False]


def test_a_run_hides_the_result_that_was_saved_and_opened_again() -> None:
    viewer = opened_again("steel", "steel · boundary", "steel · grains", "other · grains")
    there = list(viewer.layers)
    part = [
        viewer.add_layer(layer)
        for layer in results(viewer.layers["steel"], region=Region(0, 0, 64, 64))
    ]
    assert hide_covered(viewer.layers, part) == []
    new = [viewer.add_layer(layer) for layer in results(viewer.layers["steel"])]
    assert hide_covered(viewer.layers, new) == [*there[1:3], *part]
    assert [layer.visible for layer in there] == [True, False, False, True]


def test_grains_that_were_saved_and_opened_again_know_their_micrograph_by_its_name() -> None:
    viewer = opened_again(
        "f1", "f1 · boundary", "f1 · grains", "f", "f1b", "f1b · grains", "f1b · boundary"
    )
    found = {
        name: micrograph_of(viewer.layers, viewer.layers[name])
        for name in ("f1 · grains", "f1b · grains")
    }
    assert {name: image.name for name, image in found.items()} == {
        "f1 · grains": "f1",
        "f1b · grains": "f1b",
    }
    images = [layer for layer in viewer.layers if is_micrograph(layer)]
    for name in ("f1", "f1b"):
        identity = str(viewer.layers[name].unique_id)
        assert image_id_of(viewer.layers[f"{name} · grains"], images) == identity
        assert image_id_of(viewer.layers[name], images) == identity
    set_pixel_size(viewer, viewer.layers["f1"], 0.5)
    sized = [layer.name for layer in viewer.layers if pixel_size_um(layer) == 0.5]
    assert sized == ["f1", "f1 · boundary", "f1 · grains"]


def test_of_two_images_whose_names_begin_that_of_a_result_it_is_of_the_longer() -> None:
    viewer = opened_again("f1", "f1 · detail", "f1 · detail · grains")
    images = [layer for layer in viewer.layers if is_micrograph(layer)]
    identity = str(viewer.layers["f1 · detail"].unique_id)
    assert image_id_of(viewer.layers["f1 · detail · grains"], images) == identity


def test_an_image_says_that_its_pixels_are_not_square() -> None:
    """A dock said that it has no pixel size, and to type one squeezed it without a word."""
    image = Image(np.zeros((30, 40)), scale=(0.4, 0.2), units=("um", "um"))
    assert about(image) == "40 × 30 px · pixels are not square (0.2 × 0.4)"
    image.scale = (0.2, 0.2)
    assert about(image) == "40 × 30 px · 0.2 µm/px"


def test_any_shape_may_be_the_region() -> None:
    corners = rectangle(10, 20, 50, 80)
    region = region_from_shapes(Shapes([corners], shape_type="ellipse"), micrograph())
    assert region is not None and (region.top, region.left, region.bottom, region.right) == (
        *(10, 20, 51, 81),
    )
    outside = region.outside()
    assert outside is not None
    rows, columns = np.mgrid[10:51, 20:81]
    off = np.hypot((rows - 30) / 20, (columns - 50) / 30)
    assert outside[off > 1.05].all() and not outside[off < 0.95].any()
    triangle = np.array([[10, 20], [50, 20], [50, 80]], dtype=float)
    region = region_from_shapes(Shapes([triangle], shape_type="polygon"), micrograph())
    assert region is not None
    outside = region.outside()
    assert outside is not None and outside[5, 40] and not outside[35, 5]
    line = Shapes([corners[[0, 2]]], shape_type="line")
    region = region_from_shapes(line, micrograph())
    assert region is not None and region.outside() is None
