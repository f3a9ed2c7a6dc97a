"""A stream of virtual training samples: made in another process, kept in a replay buffer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as ready_pipes
from multiprocessing.process import BaseProcess

import numpy as np
import torch
import torch.multiprocessing as multiprocessing
from torch import Tensor

from napari_etch.virtual.sample import render_batch

RENDERED = 8
# How long a process whose pipe has ended is waited for, to say how it ended, seconds.
PATIENCE = 10.0
# Samples in the buffer before learning starts.
LEAST = 64


# From a seed to an endless stream of samples: uint8 images and int16 labels, (b, s, s) each.
# Numpy, not tensors: shared-memory handles would pile up in the pipe.
Samples = Callable[[int], Iterator[tuple[np.ndarray, np.ndarray]]]


def render_forever(seed: int, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield virtual micrographs, uint8 (b, size, size), and their grain numbers, int16."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        batch = render_batch(RENDERED, size, generator=generator)
        image = (255 * batch.image).round().to(torch.uint8).numpy()
        yield image, batch.labels.to(torch.int16).numpy()


def _fill(pipe: Connection, samples: Samples, seed: int, threads: int) -> None:
    torch.set_num_threads(threads)
    for pair in samples(seed):
        pipe.send(pair)  # and waits there until it is taken


class Replay:
    """Holds the newest rendered samples and hands out random, flipped ones.

    Rendering a sample costs about as much as learning from it, so that each is used a few times,
    in another of its eight orientations and with another brightness.
    """

    def __init__(self, capacity: int, size: int, seed: int) -> None:
        self.images = np.zeros((capacity, size, size), np.uint8)
        self.labels = np.zeros((capacity, size, size), np.int16)
        self.filled = 0
        self.next = 0
        self.random = np.random.default_rng(seed)

    def add(self, images: np.ndarray, labels: np.ndarray) -> None:
        """Store samples over the oldest ones."""
        for image, label in zip(images, labels, strict=True):
            self.images[self.next], self.labels[self.next] = image, label
            self.next = (self.next + 1) % len(self.images)
            self.filled = min(self.filled + 1, len(self.images))

    def draw(self, count: int) -> tuple[Tensor, Tensor]:
        """Return network inputs float32 (count, 1, s, s) and labels int64 (count, s, s)."""
        pairs = self.pick(count)
        images = [standardise(image.astype(np.float32), self.random) for image, _ in pairs]
        labels = np.stack([label for _, label in pairs]).astype(np.int64)
        return torch.from_numpy(np.stack(images))[:, None], torch.from_numpy(labels)

    def pick(self, count: int) -> list[list[np.ndarray]]:
        """Return random pairs of image and labels as they were stored, turned and mirrored.

        Raises
        ------
        RuntimeError
            When nothing was stored yet.
        """
        if not self.filled:
            raise RuntimeError("There are no training samples yet: fill the buffer first.")
        return [
            orient([self.images[index], self.labels[index]], self.random)
            for index in self.random.integers(self.filled, size=count)
        ]


def orient(arrays: list[np.ndarray], random: np.random.Generator) -> list[np.ndarray]:
    """Return arrays (y, x) turned and mirrored alike, at random."""
    turns, mirrored = int(random.integers(4)), random.random() < 0.5
    turned = [np.rot90(item, turns) for item in arrays]
    return [np.ascontiguousarray(item[:, ::-1] if mirrored else item) for item in turned]


def standardise(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Centre and scale a sample as `models.generalist` prepares a micrograph, with some jitter.

    Of any shape and real type; what is returned is float32 in [-5, 5].
    """
    spread = float(image.std()) + 1e-3
    centred = (image - image.mean()) / spread
    centred = centred * random.uniform(0.75, 1.33) + random.uniform(-0.25, 0.25)
    return np.clip(centred, -5, 5).astype(np.float32)


class FeedError(RuntimeError):
    """No process makes training samples any more; one sentence for the user."""


class Feed:
    """The samples that other processes make.

    Parameters
    ----------
    pipes : sequence of multiprocessing.connection.Connection
        Where they put them, a pipe each: what one leaves half-written when it is killed stays out
        of the way of the others, and its pipe says that there is no more.
    processes : sequence of multiprocessing.process.BaseProcess
    """

    def __init__(self, pipes: Sequence[Connection], processes: Sequence[BaseProcess]) -> None:
        self._open = list(pipes)
        self._processes = processes

    def take(self, *, wait: bool) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the next samples, uint8 images and int16 labels, (b, s, s).

        Parameters
        ----------
        wait : bool
            Wait for them, however slow the machine is; otherwise None when none are ready.

        Raises
        ------
        FeedError
            When none are left and no process makes any more.
        """
        while self._open:
            ready = ready_pipes(self._open, None if wait else 0)
            if not ready:
                return None
            pipe = next(pipe for pipe in self._open if pipe in ready)
            self._open.remove(pipe)
            try:
                pair: tuple[np.ndarray, np.ndarray] = pipe.recv()
            except (EOFError, OSError):  # it ended, perhaps in the middle of a sample
                continue
            self._open.append(pipe)  # behind the others: now it is their turn
            return pair
        for process in self._processes:
            process.join(PATIENCE)
        codes = ", ".join(str(process.exitcode) for process in self._processes)
        raise FeedError(
            f"The process that makes training samples has ended (exit code {codes}): "
            "see its messages above; -9 means most likely that memory ran out."
        )


def virtual_feed(
    size: int, seed: int, workers: int = 1, threads: int = 1
) -> AbstractContextManager[Feed]:
    """Run processes that render virtual micrographs; see `sample_feed`."""
    return sample_feed(partial(render_forever, size=size), seed, workers, threads)


@contextmanager
def sample_feed(samples: Samples, seed: int, workers: int = 1, threads: int = 1) -> Iterator[Feed]:
    """Run processes that make samples, and yield what hands them out."""
    context = multiprocessing.get_context("spawn")
    pipes: list[Connection] = []
    processes: list[BaseProcess] = []
    try:
        for number in range(workers):
            taken, filled = context.Pipe(duplex=False)
            given = (filled, samples, worker_seed(seed, number), threads)
            process = context.Process(target=_fill, args=given, daemon=True)
            process.start()
            filled.close()  # the worker's end is the only one: when it dies, the pipe ends
            pipes.append(taken)
            processes.append(process)
        yield Feed(pipes, processes)
    finally:
        for started in processes:
            started.terminate()
        for taken in pipes:
            taken.close()


def worker_seed(seed: int, number: int) -> int:
    """Return the seed of a worker's samples.

    Seeds of runs grow by the steps that a run resumes from: if those of its workers were so many
    numbers apart, one that resumes would see again what another worker has made before.
    """
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0] >> 1)


def top_up(replay: Replay, feed: Feed, wanted: int) -> int:
    """Move rendered samples into the buffer, at most `wanted`, and return how many there were.

    Waits only while the buffer is nearly empty; what is not fetched holds the renderer back, so
    that it takes no more of the machine than learning needs.

    Raises
    ------
    FeedError
        When nobody makes samples any more.
    """
    added = 0
    while added < wanted:
        made = feed.take(wait=replay.filled < LEAST)
        if made is None:
            break
        replay.add(*made)
        added += len(made[0])
    return added
