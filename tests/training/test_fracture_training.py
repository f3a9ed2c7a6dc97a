"""Training on class maps: learns, leaves unlabelled pixels out, carries the class table."""

import json

import numpy as np
import pytest
import tifffile
import torch
from surfaces import half_lined

from napari_etch.grains.class_table import FRACTURE_MODES
from napari_etch.models import ModelError, encoders, load_model
from napari_etch.networks.fracture_net import FractureNet
from napari_etch.networks.timm_unet import TimmUNet
from napari_etch.training import fracture_virtual
from napari_etch.training.class_crops import ClassCrops
from napari_etch.training.class_loss import balance, class_loss
from napari_etch.training.class_scores import confusion_of, scores_of
from napari_etch.training.folder import read_training_folder
from napari_etch.training.kept import in_words
from napari_etch.training.self_training import pseudo_labelled
from napari_etch.training.trainers import Trained, TrainError, TrainRequest, find_trainer


@pytest.fixture
def data(tmp_path):
    """Write a training folder with one surface, half of it unlabelled, of swapped classes."""
    image, classes = half_lined(256)
    classes = (3 - classes).astype(np.uint8)  # so that the shipped weights are wrong about it
    image, classes = image.T.copy(), classes.T.copy()  # the strip held back has both classes
    classes[:, 80:100] = 0
    for name, picture in (("images", image), ("labels", classes)):
        (tmp_path / "data" / name).mkdir(parents=True)
        tifffile.imwrite(tmp_path / "data" / name / "half.tif", picture)
    return tmp_path / "data"


def run(data, **changes):
    options = {"batch": 2, "size": 64, **changes.pop("options", {})}
    request = TrainRequest(
        "fracture", data, labels="classes", device="cpu", options=options, **changes
    )
    return list(find_trainer("fracture")(request, lambda: False))


def test_training_learns_what_is_drawn_and_the_model_loads(data, tmp_path):
    *events, trained = run(data, steps=30, options={"rate": 4e-3, "looks": 2, "whole": False})
    assert isinstance(trained, Trained) and events
    assert trained.before["accuracy"] < 0.5 < trained.after["accuracy"]
    assert set(trained.after) == {"loss", "accuracy", "miou"}
    trained.save(tmp_path / "mine")
    model = load_model(str(tmp_path / "mine"))
    assert model.table == FRACTURE_MODES
    assert model.card["training"]["started_from"] == load_model("fracture").weights_hash
    resting = model.network.state_dict()["down.0.0.weight"]
    shipped = load_model("fracture").network.state_dict()["down.0.0.weight"]
    torch.testing.assert_close(resting, shipped)


def test_a_table_with_more_classes_gives_a_model_with_more(data, tmp_path):
    table = FRACTURE_MODES.with_class("dimple")
    (data / "classes.json").write_text(json.dumps(table.as_json()))
    labels = tifffile.imread(data / "labels/half.tif")
    labels[:60, :60] = 3
    tifffile.imwrite(data / "labels/half.tif", labels)
    *_, trained = run(data, steps=1, options={"hold_out": 0.0})
    trained.save(tmp_path / "mine")
    model = load_model(str(tmp_path / "mine"))
    assert model.channels_out == 3 and model.table.names[3] == "dimple"
    assert trained.before == {}, "another table cannot be scored with the old weights"


def test_a_stopped_training_goes_on_where_it_was(data, tmp_path):
    state = tmp_path / "state"
    run(data, steps=2, checkpoint=state, options={"hold_out": 0.0})
    events = run(data, steps=2, checkpoint=state, options={"hold_out": 0.0})
    assert events[1].message == "Going on from step 2."


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"options": {"colour": 1}}, "colour is no option"),
        ({"options": {"hold_out": 0.9}}, "from 0 to 0.5"),
        ({"options": {"size": 32}}, "size is 32: give 64 px or more"),
        ({"start": "generalist"}, "maps no classes"),
        ({"options": {"class_table": ["flat"]}}, "not in the class table"),
    ],
)
def test_wrong_requests_are_refused(data, changes, message):
    with pytest.raises((TrainError, ModelError), match=message):
        run(data, steps=1, **changes)


def test_one_class_is_not_enough(data):
    labels = tifffile.imread(data / "labels/half.tif")
    tifffile.imwrite(data / "labels/half.tif", np.minimum(labels, 1))
    with pytest.raises(TrainError, match="at least two"):
        run(data, steps=1)


def test_an_encoder_with_public_weights_is_trained(data, tmp_path, monkeypatch):
    given = TimmUNet("resnet18", widths=(8, 8, 8, 8, 8)).encoder
    monkeypatch.setattr(encoders, "_pretrained", lambda name: given)
    *_, trained = run(data, steps=1, options={"encoder": "resnet18", "hold_out": 0.0})
    trained.save(tmp_path / "mine")
    model = load_model(str(tmp_path / "mine"))
    assert model.card["architecture"] == "fracture-timm" and model.stride == 32


def test_offline_the_error_is_one_sentence(monkeypatch):
    def offline(name):
        raise OSError("no route\nto host")

    monkeypatch.setattr(encoders, "_pretrained", offline)
    with pytest.raises(ModelError, match=r"vgg16 cannot be had \(no route\): connect"):
        encoders.public_encoder("vgg16")


def test_unlabelled_pixels_count_nothing():
    torch.manual_seed(0)
    logits = torch.randn(1, 2, 8, 8)
    classes = torch.ones(1, 8, 8, dtype=torch.int64)
    classes[:, :, 4:] = 0
    worse = logits.clone()
    worse[..., 4:] = 99 * torch.randn(1, 2, 8, 4)
    assert class_loss(logits, classes)[0] == class_loss(worse, classes)[0]
    empty, _ = class_loss(logits.requires_grad_(), torch.zeros_like(classes))
    empty.backward()
    assert float(empty.detach()) == 0 and float(logits.grad.abs().max()) == 0


def test_rare_classes_count_more():
    weights = balance(torch.tensor([300, 100]))
    assert float(weights[1] / weights[0]) == pytest.approx(3)


def test_crops_hold_labels_of_every_class(data):
    labels = np.zeros((256, 256), np.uint8)
    labels[10:14, 10:14], labels[200:204, 200:204] = 1, 2  # two specks in a large image
    tifffile.imwrite(data / "labels/half.tif", labels)
    crops = ClassCrops(read_training_folder(data, "classes"), 64, 16, seed=0)
    images, classes = crops.draw(12)
    assert images.shape == (12, 1, 64, 64) and classes.shape == (12, 64, 64)
    assert all(int((each > 0).sum()) for each in classes)
    assert {1, 2} <= set(classes.unique().tolist())


def test_scores_of_a_confusion():
    truth, found = np.array([1, 1, 1, 2, 0]), np.array([1, 1, 2, 2, 2])
    confusion = confusion_of(found, truth, 2)
    assert confusion.tolist() == [[2, 1], [0, 1]]
    scores = scores_of(confusion)
    assert scores["accuracy"] == 0.75 and scores["miou"] == pytest.approx((2 / 3 + 1 / 2) / 2)


def test_the_shipped_recipe_runs_and_is_seeded(tmp_path, monkeypatch):
    monkeypatch.setattr(fracture_virtual, "receptive_radius", lambda network, stride: 160)
    for name in ("a", "b"):
        fracture_virtual.train(tmp_path / name, images=4, size=64, each=20, steps=5, seed=3)
    first, second = (load_model(str(tmp_path / name)) for name in ("a", "b"))
    assert first.weights_hash == second.weights_hash
    assert first.card["training"]["settings"]["images"] == 4


def test_the_mean_of_heads_is_one_head_with_the_mean_logits():
    torch.manual_seed(0)
    networks = [FractureNet((4, 6, 8, 8), hidden=5).eval() for _ in range(3)]
    for other in networks[1:]:  # the trunk is at rest, so it is the same
        other.load_state_dict(
            {k: v for k, v in networks[0].state_dict().items() if not k.startswith("head")},
            strict=False,
        )
    whole = fracture_virtual.mean_of_heads(networks)
    image = torch.randn(1, 1, 64, 96)
    with torch.no_grad():
        mean = torch.stack([network(image) for network in networks]).mean(0)
        torch.testing.assert_close(whole(image), mean, rtol=1e-5, atol=1e-5)
    assert not torch.allclose(mean, networks[0](image))


def test_unlabelled_images_are_learnt_from_where_the_model_is_sure(data, tmp_path):
    more = tmp_path / "more"
    more.mkdir()
    tifffile.imwrite(more / "other.tif", half_lined(128, seed=1)[0])
    options = {"unlabelled": str(more), "sure": 0.6, "hold_out": 0.0}
    *events, trained = run(data, steps=1, options=options)
    (said,) = (e.message for e in events if "unlabelled" in getattr(e, "message", ""))
    assert said.startswith("1 unlabelled images are learnt from")
    assert trained.card["training"]["self_labelled_images"] == 1
    assert trained.card["training"]["recipe"]["sure"] == 0.6


def test_what_the_model_is_not_sure_of_stays_unlabelled(tmp_path):
    tifffile.imwrite(tmp_path / "other.tif", half_lined(128, seed=1)[0])
    model = load_model("fracture")
    (some,) = pseudo_labelled(model, tmp_path, sure=0.6, device="cpu")
    (fewer,) = pseudo_labelled(model, tmp_path, sure=0.95, device="cpu")
    covered = [getattr(each, "learnt", np.zeros(1)).mean() for each in (some, fewer)]
    assert covered[0] > covered[1]


def test_self_training_that_cannot_be_is_refused(data, tmp_path):
    (tmp_path / "empty").mkdir()
    for options, message in (
        ({"unlabelled": str(tmp_path / "nowhere")}, "There is no folder"),
        ({"unlabelled": str(tmp_path / "empty")}, "holds no image"),
        ({"unlabelled": str(data / "images"), "sure": 1.5}, "sure is 1.5"),
        ({"unlabelled_share": 2.0}, "between 0 and 1"),
    ):
        with pytest.raises(TrainError, match=message):
            run(data, steps=1, options=options)
    (data / "classes.json").write_text(json.dumps(FRACTURE_MODES.with_class("dimple").as_json()))
    with pytest.raises(TrainError, match="has other classes"):
        run(data, steps=1, options={"unlabelled": str(data / "images")})


def test_a_part_of_the_crops_comes_from_what_a_person_labelled(data):
    (own,) = read_training_folder(data, "classes")
    crops = ClassCrops([own, own, own, own], 64, 16, 0, own=1, others=0.25)
    picked = np.array([crops._image_with(1)[0] for _ in range(400)])
    assert 0.65 < (picked == 0).mean() < 0.85
    assert set(picked) == {0, 1, 2, 3}


def test_scores_have_the_names_of_the_tutorial():
    assert in_words({"accuracy": 0.77, "miou": 0.625}) == "accuracy 0.77, mIoU 0.625"
