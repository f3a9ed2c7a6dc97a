from __future__ import annotations

from collections.abc import Iterator

import pytest

from napari_etch.inference import forget_memory_settings


@pytest.fixture(autouse=True)
def _fresh_memory_settings() -> Iterator[None]:
    """No test learns from another's out-of-memory errors."""
    forget_memory_settings()
    yield
    forget_memory_settings()
