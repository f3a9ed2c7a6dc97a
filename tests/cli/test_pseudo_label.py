from __future__ import annotations

import json

import numpy as np
from skimage.io import imsave


def test_a_bad_image_is_told_and_the_others_are_labelled(etch, tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (80, 90), np.uint8)
    for name in ("one.png", "three.png"):
        imsave(tmp_path / name, noise, check_contrast=False)
    (tmp_path / "two.png").write_bytes(b"no image")
    done = etch("pseudo-label", "one.png", "two.png", "three.png", "--out", "set")
    assert done.exit_code == 2
    first, last = done.stderr.strip().splitlines()
    assert first.startswith("etch: two.png")
    assert last == "etch: 1 of 3 images could not be used"
    assert "2 images -> set" in done.stdout
    record = json.loads((tmp_path / "set" / "pseudo-labels.json").read_text())
    assert list(record["images"]) == ["one.png", "three.png"]
