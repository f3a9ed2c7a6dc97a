"""How long a label-free fit from scratch takes beside a plain loop of the same network and steps.

python benchmarks/fit_time.py [--image IMAGE] [--threads 2]

The plain loop learns from ready-made crops: forward, cross-entropy, backward, one optimiser step.
Half of it runs before the fit and half after, and processor time stands beside the clock's, for
machines that do other work as well. Aims: at most three minutes on two cores for 703 x 1024 px, at
most 1.2 times the plain loop.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from napari_etch.micrograph import Micrograph, micrograph_from_array, read_micrograph
from napari_etch.training.labelfree import FitStep, Fitted, fit
from napari_etch.training.labelfree.learners import Scratch
from napari_etch.training.labelfree.loop import SCRATCH
from napari_etch.virtual import sample_micrograph


class Watch:
    """Adds up time by the clock and of the processor."""

    def __init__(self) -> None:
        self.clock = self.processor = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count what happens inside."""
        clock, processor = time.perf_counter(), time.process_time()
        yield
        self.clock += time.perf_counter() - clock
        self.processor += time.process_time() - processor


class PlainLoop:
    """A plain loop over random crops, as any tutorial has it."""

    def __init__(self) -> None:
        self.learner = Scratch("best", 0)
        self.network = self.learner.network.train()
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), SCRATCH.rate, weight_decay=1e-4
        )
        self.images = torch.randn(SCRATCH.twins, 1, SCRATCH.size, SCRATCH.size)
        self.labels = torch.randint(2, (SCRATCH.twins, SCRATCH.size, SCRATCH.size)).float()
        self.loss = torch.nn.BCEWithLogitsLoss()

    def run(self, steps: int) -> None:
        """Take so many steps."""
        for _ in range(steps):
            rows = torch.randint(SCRATCH.twins, (SCRATCH.virtual,))
            logit = self.learner.logit(self.network(self.images[rows]))
            self.optimiser.zero_grad(set_to_none=True)
            self.loss(logit, self.labels[rows]).backward()
            self.optimiser.step()


def run_fit(micrograph: Micrograph, first: Watch) -> int:
    """Run a fit and return the steps it took; `first` counts the time before the first one."""
    steps = 0
    waiting = first.running()
    waiting.__enter__()
    for event in fit([micrograph]):
        if isinstance(event, FitStep):
            if not steps:
                waiting.__exit__(None, None, None)
            steps = event.step
        if isinstance(event, Fitted):
            print(f"  {event.why}")
    return steps


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
    loop = PlainLoop()
    loop.run(5)  # the first steps choose and compile kernels
    plain, fitting, first = Watch(), Watch(), Watch()
    with plain.running():
        loop.run(SCRATCH.steps // 2)
    with fitting.running():
        steps = run_fit(micrograph, first)
    with plain.running():
        loop.run(steps - SCRATCH.steps // 2)
    print("| | clock, s | processor, s |\n|---|--:|--:|")
    size = f"{micrograph.height} x {micrograph.width}"
    for name, watch in (
        (f"fit, {size}, {steps} steps", fitting),
        ("of which before the first step", first),
        (f"plain loop, {steps} steps", plain),
    ):
        print(f"| {name} | {watch.clock:.0f} | {watch.processor:.0f} |")
    ratios = fitting.clock / plain.clock, fitting.processor / plain.processor
    print(f"| ratio | {ratios[0]:.2f} | {ratios[1]:.2f} |")


if __name__ == "__main__":
    main()
