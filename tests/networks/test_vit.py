from __future__ import annotations

import pytest
import torch

from napari_etch.networks.vit import Backbone, Decoder, ViTNet, Windows, build_compact

TINY = {"embed_dim": 16, "depth": 2, "num_heads": 2, "img_size": 64}


def tiny_network(zoom=1, patch=8, **changes):
    torch.manual_seed(0)
    vit = build_compact(**{**TINY, "patch_size": patch, **changes})
    backbone = Backbone(vit, Windows((0, 1), core=4, context=2, zoom=zoom))
    network = ViTNet(backbone, Decoder(backbone.channels, (8, 16), 16)).eval()
    return network


@pytest.mark.parametrize(("zoom", "patch"), [(1, 8), (2, 14)])
def test_a_tile_computes_what_the_whole_image_would(zoom, patch):
    network = tiny_network(zoom, patch)
    step = network.stride
    margin = -(-network.margin // step) * step
    whole = torch.rand(1, 1, 2 * margin + 3 * step, 2 * margin + 2 * step)
    with torch.no_grad():
        wanted = network(whole)
        part = network(whole[:, :, step : step + 2 * margin + step, : 2 * margin + step])
    rows = slice(step + margin, step + margin + step)
    inner = slice(margin, margin + step)
    assert torch.allclose(wanted[:, :, rows, inner], part[:, :, inner, inner], atol=1e-5)
    assert wanted.shape == (1, 8, *whole.shape[2:])


def test_a_token_stands_where_its_patch_is():
    """A bright patch changes its own token most, also where a patch is no whole quarter."""
    for zoom, patch in ((1, 8), (2, 14)):
        vit = build_compact(**{**TINY, "patch_size": patch})
        backbone = Backbone(vit, Windows((0,), core=6, context=0, zoom=zoom))
        side, size = backbone.patch, backbone.stride
        dark = torch.zeros(1, 1, size, size)
        lit = dark.clone()
        lit[:, :, side : 2 * side, 2 * side : 3 * side] = 3
        with torch.no_grad():
            change = (backbone(lit) - backbone(dark)).square().sum(1)[0]
        assert divmod(int(change.argmax()), change.shape[1]) == (1, 2)


def test_a_network_for_colour_is_given_the_grey_three_times():
    backbone = tiny_network(in_chans=3).backbone
    assert backbone(torch.rand(1, 1, 64, 32)).shape == (1, 32, 8, 4)


def test_the_backbone_is_frozen_and_the_decoder_is_not():
    network = tiny_network()
    assert not any(item.requires_grad for item in network.backbone.parameters())
    assert all(item.requires_grad for item in network.decoder.parameters())


def test_patches_that_cannot_be_zoomed_are_refused():
    with pytest.raises(ValueError, match="zoomed 3 times"):
        Backbone(build_compact(**TINY), Windows((0,), zoom=3))
