from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pytest
import torch
from inference.fakes import (
    NAME,
    FakeModel,
    PoolingNet,
    Scripted,
    fractions,
    noise,
    prediction,
    radius,
    trained,
    untiled,
)

from napari_etch.inference import (
    Cancelled,
    DeviceError,
    InferenceError,
    Notice,
    Pass,
    Prediction,
    TileDone,
    engine,
    predict,
    prepare,
)

IMAGE = noise(1, 120, 140)


def test_the_room_is_imported_without_torch() -> None:
    code = "import sys, napari_etch.inference; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_prediction_comes_last_and_once() -> None:
    items = list(predict(FakeModel(Scripted()), IMAGE, device="cpu", tile=64))
    assert [isinstance(item, Prediction) for item in items] == [False] * (len(items) - 1) + [True]
    result = items[-1]
    np.testing.assert_array_equal(result.boundary, 2 * IMAGE[0])
    assert result.boundary.dtype == np.float32
    assert set(result.fields) == {"boundary", "raw"}
    assert result.device == "cpu"
    assert result.seconds > 0
    assert result.notices == ()


def test_the_prediction_tells_what_made_it() -> None:
    model = FakeModel(Scripted())
    result = prediction(predict(model, IMAGE, device="cpu", tile=4096, batch=2))
    assert result.parameters == {
        "passes": 1,
        "engine": {"window": (120, 144), "batch": 1, "precision": "float32"},
    }


def test_options_reach_the_model_and_the_record() -> None:
    class Choosy(FakeModel):
        def passes(self, micrograph, *, grain_size=None, **options):  # type: ignore[no-untyped-def]
            assert grain_size == 40.0
            return super().passes(micrograph)

    made = prediction(predict(Choosy(Scripted()), IMAGE, device="cpu", grain_size=40.0))
    assert made.parameters["grain_size"] == 40.0


def test_a_model_sees_what_the_bare_network_gives() -> None:
    image = noise(2, 150, 130)
    network = trained(PoolingNet)
    model = FakeModel(network, stride=4, margin=radius(PoolingNet), channels_out=3)
    result = prediction(predict(model, image, device="cpu", tile=80))
    np.testing.assert_allclose(result.fields["raw"], untiled(network, image, 4), atol=1e-4)


@pytest.mark.parametrize("shares", [(1.0,), (0.2, 0.3, 0.5), (0.1, 0.1), (0.8, 0.9, 0.4)])
def test_progress_of_several_passes_rises_to_one(shares: tuple[float, ...]) -> None:
    model = FakeModel(Scripted(), shares=shares)
    items = list(predict(model, IMAGE, device="cpu", tile=64))
    seen = fractions(items)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert seen.count(1.0) == 1
    tiles = [item for item in items if isinstance(item, TileDone)]
    assert tiles[-1].seconds_left == 0.0
    assert tiles[-1].done == tiles[-1].total
    assert {tile.what for tile in tiles} == {f"pass {i}" for i in range(len(shares))}


def test_a_tile_is_reported_before_the_next_one_is_run() -> None:
    network = Scripted()
    ran = [
        len(network.shapes)
        for item in predict(FakeModel(network), IMAGE, device="cpu", tile=64, batch=1)
        if isinstance(item, TileDone)
    ]
    assert ran == list(range(1, len(ran) + 1))


def test_a_model_without_passes_gives_its_fields() -> None:
    class Blank(FakeModel):
        def passes(self, micrograph, **options):  # type: ignore[no-untyped-def]
            yield from ()
            return {"boundary": np.zeros((4, 5), np.float32)}

    items = list(predict(Blank(Scripted()), IMAGE, device="cpu"))
    assert len(items) == 1
    assert items[0].boundary.shape == (4, 5)


@pytest.mark.parametrize("fields", [{}, {"boundary": None}, {"boundary": np.zeros((1, 4, 5))}])
def test_a_model_without_boundary_is_named(fields: dict[str, object]) -> None:
    class Mute(FakeModel):
        def passes(self, micrograph, **options):  # type: ignore[no-untyped-def]
            yield Pass(micrograph)
            return fields

    with pytest.raises(InferenceError, match=f"{NAME} returned no boundary map"):
        list(predict(Mute(Scripted()), IMAGE, device="cpu"))


def test_cancel_stops_the_run_and_closes_the_model() -> None:
    network, cancel = Scripted(), threading.Event()
    model = FakeModel(network)
    run = predict(model, IMAGE, device="cpu", tile=64, batch=1, cancel=cancel)
    next(run)
    cancel.set()
    with pytest.raises(Cancelled):
        next(run)
    assert len(network.shapes) == 1
    assert model.closed


def test_a_run_cancelled_before_it_began_runs_nothing() -> None:
    network, cancel = Scripted(), threading.Event()
    cancel.set()
    with pytest.raises(Cancelled):
        list(predict(FakeModel(network), IMAGE, device="cpu", cancel=cancel))
    assert network.shapes == []


def test_cancel_from_another_thread_during_a_batch_stops_the_run() -> None:
    started, cancel = threading.Event(), threading.Event()

    class Waiting(Scripted):
        def __deepcopy__(self, memo: object) -> Waiting:
            return self

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            started.set()
            assert cancel.wait(30)
            return super().forward(x)

    network = Waiting()
    outcome: list[BaseException] = []

    def work() -> None:
        try:
            list(predict(FakeModel(network), IMAGE, device="cpu", tile=64, cancel=cancel))
        except Cancelled as error:
            outcome.append(error)

    worker = threading.Thread(target=work)
    worker.start()
    assert started.wait(30)
    cancel.set()
    worker.join(30)
    assert len(outcome) == 1
    assert len(network.shapes) == 1


def test_closing_the_generator_ends_the_run() -> None:
    network = Scripted()
    model = FakeModel(network)
    run = predict(model, IMAGE, device="cpu", tile=64, batch=1)
    next(run)
    run.close()
    assert model.closed
    assert len(network.shapes) == 1


def test_nothing_of_torch_is_left_switched_between_items() -> None:
    for _ in predict(FakeModel(Scripted()), IMAGE, device="cpu", tile=64):
        assert torch.is_grad_enabled()
        assert not torch.is_inference_mode_enabled()


def test_notices_are_yielded_and_kept() -> None:
    def script(x: torch.Tensor) -> None:
        if len(x) > 1:
            raise MemoryError

    items = list(predict(FakeModel(Scripted(script)), IMAGE, device="cpu", tile=64, batch=2))
    notices = tuple(item.message for item in items if isinstance(item, Notice))
    assert len(notices) == 1
    assert items[-1].notices == notices
    assert fractions(items)[-1] == 1.0


def test_an_earlier_move_to_the_cpu_is_said_first(monkeypatch: pytest.MonkeyPatch) -> None:
    def script(x: torch.Tensor) -> None:
        if x.is_meta:
            raise MemoryError

    monkeypatch.setattr(engine, "pick_device", lambda name: torch.device("meta"))
    model = FakeModel(Scripted(script))
    list(predict(model, IMAGE))
    items = list(predict(model, IMAGE))
    assert isinstance(items[0], Notice)
    assert "earlier; running on cpu" in items[0].message
    assert items[-1].device == "cpu"
    assert items[-1].notices == (items[0].message,)


def test_a_devices_memory_is_given_back_when_the_run_leaves_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def script(x: torch.Tensor) -> None:
        if x.is_meta:
            raise MemoryError

    released: list[str] = []
    monkeypatch.setattr(prepare, "release_memory", lambda device: released.append(str(device)))
    monkeypatch.setattr(engine, "pick_device", lambda name: torch.device("meta"))
    run = predict(FakeModel(Scripted(script)), IMAGE, tile=64)
    while not isinstance(next(run), TileDone):
        pass
    assert released[-1] == "meta"
    run.close()
    assert released[-1] == "cpu"


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(DeviceError, match="Device 'gpu' is unknown"):
        next(predict(FakeModel(Scripted()), IMAGE, device="gpu"))
