"""Lists whose items can be ticked."""

from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QListWidget

from napari_etch._widgets.choices import set_ticks, ticked_in

pytestmark = pytest.mark.gui


def test_the_box_of_an_unticked_item_is_seen(qtbot: Any) -> None:
    """napari's themes drew it in the colour of the list."""
    box = QListWidget()
    qtbot.addWidget(box)
    box.resize(200, 60)
    seen = []
    for ticked in ((), ("1",)):
        set_ticks(box, [("steel", "1")], ticked)
        assert ticked_in(box) == list(ticked)
        image = box.grab().toImage()
        edge, filled = QColor("#7f8794"), QColor("#4a6ad0")
        pixels = [image.pixelColor(x, y) for y in range(20) for x in range(20)]
        seen.append((pixels.count(edge) > 20, pixels.count(filled) > 50))
    assert seen == [(True, False), (False, True)]
