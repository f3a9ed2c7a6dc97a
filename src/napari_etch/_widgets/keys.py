"""Key bindings of the docks, in one table: it binds the keys and feeds the tooltips.

napari ignores key bindings in a plugin's manifest, so they are bound through the viewer.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.components import ViewerModel


@dataclass(frozen=True)
class KeyBinding:
    """One key.

    Attributes
    ----------
    keys : str
        As napari writes them, such as ``Shift-B``.
    does : str
        What it does, as a menu entry.
    method : str
        Method of the dock that it calls.
    """

    keys: str
    does: str
    method: str

    @property
    def shown(self) -> str:
        """The keys as a user reads them."""
        return self.keys.replace("-", "+")


#: napari uses none of these in 0.7 to 0.9, for the viewer or any kind of layer.
KEY_BINDINGS: dict[str, KeyBinding] = {
    "run": KeyBinding("Shift-R", "Run, or cancel the run", "toggle_run"),
    "boundary": KeyBinding("Shift-B", "Show or hide the boundary", "toggle_boundary"),
    "grains": KeyBinding("Shift-G", "Show or hide the grains", "toggle_grains"),
    "fewer": KeyBinding("Shift-Left", "Fewer grains", "fewer_grains"),
    "more": KeyBinding("Shift-Right", "More grains", "more_grains"),
}


def tip(text: str, *actions: str) -> str:
    """Return a tooltip that ends with the keys of the given actions."""
    keys = ", ".join(
        f"{KEY_BINDINGS[action].shown}: {KEY_BINDINGS[action].does.lower()}" for action in actions
    )
    return f"{text}\n{keys}" if keys else text


def bind_keys(viewer: ViewerModel, dock: Any) -> None:
    """Bind the keys on the viewer to methods of the dock; keys that are taken stay as they are.

    The dock is held weakly: once it is gone its keys do nothing, and a new dock takes them over.
    """
    taken = {str(key): action for key, action in viewer.keymap.items()}
    reference = weakref.ref(dock)
    for binding in KEY_BINDINGS.values():
        current = taken.get(binding.keys.replace("-", "+"))
        if current is not None and not getattr(current, "of_napari_etch", False):
            continue
        viewer.bind_key(binding.keys, _action(binding, reference), overwrite=True)


def _action(binding: KeyBinding, reference: weakref.ref[Any]) -> Any:
    def act(_viewer: ViewerModel) -> None:
        dock = reference()
        if dock is not None and not dock.is_gone:
            getattr(dock, binding.method)()

    act.__doc__ = binding.does  # napari lists it under this name in its help
    act.of_napari_etch = True  # type: ignore[attr-defined]
    return act
