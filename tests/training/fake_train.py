"""Stands for the process of a training: ``python fake_train.py FOLDER SCENARIO MODEL``."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tifffile

from napari_etch.models.weights_file import read_card
from napari_etch.training.job_child import main
from napari_etch.training.trainers import (
    TRAINERS,
    Trained,
    TrainError,
    TrainNotice,
    TrainRequest,
    TrainStep,
)

STEPS = 10


@dataclass(frozen=True, eq=False)
class Learnt(Trained):
    """A model that lies ready in a folder."""

    def save(self, path: Path) -> None:
        shutil.copytree(self.tensors["folder"], path)
        (path / "model.json").write_text(json.dumps(self.card), "utf-8")


def train(request: TrainRequest, stop: Callable[[], bool]) -> Iterator[Any]:
    scenario = sys.argv[2]
    found = sorted(path.name for path in (request.data / "labels").iterdir())
    ignored = [
        int(tifffile.imread(path).sum()) for path in sorted((request.data / "ignore").glob("*"))
    ]
    yield TrainNotice(f"{request.labels}: {', '.join(found)}; ignored {ignored}.")
    if scenario == "nothing":
        raise TrainError("Nothing of a is left to learn from.")
    yield TrainStep(0, STEPS, 0.0, 0.0, {}, {"loss": 1.5, "ap50": 0.5})
    step, why = 0, "All steps were taken."
    state = request.checkpoint and request.checkpoint / "state.pt"
    if state and state.exists():
        step = int(state.read_text())
        yield TrainNotice(f"Going on from step {step}.")
    while step < STEPS and why[0] == "A":
        step += 1
        look = {"loss": 1 / step} if step % 5 == 0 else None
        yield TrainStep(step, STEPS, 0.1 * step, 0.1 * (STEPS - step), {"total": 1 / step}, look)
        if state:
            state.parent.mkdir(exist_ok=True)
            part = state.with_suffix(".part")
            part.write_text(str(step))
            part.replace(state)  # as trainers do
        while scenario == "endless" and step == 5:
            if stop():
                why = "Stopped by hand."
                break
            time.sleep(0.02)
    folder = Path(sys.argv[3])
    scores = {"ap50": 0.5}, {"ap50": 0.75}
    yield Learnt({"folder": folder}, read_card(folder), step, why, *scores)


if __name__ == "__main__":
    TRAINERS["generalist"] = "__main__:train"
    main()
