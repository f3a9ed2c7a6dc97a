"""A stack: sections that inform each other.

`HeldBack` cuts each section, found by whatever model, by the grains beside it too. `propagate`
leads a stack through a network that is told what it has found in the section before. Nothing but
its own answers is ever fed back. The stack is read once, in blocks: backward through a block and a
few sections beyond, then forward through the block, so that memory does not grow with the stack and
finished sections come out on the way.
"""

from napari_etch.propagation.done import SectionDone
from napari_etch.propagation.held import HeldBack
from napari_etch.propagation.stack import propagate

__all__ = ["HeldBack", "SectionDone", "propagate"]
