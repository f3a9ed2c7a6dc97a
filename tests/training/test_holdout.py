"""What is held back never touches what is learnt from."""

from dataclasses import replace

import numpy as np
import pytest

from napari_etch.micrograph import micrograph_from_array
from napari_etch.training.folder import pair_of
from napari_etch.training.holdout import hold_out


def pair(name="a", shape=(200, 320), pitch=20, specimen="", section=None, ignore=None):
    row, column = np.indices(shape) // pitch
    labels = (row * (shape[1] // pitch + 1) + column + 1).astype(np.int32)
    image = np.random.default_rng(0).random(shape)
    made = pair_of(micrograph_from_array(image, name), labels, "grains", ignore)
    return replace(made, specimen=specimen, section=section)


def test_one_image_gives_a_strip_with_a_margin():
    whole = pair()
    split = hold_out([whole], seed=0)
    (learnt,), (held,) = split.learnt, split.held
    assert held.labels.shape == (200, 64)
    assert learnt.labels.shape[1] < 320 - 64 - 15
    assert not set(np.unique(learnt.labels)) & set(np.unique(held.labels))
    assert learnt.micrograph.data.shape == learnt.labels.shape == learnt.image.shape
    assert "20 % of a" in split.how


def test_two_images_give_a_strip_each_and_three_a_whole_one():
    two = hold_out([pair("a"), pair("b")])
    assert len(two.learnt) == len(two.held) == 2
    three = hold_out([pair(name) for name in "abc"], seed=1)
    assert len(three.learnt) == 2 and len(three.held) == 1
    assert three.how == f"image {three.held[0].name}"


def test_an_image_without_a_specimen_is_one_of_its_own_and_is_named():
    pairs = [pair("a1", specimen="A"), pair("a2", specimen="A"), pair("b"), pair("c")]
    for seed in range(8):
        split = hold_out(pairs, seed=seed)
        assert not {p.specimen or p.source for p in split.learnt} & {
            p.specimen or p.source for p in split.held
        }
        assert split.how.endswith(
            "(no specimen is stated for b, c, which each count as one of their own)"
        )


def test_specimens_go_before_images():
    pairs = [pair(name, specimen=name[0]) for name in ("s1", "s2", "s3", "t1")]
    for seed in range(4):
        split = hold_out(pairs, seed=seed)
        assert not {p.specimen for p in split.learnt} & {p.specimen for p in split.held}
        assert split.how.startswith("specimen ")


def test_a_stack_holds_its_last_sections_back_and_leaves_one_out():
    sections = [replace(pair(section=index), source="stack") for index in range(10)]
    split = hold_out(sections)
    assert [p.section for p in split.held] == [8, 9]
    assert [p.section for p in split.learnt] == list(range(7))


def test_the_same_seed_gives_the_same_split_and_another_seed_another():
    pairs = [pair(name) for name in "abcdef"]
    chosen = {seed: hold_out(pairs, seed=seed).how for seed in range(6)}
    assert chosen == {seed: hold_out(pairs, seed=seed).how for seed in range(6)}
    assert len(set(chosen.values())) > 1


def test_the_end_that_is_left_out_of_learning_is_not_held_back():
    ignore = np.zeros((200, 320), bool)
    ignore[:, 200:] = True
    for seed in range(4):
        (held,) = hold_out([pair(ignore=ignore)], seed=seed).held
        assert held.learnt.any()


@pytest.mark.parametrize("shape", [(60, 80), (30, 700)])
def test_of_too_little_nothing_is_held_back(shape):
    split = hold_out([pair(shape=shape)])
    assert not split.held and len(split.learnt) == 1 and split.how == ""
    assert not hold_out([pair()], share=0).held
