"""Samples that another process makes: waited for while it lives, missed at once when it died."""

from __future__ import annotations

import time

import numpy as np
import pytest

from napari_etch.training.feed import LEAST, FeedError, Replay, sample_feed, top_up

SIZE = 8


def slow(_seed):
    """Keep its buyer waiting; then make no more."""
    time.sleep(1.0)
    yield np.ones((LEAST, SIZE, SIZE), np.uint8), np.ones((LEAST, SIZE, SIZE), np.int16)
    time.sleep(600)


def broken(_seed):
    raise SystemExit(3)
    yield


def test_a_slow_process_is_waited_for_and_a_killed_one_is_missed():
    replay = Replay(LEAST, SIZE, 0)
    with sample_feed(slow, 0) as feed:
        assert feed.take(wait=False) is None
        assert top_up(replay, feed, LEAST) == replay.filled == LEAST
        assert top_up(replay, feed, 1) == 0  # the buffer is full: learning goes on
        (process,) = feed._processes
        process.kill()
        process.join()
        with pytest.raises(FeedError, match=f"exit code {process.exitcode}"):
            top_up(replay, feed, 1)


def test_a_process_that_ends_at_once_is_missed():
    with (
        sample_feed(broken, 0) as feed,
        pytest.raises(FeedError, match=r"makes training samples has ended \(exit code 3\)"),
    ):
        top_up(Replay(LEAST, SIZE, 0), feed, LEAST)


def cut_off(_seed):
    """Write more than a pipe holds, and die in the middle of it."""
    import os
    import threading

    threading.Timer(0.5, os._exit, (9,)).start()
    yield np.zeros((512, 256, 256), np.uint8), np.zeros((512, 256, 256), np.int16)


def test_a_process_that_dies_in_the_middle_of_a_sample_is_missed():
    with sample_feed(cut_off, 0) as feed:
        (process,) = feed._processes
        process.join()
        with pytest.raises(FeedError, match="exit code 9"):
            feed.take(wait=True)
