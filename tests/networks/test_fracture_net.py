"""Networks for fracture modes: the small one, and U-Nets on encoders of timm."""

import pytest
import torch

from napari_etch.networks.fracture_net import FractureNet
from napari_etch.networks.timm_unet import PUBLISHED, TimmUNet


def test_small_network_gives_a_logit_for_each_class_and_pixel():
    network = FractureNet((4, 6, 8, 8), classes=3, hidden=8).eval()
    assert network(torch.zeros(2, 1, 64, 96)).shape == (2, 3, 64, 96)
    assert network.features(torch.zeros(1, 1, 64, 96)).shape == (1, network.features_out, 8, 12)


def test_what_fits_is_taken_over_from_other_weights():
    first, second = FractureNet((4, 6, 8, 8), 2, 8), FractureNet((4, 6, 8, 8), 3, 8)
    taken = second.take_over(first.state_dict())
    assert "down.0.0.weight" in taken and "head.0.weight" in taken
    assert "head.2.weight" not in taken
    assert torch.equal(second.down[0][0].weight, first.down[0][0].weight)


def test_published_configuration_has_the_published_number_of_parameters():
    with torch.device("meta"):
        network = TimmUNet(**PUBLISHED)
    assert sum(item.numel() for item in network.parameters()) == 55_789_763
    assert network.stride == 32
    assert not any(isinstance(item, torch.nn.ReLU) for item in network.stages.modules())


def test_an_encoder_without_full_resolution_still_gives_every_pixel():
    network = TimmUNet("resnet18", classes=2, widths=(8, 8, 8, 8, 8)).eval()
    assert network(torch.zeros(1, 1, 64, 96)).shape == (1, 2, 64, 96)
    assert sum(isinstance(item, torch.nn.ReLU) for item in network.stages.modules()) == 8


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"encoder": "no-such-net"}, "no encoder 'no-such-net'"),
        ({"encoder": "resnet18", "widths": (8, 8)}, "give a decoder 5 widths"),
        ({"classes": 1}, "two or more"),
    ],
)
def test_wrong_configurations_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        TimmUNet(**wrong)
    if "classes" in wrong:
        with pytest.raises(ValueError, match=message):
            FractureNet(classes=1)
