"""Stands for the process of a fit, without torch: ``python fake_fit.py FOLDER SCENARIO MODEL``.

The scenario says how the fit goes; the model it "learns" is the folder given.
"""

from __future__ import annotations

import faulthandler
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_etch.training.job_child import main
from napari_etch.training.labelfree.events import FitError, FitNotice, FitPreview, FitStep, Fitted

STEPS = 40


@dataclass(frozen=True, eq=False)
class Learnt(Fitted):
    """A model that lies ready in a folder."""

    def save(self, path: Path) -> None:
        shutil.copytree(self.tensors["folder"], path)
        (path / "model.json").write_text(json.dumps(self.card), "utf-8")


def fit(micrographs: Any, *, stop: Any, preview: Any, **options: Any) -> Iterator[Any]:
    scenario = sys.argv[2]
    yield FitNotice(f"{len(micrographs)} images, {options['start']}, seed {options['seed']}.")
    yield FitNotice("Looking around.", passing=True)
    print("a library that prints")  # noqa: T201  # goes to the log, not among the events
    if scenario == "no grains":
        raise FitError("“steel” shows no grains: choose another image.")
    why = "All steps were taken."
    for step in range(1, STEPS + 1):
        loss = 1 / step
        quality = loss if step % 10 == 0 else None
        yield FitStep(step, STEPS, 0.1 * step, 0.1 * (STEPS - step), {"total": loss}, quality)
        asked = preview()
        if asked is not None:
            index, window = asked
            grey = micrographs[index].grey()[window]
            yield FitPreview(index, window, grey.astype(np.float32))
        while scenario == "talkative":
            yield FitStep(step, STEPS, 0.1, 0.1, {"total": loss}, None)
        while scenario in ("endless", "stubborn") and step == 5:
            if scenario == "endless" and stop():
                why = "Stopped."
                break
            asked = preview()
            if asked is not None:
                yield FitPreview(asked[0], asked[1], np.full(shape(asked[1]), 0.5, np.float32))
            time.sleep(0.02)
        if why == "Stopped.":
            break
        fall(scenario, step)
    yield Learnt({"folder": Path(sys.argv[3])}, card(Path(sys.argv[3])), step, why)


def fall(scenario: str, step: int) -> None:
    if step < 3:
        return
    if scenario == "crash":
        faulthandler.disable()
        os.abort()
    if scenario == "bug":
        raise RuntimeError("tensors of 3 and 4\nsecond line")
    if scenario == "memory":
        raise MemoryError
    if scenario == "killed":
        os.kill(os.getpid(), 9)


def shape(window: tuple[slice, slice]) -> tuple[int, int]:
    return window[0].stop - window[0].start, window[1].stop - window[1].start


def card(folder: Path) -> dict[str, Any]:
    from napari_etch.models.weights_file import read_card

    return read_card(folder)


if __name__ == "__main__":
    main(fit)
