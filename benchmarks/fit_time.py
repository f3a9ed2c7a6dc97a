"""How long a label-free fit from scratch takes beside a plain loop of the same network and steps.

python benchmarks/fit_time.py [--image IMAGE] [--threads 2]

The plain loop learns from ready-made crops: forward, cross-entropy, backward, one optimiser step.
What the fit takes beyond it is finding the scale and the style, rendering, checks and the real
terms. Aims: at most three minutes on two cores for 703 x 1024 px, at most 1.2 times the plain loop.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch

from napari_etch.micrograph import Micrograph, micrograph_from_array, read_micrograph
from napari_etch.training.labelfree import FitStep, Fitted, fit
from napari_etch.training.labelfree.learners import Scratch
from napari_etch.training.labelfree.loop import SCRATCH
from napari_etch.virtual import sample_micrograph


def plain_loop(steps: int) -> float:
    """Return the seconds of a plain loop over random crops."""
    learner = Scratch("best", 0)
    network = learner.network.train()
    optimiser = torch.optim.AdamW(network.parameters(), SCRATCH.rate, weight_decay=1e-4)
    images = torch.randn(SCRATCH.twins, 1, SCRATCH.size, SCRATCH.size)
    labels = torch.randint(2, (SCRATCH.twins, SCRATCH.size, SCRATCH.size)).float()
    loss_of = torch.nn.BCEWithLogitsLoss()
    begun = time.perf_counter()
    for _ in range(steps):
        rows = torch.randint(SCRATCH.twins, (SCRATCH.virtual,))
        loss = loss_of(learner.logit(network(images[rows])), labels[rows])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
    return time.perf_counter() - begun


def timed_fit(micrograph: Micrograph) -> tuple[float, float, int]:
    """Return the seconds of a fit, those before its first step, and the steps it took."""
    begun = time.perf_counter()
    first, steps = 0.0, 0
    for event in fit([micrograph]):
        if isinstance(event, FitStep):
            first, steps = first or time.perf_counter() - begun, event.step
        if isinstance(event, Fitted):
            print(f"  {event.why}")
    return time.perf_counter() - begun, first, steps


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image", type=Path, help="a micrograph; a virtual one of 703 x 1024 px")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    if given.image:
        micrograph = read_micrograph(given.image)
    else:
        micrograph = micrograph_from_array(sample_micrograph(size=1024)[0][:703], "virtual")
    torch.manual_seed(0)
    plain_loop(5)
    seconds, first, steps = timed_fit(micrograph)
    plain = plain_loop(steps)
    print("| | seconds |\n|---|--:|")
    print(f"| fit, {micrograph.height} x {micrograph.width}, {steps} steps | {seconds:.0f} |")
    print(f"| of which before the first step | {first:.0f} |")
    print(f"| plain loop, {steps} steps | {plain:.0f} |")
    print(f"| ratio | {seconds / plain:.2f} |")


if __name__ == "__main__":
    main()
