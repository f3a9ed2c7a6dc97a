from __future__ import annotations

import pytest
import timm
import torch

from napari_etch.networks.dinov2_published import PublishedDecoder, PublishedNet, convert
from napari_etch.networks.vit import Backbone, Windows

NAME = "vit_small_patch14_dinov2"


def published_state(vit):
    """Return a state dict as transformers and the published script would save it."""
    ours = vit.state_dict()
    theirs = {
        "backbone.embeddings.mask_token": torch.zeros(1, 384),
        "backbone.embeddings.cls_token": ours["cls_token"],
        "backbone.embeddings.position_embeddings": ours["pos_embed"],
        "backbone.embeddings.patch_embeddings.projection.weight": ours["patch_embed.proj.weight"],
        "backbone.embeddings.patch_embeddings.projection.bias": ours["patch_embed.proj.bias"],
        "backbone.layernorm.weight": ours["norm.weight"],
        "backbone.layernorm.bias": ours["norm.bias"],
    }
    names = {
        "norm1": "norm1",
        "norm2": "norm2",
        "attn.proj": "attention.output.dense",
        "mlp.fc1": "mlp.fc1",
        "mlp.fc2": "mlp.fc2",
    }
    for block in range(len(vit.blocks)):
        into = f"backbone.encoder.layer.{block}"
        for kind in ("weight", "bias"):
            for mine, other in names.items():
                theirs[f"{into}.{other}.{kind}"] = ours[f"blocks.{block}.{mine}.{kind}"]
            parts = ours[f"blocks.{block}.attn.qkv.{kind}"].chunk(3)
            for part, value in zip(("query", "key", "value"), parts, strict=True):
                theirs[f"{into}.attention.attention.{part}.{kind}"] = value
        for number in (1, 2):
            theirs[f"{into}.layer_scale{number}.lambda1"] = ours[f"blocks.{block}.ls{number}.gamma"]
    return theirs


@pytest.fixture(scope="module")
def vit():
    torch.manual_seed(0)
    return timm.create_model(NAME, num_classes=0, dynamic_img_size=True, depth=2)


def test_the_decoder_has_the_published_number_of_parameters():
    assert sum(item.numel() for item in PublishedDecoder().parameters()) == 2_230_593


def test_a_checkpoint_is_converted_to_the_same_network(vit):
    torch.manual_seed(1)
    decoder = PublishedDecoder().eval()
    state = published_state(vit)
    state |= {f"decoder.{name}": value for name, value in decoder.state_dict().items()}
    windows = Windows(layers=(1,), core=16, context=0)
    first = PublishedNet(Backbone(vit, windows), decoder).eval()
    other = timm.create_model(NAME, num_classes=0, dynamic_img_size=True, depth=2)
    second = PublishedNet(Backbone(other, windows), PublishedDecoder()).eval()
    second.load_state_dict(convert(state), strict=False)
    image = torch.rand(1, 1, 224, 224)
    with torch.no_grad():
        assert torch.equal(first(image), second(image))
        assert first(image).shape == (1, 1, 224, 224)


def test_what_is_no_such_checkpoint_is_refused(vit):
    with pytest.raises(ValueError, match="no transformer"):
        convert({"weight": torch.zeros(3)})
    with pytest.raises(ValueError, match="transposed convolution"):
        convert(published_state(vit))


def test_the_answer_lies_where_the_patch_is(vit):
    """The published crop moves the border by 14 px; here a patch's answer is over the patch."""
    decoder = PublishedDecoder().eval()
    network = PublishedNet(Backbone(vit, Windows(layers=(1,), core=16, context=0)), decoder)
    tokens = torch.zeros(1, 384, 16, 16)
    with torch.no_grad():
        still = decoder(tokens)
        tokens[..., 0, 15] = 5
        change = (decoder(tokens) - still).abs()
        size = torch.nn.functional.interpolate(change, size=(224, 224), mode="bilinear")[0, 0]
    weights = size / size.sum()
    row = float((weights.sum(1) * torch.arange(224)).sum())
    column = float((weights.sum(0) * torch.arange(224)).sum())
    assert row < 14 and column > 209
    assert network.stride == 224
