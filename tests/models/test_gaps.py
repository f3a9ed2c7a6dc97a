"""Gaps of a boundary map are closed by the repair network, within another model's run."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
import pytest
from _widgets.repair_fakes import GAPS, broken_lines
from inference.fakes import prediction

from napari_etch.inference import Notice, Pass, TileDone, predict
from napari_etch.micrograph import Micrograph
from napari_etch.models import load_model
from napari_etch.models.gaps import close_gaps, ends_per_square

torch = pytest.importorskip("torch")


class Only:
    """Finds what it is given, and has its gaps closed."""

    name, stride, margin, channels_out = "only", 1, 0, 1
    network = torch.nn.Identity()

    def passes(
        self, micrograph: Micrograph, **options: Any
    ) -> Generator[Pass, np.ndarray, dict[str, Any]]:
        found = micrograph.data.astype(np.float32)
        raw = yield Pass(found[None], "its own", 0.5)
        bridges, count = yield from close_gaps(raw[0], micrograph.mask, 0.5)
        return {"boundary": np.maximum(found, bridges), "log": {"bridges": count}}


def closed(found: np.ndarray) -> Any:
    return prediction(predict(Only(), Micrograph(found, "map"), device="cpu"))


def test_a_gap_becomes_boundary_and_nothing_is_taken_away() -> None:
    lines = broken_lines()
    found = np.where(lines, 0.9, 0.05).astype(np.float32)
    result = closed(found)
    assert result.parameters["bridges"] == len(GAPS)
    assert (result.boundary >= found).all()
    for rows, columns, _ in GAPS[:3]:
        assert result.boundary[rows, columns].max() > 0.5
    np.testing.assert_array_equal(result.boundary[5:25, 5:25], found[5:25, 5:25])


def test_a_map_without_lines_stays_as_it_is() -> None:
    found = np.full((64, 64), 0.3, np.float32)
    result = closed(found)
    np.testing.assert_array_equal(result.boundary, found)
    assert result.parameters["bridges"] == 0


def test_progress_counts_both_networks() -> None:
    lines = broken_lines().astype(np.float32)
    events = list(predict(Only(), Micrograph(lines, "map"), device="cpu"))
    tiles = [event for event in events if isinstance(event, TileDone)]
    assert [tile.what for tile in tiles] == ["its own", *["closing gaps"] * 2]
    assert [tile.fraction for tile in tiles] == pytest.approx([0.5, 0.75, 1.0])
    assert not any(isinstance(event, Notice) for event in events)


def comb(pitch: int, side: int = 96) -> np.ndarray:
    """Lines that end in the middle of the picture, `pitch` px apart, as a boundary map."""
    found = np.full((side, side), 0.05, np.float32)
    found[: side // 2, pitch // 2 :: pitch] = 0.9
    return found


def test_a_map_has_many_ends_by_the_size_of_its_grains() -> None:
    # 12 ends on 96² px are one for each square of an intercept of 27.7 px
    found = comb(8)
    assert ends_per_square(found, None, 96 / 12**0.5) == pytest.approx(1.0)
    assert type(ends_per_square(found, None, np.float32(28.0))) is float  # goes into JSON
    assert ends_per_square(found, None, 2 * 96 / 12**0.5) == pytest.approx(4.0)
    half = np.zeros(found.shape, bool)
    half[:72] = True
    assert ends_per_square(found, half, 96 / 12**0.5) == pytest.approx(4 / 3)
    assert ends_per_square(np.full((64, 64), 0.1, np.float32), None, 30.0) == 0


def test_of_a_large_map_the_middle_tells() -> None:
    stubs = np.full((400, 400), 0.05, np.float32)
    for row in range(3):
        stubs[row::6, ::6] = 0.9  # two ends on 6 x 6 px, 1.4 for each square of 5 px
    middle = np.s_[100:300, 100:300]  # forty intercepts of 5 px
    alone, around = np.full_like(stubs, 0.05), stubs.copy()
    alone[middle], around[middle] = stubs[middle], 0.05
    assert ends_per_square(alone, None, 5.0) > 1
    assert ends_per_square(around, None, 5.0) == 0


def net() -> Micrograph:
    random = np.random.default_rng(0)
    image = np.where(broken_lines(), 60, 180) + random.normal(0, 4, (90, 90))
    return Micrograph(image.astype(np.float32), "net")


def test_the_generalist_closes_gaps_when_asked() -> None:
    micrograph, model = net(), load_model("generalist")
    options = {"grain_size": 25.0, "quality": "fast"}
    plain = prediction(predict(model, micrograph, device="cpu", **options))
    more = prediction(predict(model, micrograph, device="cpu", close_gaps=True, **options))
    assert more.parameters["close_gaps"] is True and more.parameters["bridges"] >= 0
    assert (more.boundary >= plain.boundary).all()
    assert (more.fields["separation"] >= plain.fields["separation"]).all()


@pytest.mark.parametrize(
    ("quality", "ends", "closed"),
    [("best", 1.004, True), ("fast", 3.0, False), ("best", 0.99, False)],
)
def test_by_itself_the_generalist_closes_gaps_where_many_lines_end(
    monkeypatch: pytest.MonkeyPatch, quality: str, ends: float, closed: bool
) -> None:
    asked = []

    def told(boundary: np.ndarray, mask: np.ndarray | None, grain_size: float) -> float:
        asked.append((boundary.shape, grain_size))
        return ends

    monkeypatch.setattr("napari_etch.models.generalist.ends_per_square", told)
    model = load_model("generalist")
    events = list(predict(model, net(), device="cpu", grain_size=25.0, quality=quality))
    found = events[-1].parameters
    assert found["close_gaps"] is closed and ("bridges" in found) is closed
    assert asked == ([((90, 90), 25.0)] if quality == "best" else [])
    assert found.get("ends_per_square") == (round(ends, 2) if quality == "best" else None)
    fractions = [event.fraction for event in events if isinstance(event, TileDone)]
    assert fractions == sorted(fractions) and fractions[-1] == 1.0


@pytest.mark.parametrize("name", ["dinov2", "generalist-real", "generalist"])
def test_gaps_that_are_to_be_left_are_left(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_etch.models.generalist.ends_per_square", lambda *_: 9.0)
    model = load_model(name)
    options = {"close_gaps": False} if name == "generalist" else {}
    result = prediction(predict(model, net(), device="cpu", grain_size=25.0, **options))
    assert result.parameters["close_gaps"] is False and "bridges" not in result.parameters
