from __future__ import annotations

import h5py
import numpy as np
import pytest

from napari_etch.micrograph import MicrographError, read_micrograph
from napari_etch.micrograph.iron import iron_groups, read_iron

IMAGE = np.random.default_rng(0).integers(0, 256, (3, 70, 9), np.uint8)  # (z, y, x)
LABEL = np.random.default_rng(1).integers(0, 40, IMAGE.shape).astype(np.int32)


def published(array):
    """Turn (z, y, x) into the files' [row, column, slice]."""
    return np.moveaxis(array, 0, -1)


def write(path, content):
    with h5py.File(path, "w") as file:
        for name, array in content.items():
            file[name] = published(array)
    return path


@pytest.fixture
def new(tmp_path):
    content = {"image": IMAGE, "label": LABEL, "boundary": 255 * (LABEL == 0)}
    return write(tmp_path / "new.hdf5", content)


@pytest.fixture
def old(tmp_path):
    content = {"real/image": IMAGE, "real/label": LABEL, "simulated/label": LABEL[:2]}
    path = write(tmp_path / "old.h5", content)
    with h5py.File(path, "a") as file:
        file["real/shape"] = IMAGE.shape
    return path


def test_both_layouts_come_out_section_first(new, old):
    for path in (new, old):
        np.testing.assert_array_equal(read_iron(path, "image"), IMAGE)
        np.testing.assert_array_equal(read_iron(path, "label"), LABEL)
    np.testing.assert_array_equal(read_iron(old, "label", "simulated"), LABEL[:2])


def test_only_what_has_images_and_labels_is_to_learn_from(new, old, tmp_path):
    assert iron_groups(new) == (None,)
    assert iron_groups(old) == ("real",)
    assert iron_groups(write(tmp_path / "images.h5", {"image": IMAGE})) == ()


def test_a_file_is_a_stack_like_any_other(old):
    micrograph = read_micrograph(old, stack=True)
    assert micrograph.is_stack
    np.testing.assert_array_equal(micrograph.data, IMAGE)
    with pytest.raises(MicrographError, match="3 sections where one image is wanted; save the one"):
        read_micrograph(old)


def test_one_section_is_an_image(tmp_path):
    path = write(tmp_path / "one.h5", {"image": IMAGE[:1]})
    np.testing.assert_array_equal(read_micrograph(path).data, IMAGE[0])


def test_images_alone_are_turned_round_by_their_shape(tmp_path):
    path = write(tmp_path / "images.h5", {"image": np.repeat(IMAGE, 2, 0)})
    assert read_micrograph(path, stack=True).data.shape == (6, 70, 9)
    with h5py.File(tmp_path / "mine.h5", "w") as file:
        file["image"] = IMAGE[:, :40].repeat(8, 2)  # (z, y, x), as others write it
    read = read_micrograph(tmp_path / "mine.h5", stack=True)
    np.testing.assert_array_equal(read.data, IMAGE[:, :40].repeat(8, 2))


def test_a_truncated_file_is_one_sentence(new):
    new.write_bytes(new.read_bytes()[:900])
    with pytest.raises(MicrographError, match="damaged, truncated or of an unsupported kind"):
        read_micrograph(new, stack=True)
