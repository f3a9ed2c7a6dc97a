"""The published network has the published size; all gates keep the picture's size."""

import pytest
import torch

from napari_etch.networks.attention_unet import GATES, AttentionUNet
from napari_etch.networks.etchnet import receptive_radius

SMALL = (4, 6, 8)


def count(network):
    return sum(item.numel() for item in network.parameters())


def test_the_default_is_the_published_network():
    with torch.device("meta"):
        published, thin = AttentionUNet(), AttentionUNet(kernel=3)
    assert count(published) == 157_593_729
    assert count(published.gates) == 1_047_360
    assert count(thin) == 32_089_729


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("fold", [1, 2])
def test_output_has_the_size_of_the_input(gate, fold):
    network = AttentionUNet(SMALL, 3, gate, fold, channels_out=3).eval()
    assert network.stride == 4 * fold
    assert network(torch.zeros(2, 1, 24, 40)).shape == (2, 3, 24, 40)


def test_a_channel_gate_masks_each_channel_and_a_grid_gate_all_alike():
    torch.manual_seed(0)
    deep, larger, skip = torch.randn(1, 6, 4, 4), torch.randn(1, 4, 8, 8), torch.rand(1, 4, 8, 8)
    shares = {}
    for kind in ("published", "oktay", "none"):
        gate = AttentionUNet((4, 6), 3, kind).gates[0]
        shares[kind] = (gate(deep, larger, skip) / skip).detach()
    assert shares["published"].std(1).max() > 1e-3
    assert shares["oktay"].std(1).max() < 1e-5 and shares["oktay"].std() > 1e-4
    assert torch.allclose(shares["none"], torch.ones(()))


def test_nothing_outside_the_receptive_radius_matters():
    torch.manual_seed(0)
    network = AttentionUNet(SMALL, 3, "published", 2).eval()
    radius = receptive_radius(network, network.stride, limit=128)
    image = torch.randn(1, 1, 256, 16)
    other = image.clone()
    other[..., : 128 - radius, :] += 5
    with torch.no_grad():
        assert torch.equal(network(image)[..., 128:, :], network(other)[..., 128:, :])


@pytest.mark.parametrize("wrong", [{"kernel": 4}, {"gate": "ajar"}, {"widths": (8,)}])
def test_what_cannot_be_built_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        AttentionUNet(**{"widths": SMALL, "kernel": 3, **wrong})
