from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_etch.networks.vit import Backbone, Windows, build_compact
from napari_etch.training.token_cache import TokenCache


@pytest.fixture
def backbone():
    torch.manual_seed(0)
    vit = build_compact(embed_dim=16, depth=2, num_heads=2, img_size=32)
    return Backbone(vit, Windows((0, 1), core=2, context=1)).eval()


@pytest.fixture
def image():
    return np.random.default_rng(0).normal(size=(96, 32)).astype(np.float32)


def test_tokens_are_computed_once(backbone, image, tmp_path):
    cache = TokenCache(backbone, "tiny", "hash", tmp_path)
    first = cache.tokens(image)
    again = TokenCache(backbone, "tiny", "hash", tmp_path)
    backbone.vit.requires_grad_(False).patch_embed.proj.weight.zero_()
    assert torch.equal(again.tokens(image), first)
    assert (cache.misses, again.hits, again.misses) == (1, 1, 0)
    assert first.shape == (32, 12, 4) and first.dtype == torch.float16


def test_another_image_backbone_or_weights_have_other_tokens(backbone, image):
    cache = TokenCache(backbone, "tiny", "hash")
    other = image.copy()
    other[0, 0] += 1e-3
    keys = {
        cache.key(image),
        cache.key(other),
        cache.key(image.reshape(32, 96)),
        TokenCache(backbone, "small", "hash").key(image),
        TokenCache(backbone, "tiny", "other").key(image),
    }
    assert len(keys) == 5


def test_an_image_taken_row_by_row_has_the_tokens_of_the_whole(backbone, tmp_path):
    tall = np.random.default_rng(1).normal(size=(160, 32)).astype(np.float32)
    found = TokenCache(backbone, "tiny", "hash", tmp_path).tokens(tall)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        whole = backbone(torch.from_numpy(tall)[None, None])[0]
    assert torch.allclose(found.float(), whole.float(), atol=0.05)


def test_the_oldest_tokens_go_when_there_is_no_room(backbone, tmp_path):
    cache = TokenCache(backbone, "tiny", "hash", tmp_path, most_bytes=4000)
    images = [np.full((32, 32), value, np.float32) for value in range(4)]
    for picture in images:
        cache.tokens(picture)
    files = list(tmp_path.glob("*.safetensors"))
    assert 1 <= len(files) < 4
    assert sum(path.stat().st_size for path in files) <= 4000
    cache.tokens(images[-1])
    assert cache.hits == 1


def test_damaged_tokens_are_computed_anew(backbone, image, tmp_path):
    cache = TokenCache(backbone, "tiny", "hash", tmp_path)
    first = cache.tokens(image)
    next(tmp_path.glob("*.safetensors")).write_bytes(b"torn")
    assert torch.equal(cache.tokens(image), first)
    assert cache.misses == 2


def test_a_folder_that_cannot_be_written_costs_nothing_but_time(backbone, image, tmp_path):
    (tmp_path / "file").write_text("")
    cache = TokenCache(backbone, "tiny", "hash", tmp_path / "file")
    assert cache.tokens(image).shape == (32, 12, 4)
