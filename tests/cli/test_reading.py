from __future__ import annotations

import numpy as np
import pytest
import tifffile


@pytest.mark.parametrize("command", ["segment", "count"])
def test_a_file_that_contradicts_the_typed_pixel_size_is_told(etch, micrograph_file, command):
    calibrated = micrograph_file(resolution=(1e4 / 0.1, 1e4 / 0.1), resolutionunit="CENTIMETER")
    silent = micrograph_file("silent.tif")
    out = "out" if command == "segment" else "counts.csv"
    done = etch(command, calibrated, silent, "--out", out, "--pixel-size", 0.5)
    assert done.exit_code == 0, done.output
    assert done.stderr.splitlines() == [
        "steel.tif: the file states 0.1 µm a pixel (TIFF resolution tags); 0.5 as typed was used"
    ]


@pytest.mark.parametrize("command", ["segment", "count"])
def test_a_blank_margin_is_told(etch, micrograph_file, command, tmp_path):
    page = np.pad(tifffile.imread(micrograph_file()), ((0, 0), (20, 0)), constant_values=255)
    tifffile.imwrite(tmp_path / "page.tif", page)
    out = "out" if command == "segment" else "counts.csv"
    done = etch(command, "page.tif", "steel.tif", "--out", out)
    assert done.exit_code == 0, done.output
    assert done.stderr.splitlines() == [
        "page.tif: a blank margin (20 px on the left) is taken for specimen, which makes the "
        "grains too large: cut it off first"
    ]
