"""Greys out the devices that a computer does not have, once that is known."""

from __future__ import annotations

import threading
from collections.abc import Callable

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QComboBox

from napari_etch._widgets.form import item_ready
from napari_etch._widgets.torch_door import make_way_for_torch

#: How often it is looked whether the devices are known, ms.
PROBE_MS = 200


def offer_devices(box: QComboBox, probe: Callable[[], dict[str, str]]) -> None:
    """Ask for the devices without waiting: the first answer takes an import of torch.

    A daemon thread and a timer of the box rather than a worker: nothing of it is left to end the
    process with an abort when napari is closed before the answer has come.

    Parameters
    ----------
    box : QComboBox
        Its data are the short names of devices.
    probe : callable
        Returns the devices that cannot be used with the reason; runs in the thread.
    """
    found: list[dict[str, str]] = []
    make_way_for_torch()
    threading.Thread(target=lambda: found.append(probe()), daemon=True).start()
    timer = QTimer(box)

    def look() -> None:
        if not found:
            return
        timer.stop()
        troubles = found[0]
        for row in range(box.count()):
            trouble = troubles.get(box.itemData(row), "")
            item_ready(box, row, not trouble, trouble)
        if box.currentData() in troubles:
            box.setCurrentIndex(max(0, box.findData("auto")))

    timer.timeout.connect(look)
    timer.start(PROBE_MS)
