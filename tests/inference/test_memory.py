from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from inference.fakes import NAME, NETS, Scripted, drain, fractions, noise, trained
from torch import Tensor, nn

from napari_etch.inference import (
    InferenceError,
    MemoryLadder,
    Notice,
    forget_memory_settings,
    run_pass,
)
from napari_etch.inference import memory as memory_module
from napari_etch.inference.errors import is_out_of_memory
from napari_etch.inference.memory import activation_bytes_per_pixel

# A device that is not the CPU and exists on every machine; it computes nothing, so the networks of
# these tests raise there.
ELSEWHERE = "meta"
IMAGE = noise(1, 96, 128)


def short_of(condition: Callable[[Tensor], bool], error: type[Exception] = MemoryError) -> Scripted:
    """A network for which memory is short where the condition holds."""

    def script(x: Tensor) -> None:
        if condition(x):
            raise error("CUDA out of memory. Tried to allocate 2.00 GiB")

    return Scripted(script)


def run(network: nn.Module, device: str = "cpu", **how: Any) -> tuple[list[str], list[Any], Any]:
    ladder = MemoryLadder(NAME, device, how.pop("tile", None), how.pop("batch", None))
    items, result = drain(
        run_pass(network, IMAGE, stride=8, margin=8, channels_out=1, ladder=ladder)
    )
    return [item.message for item in items if isinstance(item, Notice)], items, result


@pytest.mark.parametrize("error", [MemoryError, torch.OutOfMemoryError, RuntimeError])
def test_the_batch_is_halved_until_it_fits(error: type[Exception]) -> None:
    notices, _, result = run(short_of(lambda x: len(x) > 2, error), tile=32, batch=8)
    assert notices == [
        "Out of memory on cpu: continuing with batches of 4 tiles.",
        "Out of memory on cpu: continuing with batches of 2 tiles.",
    ]
    np.testing.assert_array_equal(result, 2 * IMAGE)


def test_then_the_tile_is_halved_until_it_fits() -> None:
    network = short_of(lambda x: x[0, 0].numel() > 40**2)
    notices, _, result = run(network, tile=128, batch=1)
    assert len(notices) >= 2
    assert all("continuing with tiles of" in notice for notice in notices)
    assert network.shapes[-1][2] * network.shapes[-1][3] <= 40**2
    np.testing.assert_array_equal(result, 2 * IMAGE)


def test_a_tile_larger_than_the_image_is_halved_from_what_was_used() -> None:
    network = short_of(lambda x: x[0, 0].numel() >= IMAGE[0].size)
    notices, _, _ = run(network, tile=4096)
    assert len(notices) == 1


def test_then_precision_is_lowered() -> None:
    notices, _, result = run(short_of(lambda x: x.dtype == torch.float32), tile=32, batch=2)
    assert "batches of 1 tile." in notices[0]
    assert "tiles of" in notices[1]
    assert notices[-1] == (
        "Out of memory on cpu: continuing in bfloat16, which is a little less exact."
    )
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, 2 * IMAGE, rtol=0.01)


def test_then_the_cpu_takes_over_in_full_precision_with_the_tile_asked_for() -> None:
    network = short_of(lambda x: x.device.type == ELSEWHERE)
    notices, _, result = run(network, ELSEWHERE, tile=64, batch=2)
    kinds = ["batches", "tiles", "tiles", "bfloat16", "CPU"]
    assert [k in n for k, n in zip(kinds, notices, strict=True)] == [True] * 5
    assert notices[-1] == "Out of memory on meta: continuing on the CPU, which is slower."
    assert network.shapes[-1][2] * network.shapes[-1][3] > 32**2
    np.testing.assert_array_equal(result, 2 * IMAGE)


def test_when_nothing_fits_one_error_says_what_to_do() -> None:
    with pytest.raises(InferenceError) as caught:
        run(short_of(lambda x: True), ELSEWHERE, tile=64)
    message = str(caught.value)
    assert message.startswith(f"{NAME} ran out of memory on the CPU even with tiles of 24 x 24 px")
    assert "close other programs" in message


def test_work_done_before_memory_ran_out_is_kept_and_progress_does_not_fall() -> None:
    calls: list[int] = []

    def script(x: Tensor) -> None:
        calls.append(len(x))
        if len(calls) > 3 and x[0, 0].numel() > 40**2:
            raise MemoryError

    notices, items, result = run(Scripted(script), tile=48, batch=1)
    assert len(notices) == 1
    assert fractions(items) == sorted(fractions(items))
    assert fractions(items)[-1] == 1.0
    np.testing.assert_array_equal(result, 2 * IMAGE)


def test_what_worked_is_remembered_until_forgotten() -> None:
    network = short_of(lambda x: len(x) > 2)
    assert run(network, tile=32, batch=8)[0]
    assert run(network, tile=32, batch=8)[0] == []
    forget_memory_settings()
    assert run(network, tile=32, batch=8)[0]


def test_another_model_starts_from_the_top() -> None:
    run(short_of(lambda x: len(x) > 2), tile=32, batch=8)
    assert MemoryLadder("another", "cpu", 32, 8).setting.batch == 8
    assert MemoryLadder(NAME, "cpu", 32, 8).setting.batch == 2
    assert MemoryLadder(NAME, "cpu", 32, 1).setting.batch == 1


def test_a_setting_that_never_worked_is_not_remembered() -> None:
    with pytest.raises(InferenceError):
        run(short_of(lambda x: True), tile=32, batch=8)
    assert MemoryLadder(NAME, "cpu", 32, 8).setting.batch == 8


def test_a_remembered_move_to_the_cpu_is_said_again() -> None:
    assert MemoryLadder(NAME, ELSEWHERE).reminder() is None
    run(short_of(lambda x: x.device.type == ELSEWHERE), ELSEWHERE, tile=64)
    assert MemoryLadder(NAME, ELSEWHERE).reminder() == (
        f"{NAME} ran out of memory on meta earlier; running on cpu in float32."
    )


def test_a_low_precision_that_overflows_gives_way_to_the_cpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = Scripted(lambda x: x.to("cpu", copy=True).fill_(np.inf) if x.is_meta else None)
    monkeypatch.setattr(Tensor, "is_meta", property(lambda x: x.dtype == torch.bfloat16))
    ladder = MemoryLadder(NAME, "cpu", 64)
    ladder.setting = memory_module.Setting("cpu:0", "bfloat16", 64, 1)
    items, result = drain(
        run_pass(network, IMAGE, stride=8, margin=8, channels_out=1, ladder=ladder)
    )
    assert items[0].message.startswith("bfloat16 overflowed on cpu:0: continuing on the CPU")
    np.testing.assert_array_equal(result, 2 * IMAGE)


@pytest.mark.parametrize(("free", "tile"), [(2**40, 1536), (2**29, 320), (0, 8)])
def test_the_tile_comes_from_the_memory_at_hand(
    monkeypatch: pytest.MonkeyPatch, free: int, tile: int
) -> None:
    monkeypatch.setattr(memory_module, "free_memory", lambda device: free)
    monkeypatch.setattr(memory_module, "activation_bytes_per_pixel", lambda *_: 2600)
    ladder = MemoryLadder(NAME, "cpu")
    plan, batch = ladder.plan(Scripted(), (1, 4096, 4096), 8, 8)
    assert batch == 1
    assert plan.window_area <= max(tile, 24) ** 2
    assert plan.window_area >= 0.8 * tile**2


@pytest.mark.parametrize("what", ["tile", "batch"])
def test_a_tile_or_batch_below_one_is_refused(what: str) -> None:
    with pytest.raises(ValueError, match=f"The {what} must be at least 1, not 0"):
        MemoryLadder(NAME, "cpu", **{what: 0})


def test_activations_are_measured_by_what_lives_at_once() -> None:
    wide = nn.Sequential(*(nn.Conv2d(a, b, 1) for a, b in ((1, 10), (10, 30), (30, 1))))
    # the widest moment: 10 channels in, 30 out, 4 bytes each, and the input
    assert 160 <= activation_bytes_per_pixel(wide, 1, 1) <= 180
    for kind in NETS:
        assert activation_bytes_per_pixel(trained(kind), 2, kind.stride) < 1000


def test_a_network_that_cannot_be_measured_is_taken_to_be_large() -> None:
    assert activation_bytes_per_pixel(short_of(lambda x: True), 1, 8) == 8192


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 17 GB)"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (InferenceError("it ran out of memory"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_out_of_memory_is_told_from_other_errors(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) is expected
