"""A small map of grains and a journal of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_etch.corrections import Journal

SHAPE = (40, 60)


@pytest.fixture
def grains() -> np.ndarray:
    rows, columns = np.indices(SHAPE)
    return (1 + rows // 10 * 6 + columns // 10).astype(np.int32)


@pytest.fixture
def open_journal(grains: np.ndarray, tmp_path: Path) -> Iterator[Callable[..., Journal]]:
    opened: list[Journal] = []

    def open_(**options: Any) -> Journal:
        options = {"folders": [tmp_path], "retry_seconds": 0.02, **options}
        journal = Journal(options.pop("grains", grains), "steel · grains", **options)
        opened.append(journal)
        return journal

    yield open_
    for journal in opened:
        journal.close()
