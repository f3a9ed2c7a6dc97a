"""scipy works in one thread while torch is being imported in another."""

from __future__ import annotations

import subprocess
import sys

# what sys.modules holds then is a module without anything in it
MEASURING = """
import sys, types
from napari_etch._widgets.torch_door import make_way_for_torch
make_way_for_torch()
assert "torch" not in sys.modules
sys.modules["torch"] = types.ModuleType("torch")
from scipy.stats import ks_2samp
print(ks_2samp([1.0, 2.0], [3.0, 4.0]).statistic)
"""


def test_scipy_works_while_torch_is_imported() -> None:
    """Who measured while the Segment dock opened got no numbers and a traceback."""
    ran = subprocess.run(
        [sys.executable, "-c", MEASURING], capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.stdout.strip() == "1.0", ran.stderr
