from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from inference.fakes import (
    NAME,
    NETS,
    FoldingNet,
    PoolingNet,
    Scripted,
    StridedNet,
    drain,
    fractions,
    noise,
    radius,
    trained,
    untiled,
)
from torch import nn

from napari_etch.inference import Cancelled, InferenceError, run_pass
from napari_etch.inference import run as run_module
from napari_etch.inference.prepare import fused_copy


def run(kind: type[nn.Module], image: np.ndarray, margin: int | None = None, **how: Any) -> Any:
    stride = kind.stride  # type: ignore[attr-defined]
    margin = radius(kind) if margin is None else margin
    passing = run_pass(trained(kind), image, stride=stride, margin=margin, channels_out=3, **how)
    return drain(passing)


def double(network: nn.Module, image: np.ndarray, **how: Any) -> Any:
    how = {"stride": 8, "margin": 8, "channels_out": 1, "name": NAME} | how
    return drain(run_pass(network, image, **how))


@settings(deadline=None, max_examples=60)
@given(
    kind=st.sampled_from(NETS),
    height=st.integers(1, 230),
    width=st.integers(1, 230),
    tile=st.integers(1, 200),
    batch=st.integers(1, 4),
    seed=st.integers(0, 9),
)
def test_tiled_equals_the_bare_network_on_the_whole_image(
    kind: type[nn.Module], height: int, width: int, tile: int, batch: int, seed: int
) -> None:
    image = noise(2, height, width, seed=seed)
    items, result = run(kind, image, tile=tile, batch=batch)
    whole = untiled(trained(kind), image, kind.stride)  # type: ignore[attr-defined]
    assert result.shape == whole.shape
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, whole, atol=1e-4)
    assert fractions(items)[-1] == 1.0


@pytest.mark.parametrize("shape", [(1, 1), (1, 400), (3, 500), (500, 3), (16, 17), (257, 255)])
@pytest.mark.parametrize("kind", NETS)
def test_odd_shapes_come_back_in_their_own_size(
    kind: type[nn.Module], shape: tuple[int, int]
) -> None:
    image = noise(2, *shape)
    _, result = run(kind, image, tile=96)
    whole = untiled(trained(kind), image, kind.stride)  # type: ignore[attr-defined]
    np.testing.assert_allclose(result, whole, atol=1e-4)


@pytest.mark.parametrize("kind", [PoolingNet, FoldingNet])
def test_without_its_margin_a_tile_would_show(kind: type[nn.Module]) -> None:
    image = noise(2, 256, 256)
    _, result = run(kind, image, margin=0, tile=64)
    whole = untiled(trained(kind), image, kind.stride)  # type: ignore[attr-defined]
    assert np.abs(result - whole).max() > 1e-2


def test_the_same_run_gives_the_same_bits() -> None:
    image = noise(2, 150, 170)
    _, first = run(PoolingNet, image, tile=64, batch=2)
    _, second = run(PoolingNet, image, tile=64, batch=2)
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("batch", [2, 3, 7])
def test_the_batch_size_does_not_matter(batch: int) -> None:
    image = noise(2, 200, 200)
    _, alone = run(StridedNet, image, tile=112, batch=1)
    _, together = run(StridedNet, image, tile=112, batch=batch)
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_batch_norms_are_folded_and_the_numbers_stay() -> None:
    network = trained(PoolingNet)
    folded = fused_copy(network, 2, 4)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    assert any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    image = torch.from_numpy(noise(1, 2, 64, 64))
    with torch.inference_mode():
        np.testing.assert_allclose(folded(image), network(image), atol=1e-5)


def test_to_prepare_a_network_leaves_those_that_run_in_other_threads_alone() -> None:
    network, image = trained(PoolingNet), torch.from_numpy(noise(1, 2, 8, 8))
    others: list[BaseException] = []
    stop = threading.Event()

    def go_on() -> None:
        try:
            while not stop.is_set():
                with torch.inference_mode():
                    network(image)
        except BaseException as error:
            others.append(error)

    thread = threading.Thread(target=go_on)
    thread.start()
    for _ in range(20):
        fused_copy(network, 2, 4)
    stop.set()
    thread.join()
    assert others == []


def test_a_network_that_branches_on_its_input_gives_its_numbers() -> None:
    class Branching(PoolingNet):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x) if x.mean() > -100 else x

    image = noise(2, 60, 70)
    torch.manual_seed(7)
    network = Branching().eval()
    _, result = drain(run_pass(network, image, stride=4, margin=24, channels_out=3, tile=64))
    np.testing.assert_allclose(result, untiled(network, image, 4), atol=1e-4)


def test_the_callers_network_is_left_as_it_was() -> None:
    network = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), nn.BatchNorm2d(1)).train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    double(network, noise(1, 32, 32))
    assert network.training
    assert isinstance(network[1], nn.BatchNorm2d)
    for key, value in network.state_dict().items():
        np.testing.assert_array_equal(value, before[key])


def test_a_network_that_cannot_be_copied_is_run_itself() -> None:
    network = Scripted()
    network.lock = threading.Lock()
    image = noise(1, 20, 30)
    _, result = double(network, image)
    np.testing.assert_array_equal(result, 2 * image)


def test_a_read_only_image_is_taken() -> None:
    image = noise(1, 32, 40)
    image.flags.writeable = False
    _, result = double(Scripted(), image, tile=24)
    np.testing.assert_array_equal(result, 2 * image)


def test_tiles_of_a_run_share_one_shape() -> None:
    network = Scripted()
    double(network, noise(1, 130, 170), tile=48, batch=1)
    assert len(network.shapes) > 4
    assert len(set(network.shapes)) == 1


def test_progress_rises_to_one_and_counts_tiles() -> None:
    items, _ = double(Scripted(), noise(1, 130, 170), tile=48, what="looking")
    assert fractions(items) == sorted(set(fractions(items)))
    assert fractions(items)[-1] == 1.0
    assert [item.done for item in items] == list(range(1, len(items) + 1))
    assert {item.total for item in items} == {len(items)}
    assert {item.what for item in items} == {"looking"}
    assert items[-1].seconds_left == 0.0


def test_time_left_is_judged_by_the_work_done(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(run_module.time, "perf_counter", lambda: now)
    clock = run_module.Clock()
    assert clock.seconds_left(0.0) is None
    now = 103.0
    assert clock.seconds_left(0.25) == pytest.approx(9.0)
    assert clock.seconds_left(1.0) == 0.0


@pytest.mark.parametrize("batch", [1, 3])
def test_after_cancel_no_further_batch_is_run(batch: int) -> None:
    network, cancel = Scripted(), threading.Event()
    passing = run_pass(
        network, noise(1, 130, 170), stride=8, margin=8, channels_out=1, tile=48, batch=batch,
        cancel=cancel,
    )  # fmt: skip
    for _ in range(batch):
        next(passing)
    ran = len(network.shapes)
    cancel.set()
    with pytest.raises(Cancelled):
        next(passing)
    assert len(network.shapes) == ran == 1


def test_cancel_is_answered_between_layers() -> None:
    cancel = threading.Event()
    first, second = Scripted(lambda x: cancel.set()), Scripted()
    with pytest.raises(Cancelled):
        double(nn.Sequential(first, second), noise(1, 32, 32), cancel=cancel)
    assert len(first.shapes) == 1
    assert second.shapes == []


def test_cancelling_one_run_leaves_another_with_the_same_network_alone() -> None:
    network, cancel = Scripted(), threading.Event()
    how: dict[str, Any] = {"stride": 8, "margin": 8, "channels_out": 1, "tile": 48}
    image = noise(1, 130, 170)
    stopped = run_pass(network, image, cancel=cancel, **how)
    going = run_pass(network, image, cancel=threading.Event(), **how)
    next(stopped)
    next(going)
    cancel.set()
    with pytest.raises(Cancelled):
        next(stopped)
    _, result = drain(going)
    np.testing.assert_array_equal(result, 2 * image)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_name_the_model(value: float) -> None:
    def spoil(x: torch.Tensor) -> torch.Tensor:
        spoiled = x.clone()
        spoiled[0, 0, 5, 6] = value
        return spoiled

    with pytest.raises(InferenceError, match=f"{NAME} returned values that are not finite"):
        double(Scripted(spoil), noise(1, 32, 32))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda x: x[..., ::2], r"returned shape \(1, 1, 32, 16\)"),
        (lambda x: torch.cat([x, x], 1), r"returned shape \(1, 2, 32, 32\)"),
        (lambda x: (x, x), "returned a tuple"),
    ],
)
def test_an_output_that_was_not_promised_names_the_model(answer: Any, words: str) -> None:
    with pytest.raises(InferenceError, match=f"{NAME} {words}"):
        double(Scripted(answer), noise(1, 32, 32))


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.zeros((8, 8), np.float32), "shape"),
        (np.zeros((1, 8, 8)), "float64"),
        (np.zeros((1, 0, 8), np.float32), "no side of 0"),
        (np.full((1, 8, 8), np.nan, np.float32), "NaN"),
    ],
)
def test_an_image_that_cannot_be_run_is_refused(image: np.ndarray, words: str) -> None:
    with pytest.raises(ValueError, match=f"{NAME} prepared an image .*{words}"):
        double(Scripted(), image)


def test_an_error_of_the_network_comes_through_unchanged() -> None:
    def fail(x: torch.Tensor) -> None:
        raise RuntimeError("weights are upside down")

    with pytest.raises(RuntimeError, match=r"^weights are upside down$"):
        double(Scripted(fail), noise(1, 32, 32))
