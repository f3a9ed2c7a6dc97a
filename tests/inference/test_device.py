from __future__ import annotations

import pytest
import torch

from napari_etch.inference import DeviceError, pick_device
from napari_etch.inference.device import free_memory


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Pretend to be a machine with these devices."""

    def pretend(*, cuda: int = 0, mps: bool = False, built: bool = True) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
        monkeypatch.setattr(torch.version, "cuda", "13.0" if built else None)
        monkeypatch.setattr(torch.version, "hip", None)

    return pretend


@pytest.mark.parametrize(
    ("has", "kind"),
    [
        ({}, "cpu"),
        ({"mps": True}, "mps"),
        ({"cuda": 1}, "cuda"),
        ({"cuda": 1, "mps": True}, "cuda"),
    ],
)
def test_auto_prefers_cuda_then_mps_then_cpu(machine, has, kind) -> None:  # type: ignore[no-untyped-def]
    machine(**has)
    assert pick_device("auto").type == kind


@pytest.mark.parametrize("name", ["cpu", "CPU ", "cuda", "cuda:1", "mps"])
def test_a_device_that_is_there_is_taken(machine, name) -> None:  # type: ignore[no-untyped-def]
    machine(cuda=2, mps=True)
    assert str(pick_device(name)) == name.strip().lower()


@pytest.mark.parametrize(
    ("name", "has", "words"),
    [
        ("cuda", {}, "no NVIDIA GPU"),
        ("cuda", {"built": False}, "built without CUDA"),
        ("cuda:3", {"cuda": 2}, "has 2 CUDA"),
        ("mps", {}, "Apple silicon"),
    ],
)
def test_a_device_that_is_missing_is_refused_with_a_way_out(  # type: ignore[no-untyped-def]
    machine, name, has, words
) -> None:
    machine(**has)
    with pytest.raises(DeviceError, match=f"Device '{name}' is not available: .*{words}.*choose"):
        pick_device(name)


@pytest.mark.parametrize("name", ["gpu", "", "cpu:1", "cuda:x", "cuda:-1"])
def test_an_unknown_name_is_refused_with_the_choices(name: str) -> None:
    with pytest.raises(DeviceError, match="unknown; choose one of auto, cpu, cuda or mps"):
        pick_device(name)


def test_this_machine_has_memory_free() -> None:
    assert 2**20 < free_memory(torch.device("cpu")) < 2**50
