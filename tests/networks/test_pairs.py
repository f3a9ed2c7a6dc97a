import pytest
import torch

from napari_etch.networks.pairs import NETWORKS, PUBLISHED_SIDE


@pytest.mark.parametrize(
    ("name", "count"),
    [("vgg13-bn", 128_964_354), ("densenet161", 26_471_714), ("small", 135_938)],
)
def test_the_networks_have_as_many_parameters_as_published(name, count):
    with torch.device("meta"):  # half a gigabyte is counted without being made
        network = NETWORKS[name]()
    assert sum(each.numel() for each in network.parameters()) == count
    first = next(each for each in network.modules() if isinstance(each, torch.nn.Conv2d))
    assert first.in_channels == 2


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_two_channels_go_in_and_two_answers_come_out(name):
    side = 32 if name == "small" else PUBLISHED_SIDE
    with torch.device("meta"):
        network = NETWORKS[name]().eval()
        assert network(torch.zeros(1, 2, side, side)).shape == (1, 2)
