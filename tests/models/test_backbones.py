from __future__ import annotations

import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
import timm
import torch
from safetensors.torch import save_file

from napari_etch.models import ModelError
from napari_etch.models.backbones import (
    PUBLIC,
    build_public,
    cache_folder,
    fetch,
    file_hash,
    load_backbone,
    weights_path,
)

SMALL = PUBLIC["vit_small_patch14_dinov2"]


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture
def served(tmp_path):
    """Serve a folder on this machine; return the folder and its address."""
    folder = tmp_path / "served"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_file_is_fetched_checked_and_shown(served, tmp_path):
    folder, address = served
    content = bytes(range(256)) * 9000
    (folder / "w.bin").write_bytes(content)
    seen = []
    target = tmp_path / "cache" / "w.bin"
    digest = hashlib.sha256(content).hexdigest()
    fetch(f"{address}/w.bin", target, digest, len(content), lambda *args: seen.append(args))
    assert target.read_bytes() == content
    assert seen[-1] == (len(content), len(content)) and len(seen) > 1
    assert file_hash(target) == digest
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize(("digest", "size"), [("0" * 64, None), (None, 11)])
def test_damaged_downloads_leave_nothing(served, tmp_path, digest, size):
    folder, address = served
    (folder / "w.bin").write_bytes(b"not what was stated")
    with pytest.raises(ModelError, match="damaged"):
        fetch(f"{address}/w.bin", tmp_path / "w.bin", digest, size)
    assert not (tmp_path / "w.bin").exists()
    assert list(tmp_path.glob(".*")) == []


def test_without_the_hub_one_sentence_names_the_alternative(monkeypatch, tmp_path):
    monkeypatch.setenv("ETCH_CACHE", str(tmp_path))
    monkeypatch.setattr(
        "huggingface_hub.get_hf_file_metadata",
        lambda *args, **kwargs: (_ for _ in ()).throw(ConnectionError("no route")),
    )
    said = []
    with pytest.raises(ModelError) as error:
        load_backbone(SMALL.name, tell=said.append)
    assert "'compact'" in str(error.value) and str(weights_path(SMALL.name)) in str(error.value)
    assert "Apache-2.0" in said[0]
    assert cache_folder() == tmp_path


def test_a_file_in_the_cache_is_used_and_a_wrong_one_refused(tmp_path):
    torch.manual_seed(0)
    vit = timm.create_model(SMALL.name, num_classes=0, dynamic_img_size=True, depth=2, img_size=70)
    save_file(vit.state_dict(), tmp_path / "w.safetensors")
    from dataclasses import replace

    tiny = replace(SMALL, layers=(0, 1))
    backbone = build_public(tiny, tmp_path / "w.safetensors", depth=2, img_size=70)
    assert backbone.channels == 768 and backbone.patch == 7
    with torch.no_grad():
        assert backbone(torch.rand(1, 1, backbone.stride, backbone.stride)).shape == (
            1,
            768,
            28,
            28,
        )
    with pytest.raises(ModelError, match="does not hold the weights"):
        build_public(tiny, tmp_path / "w.safetensors", depth=3, img_size=70)
    (tmp_path / "w.safetensors").write_bytes(b"nonsense")
    with pytest.raises(ModelError, match="does not hold the weights"):
        build_public(tiny, tmp_path / "w.safetensors", depth=2, img_size=70)


def test_an_unknown_backbone_is_refused():
    with pytest.raises(ModelError, match="choose compact, vit_small"):
        load_backbone("resnet")
