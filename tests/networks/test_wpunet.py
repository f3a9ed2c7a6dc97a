from __future__ import annotations

import pytest
import torch

from napari_etch.networks.etchnet import receptive_radius
from napari_etch.networks.wpunet import WPUNet


def count(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    ("options", "parameters"),
    [
        ({}, 31_051_074),
        ({"fusion": False}, 31_043_010),
        ({"previous": False}, 31_042_434),
    ],
)
def test_the_full_network_has_the_published_number_of_parameters(options, parameters):
    with torch.device("meta"):
        assert count(WPUNet(**options)) == parameters


@pytest.mark.parametrize("widths", [(8, 8), (4, 8, 12), (4, 6, 8, 10, 12)])
def test_sides_of_a_multiple_of_the_stride_come_back_as_they_were(widths):
    network = WPUNet(widths, 3).eval()
    side = 2 * network.stride
    assert network(torch.zeros(2, 2, side, 2 * side)).shape == (2, 3, side, 2 * side)


def line_after(pooling: str, times: int) -> torch.Tensor:
    """Return a map with a one-pixel line in the published coding, halved a few times."""
    network = WPUNet((4, 4), pooling=pooling)
    last = torch.ones(1, 1, 32, 32)
    last[..., 13] = -6
    for _ in range(times):
        last = network._halved(last)
    return last


def test_the_published_pooling_wipes_a_line_out_and_ours_do_not():
    assert line_after("published", 1).min() == 1
    assert line_after("min", 3).min() == -6
    assert line_after("average", 3).min() == pytest.approx(1 - 7 / 8)


def test_every_fused_level_sees_the_previous_map():
    torch.manual_seed(0)
    network = WPUNet((4, 4, 4, 4)).eval()
    fused = [block[0].in_channels for block in network.down]
    assert fused == [2, 5, 5, 4]
    image = torch.randn(1, 2, 32, 32)
    blind = WPUNet((4, 4, 4, 4), previous=False).eval()
    assert [block[0].in_channels for block in blind.down] == [1, 4, 4, 4]
    other = image.clone()
    other[:, 1] -= 1
    assert (network(image) != network(other)).any()


def test_a_tile_computes_what_the_whole_image_would_beyond_the_radius():
    network = WPUNet((4, 6, 8), 2).eval()
    radius = receptive_radius(network, network.stride, channels=2)
    assert radius % network.stride == 0
    image = torch.randn(1, 2, 128, 32)
    whole, part = network(image), network(image[:, :, : 64 + radius])
    torch.testing.assert_close(part[:, :, :64], whole[:, :, :64], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"widths": (8,)}, "two widths at least"), ({"pooling": "max"}, "choose min, average")],
)
def test_networks_that_cannot_be_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        WPUNet(**options)
