from __future__ import annotations

import numpy as np
import pytest
import torch
from training.stacks import SMALL, drawn_lines, small_stack, training_folder

from napari_etch.networks.wpunet import WPUNet
from napari_etch.training.folder import TrainingDataError
from napari_etch.training.labelled_stacks import (
    at_scale,
    labelled_stack,
    mean_intercept,
    read_labelled_stacks,
    split_by_depth,
    with_targets,
)
from napari_etch.training.previous import Schooling, as_told, boundary_of, previous_maps
from napari_etch.training.sections import RUN, LabelledStack, SectionCrops


@pytest.fixture(scope="module")
def stack():
    return small_stack()


def numbered(count=5, side=32):
    """A stack whose images and labels both say which section and place they are of."""
    place = np.arange(side * side, dtype=np.int32).reshape(side, side)
    labels = np.stack([place + 10_000 * z for z in range(count)])
    images = np.stack([(place + z) % 251 for z in range(count)]).astype(np.uint8)
    return LabelledStack(images, labels, np.ones(count, bool))


def test_a_sample_runs_through_neighbouring_sections_at_one_place():
    batch = SectionCrops([numbered()], 16, seed=0).draw(40)
    assert batch.images.shape == (RUN, 40, 1, 16, 16)
    sections, places = batch.labels // 10_000, batch.labels % 10_000
    assert (places == places[:1]).all()
    steps = (sections[1:] - sections[:-1])[:, :, 0, 0]
    assert set(steps[1].tolist()) == {-1, 0, 1}
    assert (batch.preceded == (steps[1] != 0)).all()


def test_sections_that_show_nothing_are_stepped_over():
    stack = numbered()
    sound = stack.sound.copy()
    sound[2] = False
    stack = LabelledStack(stack.images, stack.labels, sound)
    sections = SectionCrops([stack], 16, seed=0).draw(60).labels[:, :, 0, 0] // 10_000
    assert 2 not in sections
    assert ((sections[2] == 3) & (sections[1] == 1)).any()


def test_crops_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="no stack is 64 px wide"):
        SectionCrops([numbered()], 64, seed=0)


def test_targets_are_cropped_as_the_labels_are(stack):
    batch = SectionCrops([with_targets(stack)], 32, seed=0).draw(6)
    assert batch.lines is not None
    wide, boundary, interior = batch.lines.unbind(1)
    steps = batch.labels[-1][:, :, 1:] != batch.labels[-1][:, :, :-1]
    assert float(wide[:, :, 1:][steps].float().mean()) > 0.95
    assert float(boundary.max()) == 30
    assert float(interior.max()) > 10


class Echo(torch.nn.Module):
    """Calls boundary what it was told, a little weaker; without knowledge, nothing."""

    def __init__(self):
        super().__init__()
        self.asked = 0
        self.unused = torch.nn.Parameter(torch.zeros(()))

    def forward(self, seen):
        self.asked += 1
        told = (1 - seen[:, 1:]) / 7
        return torch.logit((0.9 * told).clamp(0.01, 0.99))


def drawn(schooling, step=1000, count=200, echo=None):
    batch = SectionCrops([small_stack(4, 32)], 32, seed=1).draw(count)
    generator = torch.Generator().manual_seed(0)
    return batch, previous_maps(batch, echo or Echo(), schooling, step, generator)


def test_what_is_told_is_worn_truth_or_the_networks_own_answer():
    echo = Echo()
    _, worn = drawn(Schooling(own=0, nothing=0, wrong=0, unsure=0), echo=echo)
    assert echo.asked == 0
    assert 0.5 < float(worn.max()) <= 1
    _, own = drawn(Schooling(own=1, nothing=0, wrong=0, unsure=0), echo=echo)
    assert echo.asked > 0
    assert float(own.max()) <= 0.95
    assert not own.requires_grad


def test_own_answers_come_in_slowly():
    echo = Echo()
    drawn(Schooling(own=1, until=10**9), step=1, echo=echo)
    assert echo.asked == 0


def test_some_are_told_nothing_and_first_sections_never_are_told_anything():
    batch, maps = drawn(Schooling(own=0, nothing=0.3, wrong=0, unsure=0))
    silent = maps.flatten(1).amax(1) == 0
    assert silent[~batch.preceded].all()
    assert 0.15 < float(silent[batch.preceded].float().mean()) < 0.45


def test_a_map_is_told_in_every_coding():
    maps = torch.zeros(2, 1, 16, 16)
    maps[:, :, :, 8] = 1
    for coding in ("probability", "mask", "expansion", "weights"):
        told = as_told(maps, coding)
        assert told.shape == maps.shape
        assert float(told.min()) == pytest.approx(-6)


def test_the_boundary_is_the_second_of_two_channels_and_the_first_of_more():
    logits = torch.tensor([[[[0.0]], [[3.0]]]])
    assert float(boundary_of(logits)) == pytest.approx(float(torch.sigmoid(torch.tensor(3.0))))
    eight = torch.zeros(1, 8, 1, 1)
    eight[:, 0] = 3
    assert float(boundary_of(eight)) == pytest.approx(float(torch.sigmoid(torch.tensor(3.0))))


@pytest.mark.parametrize("lines", [False, True])
def test_stacks_are_read_from_a_folder(tmp_path, stack, lines):
    folder = training_folder(tmp_path, stack, lines)
    (read,) = read_labelled_stacks(folder, "boundary" if lines else "grains")
    assert read.images.shape == read.labels.shape == stack.labels.shape
    assert read.labels.min() > 0
    assert mean_intercept(read) == pytest.approx(mean_intercept(stack), rel=0.1)


def test_stacks_are_read_from_hdf5(tmp_path, stack):
    import h5py

    path = tmp_path / "iron.hdf5"
    with h5py.File(path, "w") as file:
        file["real/image"] = np.moveaxis(stack.images, 0, -1)
        file["real/label"] = np.moveaxis(stack.labels, 0, -1)
    (read,) = read_labelled_stacks(path)
    np.testing.assert_array_equal(read.images, stack.images)
    np.testing.assert_array_equal(read.labels, stack.labels)
    with h5py.File(path, "a") as file:
        del file["real/label"]
        file["real/boundary"] = np.moveaxis(255 * drawn_lines(stack), 0, -1)
    (lines,) = read_labelled_stacks(path)
    assert mean_intercept(lines) == pytest.approx(mean_intercept(stack), rel=0.1)
    with h5py.File(path, "a") as file:
        del file["real/boundary"]
    with pytest.raises(TrainingDataError, match="no images with labels"):
        read_labelled_stacks(path)


def test_data_that_cannot_be_learnt_from_are_one_sentence(tmp_path, stack):
    with pytest.raises(TrainingDataError, match="is no training folder"):
        read_labelled_stacks(tmp_path)
    folder = training_folder(tmp_path, stack)
    (folder / "labels" / "a.tif").unlink()
    with pytest.raises(TrainingDataError, match=r"a.tif has no labels"):
        read_labelled_stacks(folder)
    with pytest.raises(TrainingDataError, match="not from 'classes'"):
        read_labelled_stacks(folder, "classes")
    with pytest.raises(TrainingDataError, match="one size"):
        labelled_stack(stack.images, stack.labels[:, :40], "bad")
    with pytest.raises(TrainingDataError, match="one section"):
        labelled_stack(stack.images[:1], stack.labels[:1], "bad")
    with pytest.raises(TrainingDataError, match="fewer than two sections"):
        labelled_stack(0 * stack.images, stack.labels, "bad")


def test_a_stack_is_brought_to_another_scale_and_split_by_depth(stack):
    half = at_scale(stack, 0.5)
    assert half.images.shape == half.labels.shape == (10, 32, 32)
    assert at_scale(stack, 9.0).images.shape == (10, 128, 128)
    learnt, held = split_by_depth(stack)
    assert len(learnt.images) == 8
    assert held is not None
    np.testing.assert_array_equal(held.images, stack.images[8:])
    assert split_by_depth(half)[1] is not None
    assert split_by_depth(labelled_stack(stack.images[:4], stack.labels[:4], "short"))[1] is None


def test_the_network_learns_on_what_is_drawn(stack):
    from napari_etch.training.wpunet_losses import section_loss

    network = WPUNet(SMALL["widths"], 8)
    batch = SectionCrops([stack], 32, seed=0).draw(2)
    maps = torch.zeros_like(batch.images[0])
    loss, terms = section_loss(network, batch, maps)
    loss.backward()
    assert set(terms) == {"boundary", "distance", "affinity"}
    assert network.down[1][0].weight.grad.abs().sum() > 0
    with pytest.raises(ValueError, match="needs stacks with targets"):
        section_loss(WPUNet(SMALL["widths"], 2), batch, maps, "abw")
