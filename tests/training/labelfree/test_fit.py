"""A label-free fit from the first event to the model; small plans, virtual micrographs."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from remembering import remembering

from napari_etch.inference import Prediction, predict
from napari_etch.micrograph import Calibration, micrograph_from_array
from napari_etch.models import load_model
from napari_etch.training.labelfree import (
    FitError,
    FitNotice,
    FitPreview,
    FitStep,
    Fitted,
    fit,
    fitting,
    specimen,
)
from napari_etch.training.labelfree.adamw import AdamW
from napari_etch.training.labelfree.checks import Verdict
from napari_etch.training.labelfree.loop import Plan, Terms, check_windows
from napari_etch.virtual import match, sample_micrograph

EVERY_TERM = Terms(*[0.1] * 9)
PLAN = Plan(steps=4, virtual=2, real=1, size=64, twins=8, checks=2, closing=0.0)
NOTHING_WRONG = Verdict()
MOST_UNLIKE = specimen.MOST_UNLIKE
# every fit looks at the same patches of one micrograph
DESCRIBE = remembering(match.describe)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """A few steps need not have found grains, and what was described need not be once more."""
    monkeypatch.setattr(match, "describe", DESCRIBE)
    monkeypatch.setattr(fitting, "judge", lambda *given: NOTHING_WRONG)
    monkeypatch.setattr(specimen, "MOST_UNLIKE", 9.0)


@pytest.fixture
def micrograph():
    image, _ = sample_micrograph(seed=1, size=128)
    return micrograph_from_array(image, "virtual.tif")


def of_kind(events, kind):
    return [event for event in events if isinstance(event, kind)]


@pytest.mark.parametrize("start", ["scratch", "generalist", "both"])
def test_steps_come_first_and_the_model_last(micrograph, start, tmp_path):
    events = list(fit([micrograph], start=start, plan=replace(PLAN, terms=EVERY_TERM)))
    steps = of_kind(events, FitStep)
    assert [step.step for step in steps] == [1, 2, 3, 4] and steps[-1].left == 0
    assert [step.quality is not None for step in steps] == [False, True, False, True]
    assert all(np.isfinite(list(step.losses.values())).all() for step in steps)
    assert set(steps[-1].losses) == set(vars(EVERY_TERM))
    assert isinstance(events[-1], Fitted)
    events[-1].save(tmp_path / "model")
    model = load_model(str(tmp_path / "model"))
    assert model.title == "Fitted to virtual.tif"
    found = list(predict(model, micrograph, device="cpu", quality="fast"))[-1]
    assert isinstance(found, Prediction)
    assert found.fields["boundary"].shape == (128, 128)
    assert (found.parameters.get("averaged_with") == "generalist") == (start == "both")


def test_the_same_seed_gives_the_same_model(micrograph):
    plan = replace(PLAN, terms=EVERY_TERM)
    first, second = (list(fit([micrograph], seed=3, plan=plan))[-1] for _ in range(2))
    assert all(torch.equal(first.tensors[name], second.tensors[name]) for name in first.tensors)


def test_beside_the_generalist_the_same_is_learnt_as_alone(micrograph):
    starts = "scratch", "both"
    alone, both = (list(fit([micrograph], start=start, plan=PLAN))[-1] for start in starts)
    assert all(torch.equal(alone.tensors[name], both.tensors[name]) for name in alone.tensors)
    assert "averaged_with" not in alone.card


def test_an_unknown_start_is_named(micrograph):
    with pytest.raises(FitError, match="starts from scratch, generalist, both, not from 'x'"):
        list(fit([micrograph], start="x"))


def test_another_seed_gives_another_model(micrograph):
    first, second = (list(fit([micrograph], seed=seed, plan=PLAN))[-1] for seed in (3, 4))
    assert any(not torch.equal(first.tensors[name], second.tensors[name]) for name in first.tensors)


def test_stop_keeps_what_there_is(micrograph):
    events = []
    for event in fit([micrograph], plan=PLAN, stop=lambda: bool(of_kind(events, FitStep))):
        events.append(event)
    assert len(of_kind(events, FitStep)) == 1
    assert events[-1].step == 1 and events[-1].why == "Stopped by hand after 1 steps."


def test_a_stop_before_the_first_step_leaves_no_model(micrograph):
    with pytest.raises(FitError, match="before anything was learnt"):
        list(fit([micrograph], plan=PLAN, stop=lambda: True))


def test_the_time_limit_counts_from_the_call(micrograph):
    *_, done = fit([micrograph], plan=replace(PLAN, steps=1000, checks=1), minutes=1e-6)
    assert done.step == 1 and "The time was over after 1 steps." in done.why


def test_a_fit_in_which_no_check_finds_grains_ends_early(micrograph, monkeypatch):
    monkeypatch.setattr(fitting, "judge", lambda *given: Verdict("No grains were found."))
    steps = []
    with pytest.raises(FitError, match="No grains"):
        for event in fit([micrograph], plan=replace(PLAN, steps=30, checks=30)):
            steps += of_kind([event], FitStep)
    assert len(steps) == fitting.HOPELESS


def test_the_window_that_is_looked_at_is_shown(micrograph, monkeypatch):
    monkeypatch.setattr(fitting, "PREVIEW_SECONDS", 0.0)
    window = slice(10, 60), slice(100, 140)  # reaches beyond the image's right rim
    events = list(fit([micrograph], plan=PLAN, preview=lambda: (0, window)))
    shown = of_kind(events, FitPreview)
    assert len(shown) == PLAN.steps
    assert shown[0].window == (slice(10, 60), slice(100, 128))
    assert shown[0].boundary.shape == (50, 28)
    assert shown[0].boundary.min() >= 0 and shown[0].boundary.max() <= 1


def test_a_single_pixel_can_be_looked_at(micrograph, monkeypatch):
    monkeypatch.setattr(fitting, "PREVIEW_SECONDS", 0.0)
    places = iter((place, place) for place in (0, 7, 127, 64))

    def window():
        return 0, tuple(slice(at, at + 1) for at in next(places))

    events = list(fit([micrograph], plan=PLAN, preview=window))
    assert [event.boundary.shape for event in of_kind(events, FitPreview)] == [(1, 1)] * 4


def test_grains_go_before_a_better_figure(micrograph, monkeypatch):
    verdicts = iter([NOTHING_WRONG, Verdict("No grains were found.")])
    monkeypatch.setattr(fitting, "judge", lambda *given: next(verdicts))
    figures = iter([1.0, 0.1])
    monkeypatch.setattr(fitting.Fit, "quality", lambda *given: next(figures))
    assert list(fit([micrograph], plan=PLAN))[-1].step == 2


def test_a_region_and_several_micrographs_are_learnt_from(micrograph):
    regions = [(slice(0, 100), slice(20, 120)), None]
    events = list(fit([micrograph, micrograph], regions=regions, plan=PLAN))
    assert events[-1].card["title"] == "Fitted to virtual.tif and 1 more"
    assert len(events[-1].card["specimen"]["images"]) == 2


def test_micrographs_of_two_magnifications_are_refused(micrograph):
    one, two = (replace(micrograph, calibration=Calibration(um, "typed")) for um in (0.25, 0.5))
    said = "virtual.tif has 0.25 µm a pixel and virtual.tif 0.5: fit micrographs of one magnifi"
    with pytest.raises(FitError, match=said):
        list(fit([micrograph, one, two], plan=PLAN))


def test_a_model_knows_the_pixel_size_that_one_of_its_micrographs_states(micrograph):
    calibrated = replace(micrograph, calibration=Calibration(0.25, "typed"))
    events = list(fit([micrograph, calibrated], plan=PLAN))
    assert events[-1].card["specimen"]["pixel_size_um"] == 0.25


def test_a_collapse_is_said_and_the_fit_is_held_to_the_anchors(micrograph, monkeypatch):
    verdicts = iter([Verdict("It found nothing.", collapsed=True)] * 2 + [NOTHING_WRONG] * 2)
    monkeypatch.setattr(fitting, "judge", lambda *given: next(verdicts))
    events = list(fit([micrograph], plan=PLAN))
    assert "It found nothing." in of_kind(events, FitNotice)[2].message
    assert "anchors" in of_kind(events, FitStep)[-1].losses
    assert isinstance(events[-1], Fitted)


def test_no_model_comes_of_a_fit_that_finds_no_grains(micrograph, monkeypatch):
    monkeypatch.setattr(fitting, "judge", lambda *given: Verdict("No grains were found."))
    with pytest.raises(FitError, match="No grains"):
        list(fit([micrograph], plan=PLAN))


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.full((128, 128), 90, np.uint8), "blank"),
        (np.arange(40 * 200, dtype=np.uint16).reshape(40, 200), "at least 64 px"),
    ],
)
def test_a_micrograph_that_cannot_be_learnt_from_is_named(image, message):
    with pytest.raises(FitError, match=message):
        list(fit([micrograph_from_array(image, "mine.tif")], plan=PLAN))


@pytest.mark.parametrize("wrong", [{"start": "thin air"}, {"network": "largest"}])
def test_an_unknown_choice_is_refused(micrograph, wrong):
    with pytest.raises(FitError, match=next(iter(wrong.values()))):
        list(fit([micrograph], plan=PLAN, **wrong))


def test_a_picture_that_grains_cannot_look_like_is_refused(monkeypatch):
    monkeypatch.setattr(specimen, "MOST_UNLIKE", MOST_UNLIKE)
    letters = np.full((160, 192), 250, np.uint8)
    random = np.random.default_rng(0)
    for top in range(4, 150, 14):  # lines of print: short dark strokes, white paper
        for left in range(6, 186, 7):
            letters[top : top + 9, left] = 20
            letters[top + random.integers(9), left : left + 4] = 20
    with pytest.raises(FitError, match="nothing that grains can look like"):
        list(fit([micrograph_from_array(letters, "page.tif")], plan=PLAN))


@pytest.fixture
def barred(micrograph):
    """Return a micrograph with a bright information bar and a hole without values."""
    data = np.pad(micrograph.data.astype(np.float32), ((0, 40), (0, 0)), constant_values=255)
    data[60:70, 30:40] = np.nan
    return replace(micrograph_from_array(data, "sem.tif"), info_bar_row=128)


def test_what_is_masked_is_not_learnt_from(barred):
    (part,) = specimen.cut_out([barred], None)
    assert part.window == (slice(0, 128), slice(0, 128))
    assert not part.mask[60:70, 30:40].any() and part.mask.sum() == 128 * 128 - 100
    maps = {0: np.where(part.mask, 0.0, 1.0).astype(np.float32)[None]}
    random = np.random.default_rng(0)
    _, seen = specimen.RealCrops([part], 32).draw(200, random, maps)
    assert float(seen.mean((1, 2, 3)).max()) <= 0.02
    assert list(fit([barred], plan=PLAN))[-1].card["specimen"]["images"] == ["sem.tif"]


def test_what_is_masked_altogether_is_refused(micrograph):
    masked = replace(micrograph, info_bar_row=0)
    with pytest.raises(FitError, match="blank"):
        list(fit([masked]))


def test_checks_look_at_a_few_windows_of_many_images(micrograph):
    parts = specimen.cut_out([micrograph] * 9, None)
    windows = check_windows(parts, seed=0)
    assert [index for index, _ in windows] == [0, 3, 5, 8]
    assert all(side.stop <= 128 for _, window in windows for side in window)


def test_the_optimiser_moves_as_torch_own_does():
    start = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    ours, theirs = start.clone().requires_grad_(), start.clone().requires_grad_()
    mine = AdamW([ours], 0.01, decay=0.1)
    reference = torch.optim.AdamW([theirs], 0.01, weight_decay=0.1)
    for _ in range(5):
        for item, optimiser in ((ours, mine), (theirs, reference)):
            item.grad = None
            (item**3).sum().backward()
            optimiser.step()
    assert torch.allclose(ours, theirs, atol=1e-6)


def test_nothing_to_learn_from_is_refused():
    with pytest.raises(FitError, match="at least one"):
        list(fit([]))
