"""How often a burned-in scale bar is found, masked and read, and what else is taken for one.

    python benchmarks/scale_bars.py [--prints 400] [--data DATA]

Scale bars of many kinds (`tests/printing.py`) are printed into the bundled micrograph and into
virtual ones, most as JPEG. The virtual ones are looked at without a print, too, upright, turned,
enlarged without smoothing and inverted, as they are and with straight lines along the rows, and so
are the micrographs in DATA, a folder with the development sets, of which none has a scale bar.
Information bars of six makes (`tests/info_bars.py`) are read, too.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from count_intervals import drawn
from info_bars import KINDS, any_strip, info_strip, length_of
from printing import any_print, printed

from napari_etch.micrograph import micrograph_from_array, read_micrograph
from napari_etch.micrograph.info_bar import find_info_bar
from napari_etch.micrograph.scale_bar import find_in_info_bar, find_scale_bar
from napari_etch.samples import sample_steel

VIRTUAL = 200
NOT_IMAGES = ("boundary", "labels", "classes", "_m.tif", "/masks/", "precipitates.png", "probab")
LENGTH = 0.02  # of a bar's length that may be wrong
SIDE = 4096  # px, of the image that the time is taken of


def found_share(name: str, prints: int, specimen: Iterator[np.ndarray]) -> None:
    rows: dict[str, list[tuple[float, float]]] = {"on a box": [], "on the specimen": []}
    missed = {"on a box": 0, "on the specimen": 0}
    said = {kind: Counter[str]() for kind in rows}
    for number, image in zip(range(prints), specimen, strict=False):
        how = any_print(number)
        kind = "on a box" if how.is_plain_to_see else "on the specimen"
        made = printed(image, how)
        bar = find_scale_bar(made.image)
        if bar is None:
            missed[kind] += 1
            continue
        off = abs(bar.length - made.length) > max(2, LENGTH * made.length)
        said[kind][_outcome(bar.text, how.label, off)] += 1
        mask = np.ones(made.image.shape[:2], bool)
        mask[bar.box.slices] = False
        rows[kind].append((made.covered(mask), made.lost(mask)))
    for kind, each in rows.items():
        count = len(each) + missed[kind]
        covered, lost = np.array(each).T
        print(
            f"{name}, {kind}: {len(each)} of {count} found; of these {(covered >= 0.95).sum()} "
            f"covered by 95 % or more, median {np.median(covered):.2f}; "
            f"specimen lost, in areas of the print: median {np.median(lost):.2f}, "
            f"95 % below {np.percentile(lost, 95):.2f}; what it says: {_told(said[kind])}"
        )


def _outcome(text: str, label: str, is_length_off: bool) -> str:
    if not text:
        return "not read"
    if text.replace(" ", "") != label.replace("um", "µm").replace("μ", "µ").replace(" ", ""):
        return "read wrongly"
    return "read, but its length is off" if is_length_off else "read rightly"


def _told(outcomes: Counter[str]) -> str:
    return ", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common())


def read_share(prints: int) -> None:
    said = {kind: Counter[str]() for kind in KINDS}
    for number in range(prints):
        how = any_strip(number)
        found = find_in_info_bar(info_strip(how))
        off = found is not None and abs(found.length - length_of(how)) > 2
        said[how.kind][_outcome("" if found is None else found.text, how.label, off)] += 1
    for kind, outcomes in said.items():
        print(f"information bars, {kind}: {_told(outcomes)}")


def virtual() -> Iterator[np.ndarray]:
    for number in range(VIRTUAL):
        yield np.asarray(drawn(number)[0].data)


def steel() -> Iterator[np.ndarray]:
    while True:
        yield np.asarray(sample_steel().data)


def wrongly_found(name: str, images: Iterator[np.ndarray]) -> None:
    count, wrong = 0, 0
    for image in images:
        enlarged = np.repeat(np.repeat(image, 2, 0), 2, 1)
        for view in (image, np.rot90(image), enlarged, image.max() - image):
            count += 1
            wrong += find_scale_bar(view) is not None
    print(f"{name}: {wrong} found in {count} pictures without a scale bar")


def with_straight_lines() -> Iterator[np.ndarray]:
    """Yield virtual micrographs with four even, square-ended lines along the rows."""
    chosen = np.random.default_rng(0)
    for image in virtual():
        lined = image.astype(float)
        height, width = lined.shape
        for _ in range(4):
            length, thick = int(chosen.uniform(0.08, 0.5) * width), int(chosen.integers(1, 7))
            top, left = chosen.integers(3, height - thick), chosen.integers(3, width - length)
            lined[top : top + thick, left : left + length] += chosen.uniform(-140, 140)
        yield np.clip(lined, 0, 255).astype(np.uint8)


def micrographs(data: Path) -> Iterator[np.ndarray]:
    for path in sorted(data.rglob("*")):
        if path.suffix in (".png", ".tif") and not any(part in str(path) for part in NOT_IMAGES):
            for section in read_micrograph(path, stack=True).sections():
                yield section.data[: section.info_bar_row]


def times() -> None:
    small = np.asarray(sample_steel().data)
    grey = np.tile(small, (SIDE // small.shape[0] + 1, SIDE // small.shape[1] + 1))[:SIDE, :SIDE]
    grey = np.ascontiguousarray(grey)
    colour = np.stack([grey, grey, np.roll(grey, 1, 0)], -1)
    for name, image in (
        ("uint8", grey),
        ("uint16", grey.astype(np.uint16) * 257),
        ("float32", grey.astype(np.float32)),
        ("colour", colour),
    ):
        spent = [seconds(find_scale_bar, image) for _ in range(5)]
        bar = [seconds(find_info_bar, image) for _ in range(5)] if image.ndim == 2 else [np.nan]
        reading = [seconds(lambda x: micrograph_from_array(x).grey(), image) for _ in range(2)]
        print(
            f"{SIDE} × {SIDE} {name}: {1000 * min(spent):.0f} ms; the information bar "
            f"{1000 * min(bar):.0f} ms, the stretch of grey levels {1000 * min(reading):.0f} ms"
        )


def seconds(work: object, image: np.ndarray) -> float:
    start = time.process_time()
    work(image)  # type: ignore[operator]
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prints", type=int, default=400)
    parser.add_argument("--data", type=Path)
    given = parser.parse_args()
    found_share("bundled micrograph", given.prints, steel())
    found_share("virtual micrographs", min(given.prints, VIRTUAL), virtual())
    read_share(given.prints)
    wrongly_found("virtual micrographs", virtual())
    wrongly_found("virtual micrographs with straight lines", with_straight_lines())
    if given.data is not None:
        wrongly_found("development sets", micrographs(given.data))
    times()


if __name__ == "__main__":
    main()
