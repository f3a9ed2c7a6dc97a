"""Time and memory of `inference.predict` beside the bare network on the same pixels.

``python benchmarks/whole_image.py --size 4096 --pairs 3 --threads 2``

The two are run in turn in one process, and the ratio is the median over the pairs, so that a
slow machine does not decide the answer. On a machine that is busy with other work the processor
time is the steadier of the two ratios. The bare network is the shipped architecture in eval and
inference mode on the whole image at once, as PyTorch runs it. Peak memory is that of a fresh
process for each, since a process never forgets its peak.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from napari_etch.inference import Pass, Prediction, pick_device, predict
from napari_etch.networks.etchnet import EtchNet, receptive_radius

TARGET = 1.15
MEGABYTE = 1e6


@dataclass
class OnePass:
    """The least a model can be: its network, once over the image."""

    network: nn.Module
    stride: int
    margin: int
    channels_out: int
    name: str = "EtchNet"

    def passes(
        self, micrograph: np.ndarray, **options: Any
    ) -> Generator[Pass, np.ndarray, dict[str, np.ndarray]]:
        """Hand the image on, and the first channel back."""
        output = yield Pass(micrograph)
        return {"boundary": output[0], "output": output}


def shipped(margin: int | None) -> OnePass:
    """The shipped architecture; its weights do not matter for time or memory."""
    torch.manual_seed(0)
    network = EtchNet().eval()
    stride = network.stride
    if margin is None:
        margin = receptive_radius(network, stride)
    return OnePass(network, stride, margin, network.channels_out)


def run_bare(model: OnePass, image: np.ndarray, options: argparse.Namespace) -> np.ndarray:
    device = pick_device(options.device)
    with torch.inference_mode():
        output = model.network.to(device)(torch.from_numpy(image)[None].to(device))
        return output[0].cpu().numpy()


def run_predict(model: OnePass, image: np.ndarray, options: argparse.Namespace) -> np.ndarray:
    *_, last = predict(model, image, device=options.device, tile=options.tile)
    assert isinstance(last, Prediction)
    return last.fields["output"]


RUNS: dict[str, Callable[..., np.ndarray]] = {"bare": run_bare, "predict": run_predict}


def timed(kind: str, *arguments: Any) -> tuple[float, float, np.ndarray]:
    """Return wall time and processor time in s, and the output."""
    wall, processor = time.perf_counter(), time.process_time()
    output = RUNS[kind](*arguments)
    return time.perf_counter() - wall, time.process_time() - processor, output


def peak_bytes() -> int:
    """The most memory this process has held, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        # Linux hands getrusage's peak on from the parent process; this one is our own.
        line = next(row for row in status.read_text().splitlines() if row.startswith("VmHWM"))
        return 1024 * int(line.split()[1])
    import resource

    # Linux counts in kB, macOS in bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (
        1 if sys.platform == "darwin" else 1024
    )


def measure_memory(options: argparse.Namespace) -> None:
    """Run one kind once and print what it took on top of the input; for a child process."""
    model, image = shipped(options.margin), make_image(options.size)
    run_predict(model, make_image(64), options)  # what libraries allocate once
    before = peak_bytes()
    RUNS[options.memory_of](model, image, options)
    print(json.dumps({"before": before, "peak": peak_bytes()}))


def memory_of(kind: str, margin: int, options: argparse.Namespace) -> dict[str, int]:
    command = [sys.executable, __file__, "--memory-of", kind, "--margin", str(margin)]
    command += ["--size", str(options.size)]
    command += ["--threads", str(options.threads), "--device", options.device]
    command += ["--tile", str(options.tile)] if options.tile else []
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    answer: dict[str, int] = json.loads(finished.stdout.splitlines()[-1])
    return answer


def make_image(size: int) -> np.ndarray:
    return np.random.default_rng(0).random((1, size, size), dtype=np.float32)


def compare(model: OnePass, options: argparse.Namespace) -> float:
    """Print the table of times; return the median ratio of wall times."""
    image, small = make_image(options.size), make_image(256)
    for kind in RUNS:  # kernels and threads are set up once, not in the first pair
        RUNS[kind](model, small, options)
    times: dict[str, list[tuple[float, float]]] = {kind: [] for kind in RUNS}
    difference = 0.0
    for pair in range(options.pairs):
        outputs = {}
        for kind in list(RUNS) if pair % 2 == 0 else list(RUNS)[::-1]:
            wall, processor, outputs[kind] = timed(kind, model, image, options)
            times[kind].append((wall, processor))
        difference = float(np.abs(outputs["bare"] - outputs["predict"]).max())
    print(f"{'':10}{'wall s':>10}{'processor s':>14}")
    for kind, values in times.items():
        wall, processor = (statistics.median(column) for column in zip(*values, strict=True))
        print(f"{kind:10}{wall:10.2f}{processor:14.2f}")
    for place, clock in enumerate(("wall time", "processor time")):
        pairs = zip(times["predict"], times["bare"], strict=True)
        ratios = [predicted[place] / bare[place] for predicted, bare in pairs]
        spread = ", ".join(f"{ratio:.3f}" for ratio in ratios)
        print(f"predict / bare, {clock}: {statistics.median(ratios):.3f} (pairs: {spread})")
    print(f"largest difference of the outputs: {difference:.1e}")
    both = zip(times["predict"], times["bare"], strict=True)
    return statistics.median(predicted[0] / bare[0] for predicted, bare in both)


def compare_memory(model: OnePass, options: argparse.Namespace) -> None:
    """Print the peak memory of each kind beside the sizes of input and output."""
    megapixels = options.size**2 / MEGABYTE
    print(f"input {4 * megapixels:.0f} MB, output {4 * model.channels_out * megapixels:.0f} MB")
    for kind in RUNS:
        found = memory_of(kind, model.margin, options)
        peak, extra = found["peak"] / MEGABYTE, (found["peak"] - found["before"]) / MEGABYTE
        print(f"peak memory of {kind}: {peak:.0f} MB, {extra:.0f} MB of it for the run")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--size", type=int, default=4096, help="side of the image in px")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--tile", type=int, default=None, help="see predict; default: automatic")
    parser.add_argument("--margin", type=int, default=None, help="px; default: measured")
    parser.add_argument("--no-memory", action="store_true", help="only time")
    parser.add_argument("--memory-of", choices=list(RUNS), help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    options = parse()
    torch.set_num_threads(options.threads)
    if options.memory_of:
        measure_memory(options)
        return 0
    model = shipped(options.margin)
    print(
        f"{options.size} x {options.size} px, stride {model.stride}, margin {model.margin} px, "
        f"{options.device}, {torch.get_num_threads()} threads; target at most {TARGET}"
    )
    ratio = compare(model, options)
    if not options.no_memory:
        compare_memory(model, options)
    return 0 if ratio <= TARGET else 1


if __name__ == "__main__":
    raise SystemExit(main())
