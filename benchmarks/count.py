"""Count errors and AP50 on real micrographs, the published protocol, the training's time.

    python benchmarks/count.py --data DATA [--models generalist dinov2] [--more] [--out OUT]
    python benchmarks/count.py --data DATA --ten-crops
    python benchmarks/count.py --data DATA --protocol published [--head-only]
    python benchmarks/count.py --data DATA --pairs 235

DATA is the folder of the development sets. Counts are of grains of at least 30 px of the truth; the
classical rival is the recipe of `etch pseudo-label` with its connected components.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_etch.counting import GrainCount, calibration_of, count_partition
from napari_etch.evaluation import evaluate_grains
from napari_etch.inference import Prediction, predict
from napari_etch.micrograph import Micrograph, read_micrograph
from napari_etch.models import load_model
from napari_etch.training.pseudo import Recipe, components, count_components, pseudo_mask
from napari_etch.training.trainers import Trained, TrainRequest, TrainStep, find_trainer

LEAST = 30
SETS = {
    "steel-optical": ("steel-optical/image.png", "steel-optical/labels.tif"),
    "sem-etched 070": ("sem-etched/labelled/070_image.png", "sem-etched/labelled/070_labels.tif"),
    "sem-etched 090": ("sem-etched/labelled/090_image.png", "sem-etched/labelled/090_labels.tif"),
    "nickel-ebsd": ("nickel-ebsd/image.png", "nickel-ebsd/labels.tif"),
}
#: Drawn truth that no bar is set for: counted with --more, to see whether the interval holds it.
MORE = {
    "precipitates FESEM": ("precipitates/fesem_image.png", "precipitates/fesem_labels.tif"),
    "precipitates optical": ("precipitates/om_image.png", "precipitates/om_labels.tif"),
    "stack-sstem 0": ("stack-sstem/image.tif", "stack-sstem/boundary.tif"),
    "stack-sstem 7": ("stack-sstem/image.tif", "stack-sstem/boundary.tif"),
    "stack-sstem 14": ("stack-sstem/image.tif", "stack-sstem/boundary.tif"),
}
#: Bars of the relative count error, by the first part of the name.
BARS = {"steel": 0.07, "sem": 0.12, "nickel": 0.12}


@dataclass(frozen=True)
class Row:
    """A model's count on an image."""

    image: str
    model: str
    true: int
    count: int
    low: int | None
    high: int | None
    ap50: float
    seconds: float

    @property
    def error(self) -> float:
        """Relative error of the count."""
        return self.count / self.true - 1

    def line(self) -> str:
        """Return the row of the table."""
        between = "–" if self.low is None else f"{self.low} to {self.high}"
        return (
            f"| {self.image} | {self.model} | {self.true} | {self.count} | {between} | "
            f"{100 * self.error:+.1f} % | {self.ap50:.3f} | {self.seconds:.0f} |"
        )


HEAD = (
    "| image | model | true | count | 95 % | error | AP50 | s |\n|---|---|--:|--:|--:|--:|--:|--:|"
)


def picture_of(image: str, data: Path) -> Micrograph:
    path = data / {**SETS, **MORE}[image][0]
    if image.startswith("stack"):
        import tifffile

        return Micrograph(tifffile.imread(path)[int(image.split()[-1])], image)
    return read_micrograph(path, keep_info_bar=True)


def number(labels: np.ndarray) -> int:
    """Return how many grains have at least `LEAST` px."""
    return int((np.bincount(labels.ravel())[1:] >= LEAST).sum())


def truth_of(image: str, data: Path) -> tuple[np.ndarray, int]:
    """Return the drawn grains of an image, and how many have at least `LEAST` px."""
    import tifffile

    labels = tifffile.imread(data / {**SETS, **MORE}[image][1])
    if image.startswith("stack"):
        from skimage.measure import label

        lines = labels[int(image.split()[-1])] > 0
        labels = label(~lines, connectivity=1).astype(np.int32)
    return labels, number(labels)


def by_model(name: str, model, image: str, data: Path, quality: str) -> Row:
    micrograph = picture_of(image, data)
    labels, true = truth_of(image, data)
    began = time.perf_counter()
    prediction = next(
        event
        for event in predict(model, micrograph, quality=quality)
        if isinstance(event, Prediction)
    )
    parts = model.partition(prediction.fields, mask=micrograph.mask)
    found: GrainCount = count_partition(parts, calibration=calibration_of(model), name=image)
    seconds = time.perf_counter() - began
    scores = evaluate_grains(parts.grains, labels)
    return Row(image, name, true, found.count, found.low, found.high, scores.ap50 or 0.0, seconds)


def classical(image: str, data: Path) -> Row:
    micrograph = picture_of(image, data)
    labels, true = truth_of(image, data)
    began = time.perf_counter()
    found = components(pseudo_mask(micrograph.grey(), Recipe()))
    seconds = time.perf_counter() - began
    scores = evaluate_grains(found, labels)
    return Row(
        image, "CLAHE + Otsu", true, int(found.max()), None, None, scores.ap50 or 0.0, seconds
    )


def zero_labels(data: Path, models: list[str], quality: str, images: list[str]) -> list[Row]:
    rows = []
    for name in models:
        model = load_model(name)
        for image in images:
            rows.append(by_model(Path(name).name, model, image, data, quality))
            print(rows[-1].line(), flush=True)
    return rows + [classical(image, data) for image in SETS]


def ten_crops(data: Path, folder: Path, source: str, side: int = 192, seed: int = 0) -> None:
    """Write a training folder of ten random crops of a labelled image."""
    import tifffile

    image = picture_of(source, data).data
    labels, _ = truth_of(source, data)
    random = np.random.default_rng(seed)
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for number in range(10):
        top, left = (int(random.integers(size - side + 1)) for size in labels.shape)
        window = np.s_[top : top + side, left : left + side]
        tifffile.imwrite(folder / "images" / f"{number}.tif", image[window])
        tifffile.imwrite(folder / "labels" / f"{number}.tif", labels[window].astype(np.int32))


def train(request: TrainRequest, out: Path, show: bool = False) -> Trained:
    for event in find_trainer(request.model)(request, lambda: False):
        if isinstance(event, Trained):
            event.save(out)
            return event
        if not isinstance(event, TrainStep):
            print(event.message)
        elif show and event.validation:
            print(event.step, round(event.elapsed, 1), event.validation, flush=True)
    raise RuntimeError("the training ended without a model")


def transfer(data: Path, quality: str, steps: int) -> list[Row]:
    """Train the decoder on ten crops of each set and count on the others."""
    rows = []
    for source in ("steel-optical", "sem-etched 070", "nickel-ebsd"):
        with tempfile.TemporaryDirectory() as folder:
            ten_crops(data, Path(folder) / "data", source)
            request = TrainRequest(
                "dinov2", Path(folder) / "data", steps=steps, options={"rate": 3e-4}
            )
            trained = train(request, Path(folder) / "model")
            print(source, trained.why, trained.before, trained.after, flush=True)
            model = load_model(str(Path(folder) / "model"))
            for image in SETS:
                if image.split()[0] != source.split()[0]:
                    row = by_model(f"ten crops of {source}", model, image, data, quality)
                    print(row.line(), flush=True)
                    rows.append(row)
    return rows


def published(data: Path, out: Path, steps: int, minutes: float | None) -> None:
    """Train on the training images and masks of steel-316l and score its validation images."""
    import tifffile
    from skimage.io import imread

    root = data / "steel-316l"
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "data"
        names = sorted((root / "train" / "images").glob("*.png"))
        for part in ("images", "labels"):
            (target / part).mkdir(parents=True)
        rows = ["image,specimen"]
        for path in names:
            (target / "images" / path.name).symlink_to(path)
            mask = imread(root / "train" / "masks" / path.name) > 127
            tifffile.imwrite(target / "labels" / f"{path.stem}.tif", components(mask))
            rows.append(f"{path.stem},{path.stem[0]}")
        (target / "specimens.csv").write_text("\n".join(rows) + "\n")
        began = time.perf_counter()
        request = TrainRequest(
            "dinov2", target, steps=steps, minutes=minutes, options={"target": "mask"}
        )
        trained = train(request, out, show=True)
        print(f"{len(names)} pairs, {trained.why} {time.perf_counter() - began:.0f} s")
    score_published(data, out)


def frozen_features(data: Path, part: str) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return pooled tokens, components of the mask at 224 px, and specimen of each image."""
    from skimage.io import imread

    from napari_etch.models.backbones import COMPACT_NAME, load_backbone
    from napari_etch.models.prepare import prepare
    from napari_etch.training.count_head import pooled
    from napari_etch.training.token_cache import TokenCache

    backbone, weights_hash = load_backbone(COMPACT_NAME)
    cache = TokenCache(backbone, COMPACT_NAME, weights_hash)
    root, step = data / "steel-316l" / part, backbone.stride
    features, counts, specimens = [], [], []
    for path in sorted((root / "images").glob("*.png")):
        image = prepare(read_micrograph(path))
        short = [(0, -size % step) for size in image.shape]
        tokens = cache.tokens(np.pad(image, short, mode="symmetric"))
        height, width = (size // backbone.patch for size in image.shape)
        features.append(pooled(tokens[:, :height, :width]))
        counts.append(
            count_components(components(small(imread(root / "masks" / path.name) > 127)), 1)
        )
        specimens.append(path.stem[0])
    return np.array(features), np.array(counts, float), specimens


def published_head(data: Path) -> None:
    """Fit a count head on the training images of steel-316l and score the validation images."""
    from napari_etch.training.count_head import fit_count_head

    worked = time.process_time()
    head = fit_count_head(*frozen_features(data, "train"))
    print(
        f"count head: penalty {head.penalty}, MAE {head.error:.2f} on specimens left out of the "
        f"training images, {time.process_time() - worked:.0f} s of processor time"
    )
    features, true, _ = frozen_features(data, "val")
    report("count head", head.count(features), true, None)


def grain_maps(
    model: object, data: Path, part: str, specimens: str = ""
) -> tuple[np.ndarray, np.ndarray]:
    """Return the probability of grain and the mask, both at 224 px, of images of a part."""
    from skimage.io import imread

    root, found, masks = data / "steel-316l" / part, [], []
    for path in sorted((root / "images").glob("*.png")):
        if specimens and path.stem[0] not in specimens:
            continue
        prediction = next(
            event
            for event in predict(model, read_micrograph(path), quality="fast")
            if isinstance(event, Prediction)
        )
        found.append(small(1 - prediction.boundary))
        masks.append(small(imread(root / "masks" / path.name) > 127))
    return np.array(found), np.array(masks)


def pieces(masks: np.ndarray) -> np.ndarray:
    return np.array([count_components(components(mask), 1) for mask in masks], float)


def mean_iou(one: np.ndarray, two: np.ndarray) -> float:
    overlaps = ((one & two).sum((1, 2)) + 1e-6) / ((one | two).sum((1, 2)) + 1e-6)
    return float(overlaps.mean())


def line_of(maps: np.ndarray, true: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the level of the mask, and the line from its pieces to counts, of least error."""
    tried = []
    for level in (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7):
        found = pieces(maps > level)
        line = np.polyfit(found, true, 1)
        tried.append((float(np.abs(np.polyval(line, found) - true).mean()), level, line))
    error, level, line = min(tried, key=lambda item: item[0])
    print(f"line: level {level}, {line.round(3)}, MAE {error:.2f} on {len(true)} images held back")
    return level, line


def score_published(data: Path, out: Path) -> None:
    """Print IoU and counts at 224 px on the validation images, beside what needs no network."""
    model = load_model(str(out))
    maps, masks = grain_maps(model, data, "val")
    true = pieces(masks)
    report("decoder", pieces(maps > 0.5), true, mean_iou(maps > 0.5, masks))
    # "specimen E, K": those of the training images that the decoder has not learnt from
    held = model.card["training"]["held_back"].removeprefix("specimen ").replace(", ", "")
    held_maps, held_masks = grain_maps(model, data, "train", held)
    level, line = line_of(held_maps, pieces(held_masks))
    counts = np.polyval(line, pieces(maps > level))
    report("decoder, level and line", counts, true, mean_iou(maps > level, masks))
    images = sorted((data / "steel-316l" / "val" / "images").glob("*.png"))
    simple = np.array(
        [small(pseudo_mask(read_micrograph(path).grey(), Recipe())) for path in images]
    )
    report("CLAHE + Otsu", pieces(simple), true, mean_iou(simple, masks))
    report("the mean count", np.full(len(true), true.mean()), true, None)


def small(picture: np.ndarray) -> np.ndarray:
    """Return a picture at 224 px: masks by nearest pixel, maps smoothly, as published."""
    if picture.dtype == bool:
        rows, columns = (
            ((np.arange(224) + 0.5) * size / 224).astype(int) for size in picture.shape
        )
        return picture[np.ix_(rows, columns)]
    from napari_etch.models.resize import resize

    return resize(picture.astype(np.float32), (224, 224))


def report(name: str, count: np.ndarray, true: np.ndarray, iou: float | None) -> None:
    error = float(np.abs(count - true).mean())
    spread = float(((true - true.mean()) ** 2).sum())
    fit = 1 - float(((count - true) ** 2).sum()) / spread
    overlap = "" if iou is None else f"IoU {iou:.4f}, "
    print(f"{name}: {overlap}count MAE {error:.2f}, R² {fit:.3f} (n = {len(true)})")


def speed(pairs: int, steps: int) -> None:
    """Time the training on so many virtual pairs of 300 x 400 px, with tokens computed and kept."""
    import tifffile
    from skimage.io import imsave

    from napari_etch.virtual.sample import sample_micrograph

    with tempfile.TemporaryDirectory() as folder:
        data, cache = Path(folder) / "data", Path(folder) / "tokens"
        for part in ("images", "labels"):
            (data / part).mkdir(parents=True)
        image, labels = sample_micrograph(0, 1024)
        random = np.random.default_rng(0)
        for number in range(pairs):
            top, left = int(random.integers(724)), int(random.integers(624))
            window = np.s_[top : top + 300, left : left + 400]
            noise = random.integers(-9, 9, (300, 400))
            picture = np.clip(image[window].astype(int) + noise, 0, 255).astype(np.uint8)
            imsave(data / "images" / f"{number:03}.png", picture, check_contrast=False)
            tifffile.imwrite(data / "labels" / f"{number:03}.tif", labels[window])
        for what in ("tokens computed", "tokens kept"):
            began, worked = time.perf_counter(), time.process_time()
            request = TrainRequest("dinov2", data, steps=steps, options={"cache": cache})
            trained = train(request, Path(folder) / "model")
            seconds = time.perf_counter() - began
            worked = time.process_time() - worked
            print(f"{what}: {seconds:.0f} s, {worked:.0f} s of processor time; {trained.why}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of the development sets")
    parser.add_argument("--models", nargs="+", default=["generalist", "generalist-real", "dinov2"])
    parser.add_argument("--quality", default="best", choices=["best", "fast"])
    parser.add_argument("--ten-crops", action="store_true")
    parser.add_argument("--protocol", choices=["published"])
    parser.add_argument("--more", action="store_true", help="count the sets without a bar too")
    parser.add_argument("--head-only", action="store_true", help="train no decoder")
    parser.add_argument("--pairs", type=int, help="only time the training, on so many pairs")
    parser.add_argument("--steps", type=int, default=240)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--out", type=Path, default=Path("runs/count"), help="models and table")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    if given.pairs:
        speed(given.pairs, given.steps)
        return
    if given.protocol:
        published_head(given.data)
        if not given.head_only:
            published(given.data, given.out / "published", given.steps, given.minutes)
        return
    if given.ten_crops:
        rows = transfer(given.data, given.quality, min(given.steps, 120))
    else:
        images = [*SETS, *MORE] if given.more else list(SETS)
        rows = zero_labels(given.data, given.models, given.quality, images)
    print(HEAD)
    for row in rows:
        print(row.line())
    limits = [row for row in rows if row.low is not None and row.high is not None]
    held = sum(row.low <= row.true <= row.high for row in limits)
    print(f"The interval holds the truth in {held} of {len(limits)} rows.")
    with (given.out / "counts.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image", "model", "true", "count", "low", "high", "ap50"])
        for row in rows:
            table.writerow([row.image, row.model, row.true, row.count, row.low, row.high, row.ap50])


if __name__ == "__main__":
    main()
