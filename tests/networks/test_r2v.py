"""The published network: its size, its field, and how its classes are read."""

import pytest
import torch

from napari_etch.networks.r2v import R2VNet, boundary_logit


@pytest.mark.parametrize(
    ("channels", "classes", "count"), [(64, 2, 112_070), (100, 100, 282_400), (32, 2, 28_390)]
)
def test_the_published_form_has_the_published_number_of_parameters(channels, classes, count):
    network = R2VNet(channels=channels, classes=classes)
    assert sum(item.numel() for item in network.parameters()) == count


@pytest.mark.parametrize(
    ("options", "stride"), [({}, 1), ({"dilation": (1, 2, 4, 8), "fold": 2}, 2)]
)
def test_nothing_beyond_the_reach_changes_an_answer(options, stride):
    torch.manual_seed(0)
    network = R2VNet(channels=6, **options).eval()
    assert network.stride == stride
    size = 4 * network.reach // stride * stride
    image = torch.randn(1, 1, size, size)
    poked = image.clone()
    poked[0, 0, size // 2, size // 2] += 10
    with torch.no_grad():
        changed = (network(image) != network(poked)).any(1)[0].nonzero() - size // 2
    assert changed.abs().max() <= network.reach
    assert changed.abs().max() > network.reach - 2 * stride


def test_the_default_sees_nine_by_nine_pixels():
    assert R2VNet().reach == 4


def test_the_boundary_is_the_first_class_against_all_others():
    responses = torch.randn(2, 4, 5, 6)
    torch.testing.assert_close(torch.sigmoid(boundary_logit(responses)), responses.softmax(1)[:, 0])
