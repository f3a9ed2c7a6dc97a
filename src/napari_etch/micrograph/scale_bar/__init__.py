"""Scale bars that are burned into an image, with the text beside them.

A bar has the shape of one (`bar_shape`) and a line of text beside it (`printed_text`), perhaps with
a filled box behind both (`filled_box`), or it is the only thing of its grey level (`lone_bar`).
What the text says is read (`letters`, `length_text`), also in an information bar (`in_info_bar`).
"""

from napari_etch.micrograph.scale_bar.bar import ScaleBar
from napari_etch.micrograph.scale_bar.finding import find_scale_bar
from napari_etch.micrograph.scale_bar.in_info_bar import find_in_info_bar
from napari_etch.micrograph.scale_bar.length_text import micrometres_of
from napari_etch.micrograph.scale_bar.sought import KnownBar, SoughtBar

__all__ = [
    "KnownBar",
    "ScaleBar",
    "SoughtBar",
    "find_in_info_bar",
    "find_scale_bar",
    "micrometres_of",
]
