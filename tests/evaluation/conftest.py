"""The development scorer, where it lies beside the development data."""

from __future__ import annotations

import importlib.util
import sys

import pytest


@pytest.fixture(scope="module")
def scorer(dev_data):
    path = dev_data.parent / "tools" / "score.py"
    if not path.is_file():
        pytest.skip("no development scorer beside the development data")
    spec = importlib.util.spec_from_file_location("development_scorer", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up
    spec.loader.exec_module(module)
    return module
