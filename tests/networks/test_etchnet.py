"""EtchNet: shape, and a receptive field that is what it says."""

import pytest
import torch

from napari_etch.networks.etchnet import EtchNet, receptive_radius

SMALL = (4, 6, 8)


def test_output_has_the_size_of_the_input():
    network = EtchNet(SMALL).eval()
    assert network.stride == 8
    assert network(torch.zeros(2, 1, 24, 40)).shape == (2, network.channels_out, 24, 40)


def test_nothing_outside_the_receptive_radius_matters():
    torch.manual_seed(0)
    network = EtchNet(SMALL).eval()
    radius = receptive_radius(network, network.stride, limit=128)
    assert radius % network.stride == 0
    image = torch.randn(1, 1, 8 * 32, 16)
    other = image.clone()
    other[..., : 128 - radius, :] += 5
    with torch.no_grad():
        assert torch.equal(network(image)[..., 128:, :], network(other)[..., 128:, :])


@pytest.mark.parametrize("widths", [(4, 6), (4, 6, 8, 10)])
def test_depth_sets_the_stride(widths):
    assert EtchNet(widths).stride == 2 ** len(widths)
