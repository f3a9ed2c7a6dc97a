"""Whether a process still works."""

from __future__ import annotations

import os
from pathlib import Path


def alive(process_id: int) -> bool:
    """Return whether a process works; one that ended and that nobody has waited for does not."""
    try:
        os.kill(process_id, 0)
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except ProcessLookupError:
        return False
    except FileNotFoundError:  # gone in between, or no Linux
        return not Path("/proc").is_dir()
    return state != "Z"
