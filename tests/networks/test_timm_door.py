from __future__ import annotations

import subprocess
import sys

CODE = """
import sys
from napari_etch.networks.timm_door import open_timm
import torch
torch.cuda.is_available = lambda: False
timm = open_timm()
assert hasattr(timm, "create_model") and "triton" not in sys.modules, "triton was loaded"
assert not torch.utils._triton.has_triton_package()
"""


def test_triton_stays_out_where_no_gpu_can_use_it():
    subprocess.run([sys.executable, "-W", "ignore", "-c", CODE], check=True, timeout=300)
