"""Key bindings of the docks, in one table: it binds the keys and feeds the tooltips.

napari ignores key bindings in a plugin's manifest, so they are bound through the viewer.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer


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
        Method of the dock, or of a part of it, that it calls, with an argument behind a blank.
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

#: For the Correct dock. napari 0.7 to 0.9 uses none of these for the viewer or a Labels layer; the
#: last two act while a tool is on, in place of what napari does with them then.
CORRECT_BINDINGS: dict[str, KeyBinding] = {
    "split": KeyBinding("S", "Split", "gestures.choose split"),
    "join": KeyBinding("J", "Join", "gestures.choose join"),
    "redraw": KeyBinding("D", "Redraw", "gestures.choose redraw"),
    "add": KeyBinding("A", "Add", "gestures.choose add"),
    "delete": KeyBinding("Q", "Delete", "gestures.choose delete"),
    "holes": KeyBinding("H", "Fill holes", "gestures.choose holes"),
    "smooth": KeyBinding("O", "Smooth", "gestures.choose smooth"),
    "wand": KeyBinding("W", "Wand", "gestures.choose wand"),
    "reassign": KeyBinding("T", "Reassign", "gestures.choose reassign"),
    "recut": KeyBinding("C", "Cut again", "gestures.choose recut"),
    "classify": KeyBinding("Y", "Set class", "gestures.choose classify"),
    "next": KeyBinding("N", "Next doubtful place", "reviewing.walk_on"),
    "back": KeyBinding("Shift-N", "Previous doubtful place", "reviewing.walk_back"),
    "good": KeyBinding("G", "This line is right", "reviewing.say_right"),
    "remove": KeyBinding("R", "This line is wrong", "reviewing.say_wrong"),
    "accept": KeyBinding(
        "K", "Accept or unlock what is under the mouse", "reviewing.toggle_accepted"
    ),
    "outlines": KeyBinding("Shift-C", "Outlines or areas", "gestures.toggle_outlines"),
    "copy": KeyBinding("I", "Repeat the last gesture in the next section", "gestures.copy_on"),
    "part": KeyBinding(
        "U", "Give the grain under the mouse a new number from here on", "gestures.part"
    ),
    "finish": KeyBinding("Enter", "Finish the clicks", "gestures.finish"),
    "leave": KeyBinding("Escape", "Drop the gesture, or leave the tool", "gestures.leave"),
}
#: For the Repair dock, which has them while it is in front: the keys of a run and of the review.
REPAIR_BINDINGS: dict[str, KeyBinding] = {
    "run_repair": KeyBinding("Shift-R", "Close the gaps, or cancel", "toggle_run"),
    "next_bridge": KeyBinding("N", "Next bridge", "walk_on"),
    "back_bridge": KeyBinding("Shift-N", "Previous bridge", "walk_back"),
    "good_bridge": KeyBinding("G", "Accept the bridge", "say_right"),
    "remove_bridge": KeyBinding("R", "Reject the bridge", "say_wrong"),
}
#: napari binds these for a Labels layer. On the viewer they are free: while another layer is
#: selected, such as the image, they go to the map that is corrected.
UNDO_BINDINGS: dict[str, KeyBinding] = {
    "undo": KeyBinding("Ctrl-Z", "Undo", "gestures.undo"),
    "redo": KeyBinding("Ctrl-Shift-Z", "Redo", "gestures.redo"),
}
UNDO_BRIDGE: dict[str, KeyBinding] = {"undo_bridge": KeyBinding("Ctrl-Z", "Undo", "undo")}
ALL_BINDINGS = {**KEY_BINDINGS, **CORRECT_BINDINGS, **REPAIR_BINDINGS}
#: Keys that napari itself binds for a Labels layer: they go to the layer while a tool is on.
TOOL_KEYS = ("finish", "leave")


def tip(text: str, *actions: str) -> str:
    """Return a tooltip that ends with the keys of the given actions."""
    keys = ", ".join(
        f"{ALL_BINDINGS[action].shown}: {ALL_BINDINGS[action].does.lower()}" for action in actions
    )
    return f"{text}\n{keys}" if keys else text


def bind_keys(
    viewer: ViewerModel, dock: Any, bindings: Mapping[str, KeyBinding] = KEY_BINDINGS
) -> None:
    """Bind keys on the viewer to methods of the dock; keys that are taken stay as they are.

    The dock is held weakly: once it is gone its keys do nothing, and a new dock takes them over.
    """
    taken = {str(key): action for key, action in viewer.keymap.items()}
    reference = weakref.ref(dock)
    for name, binding in bindings.items():
        if name in TOOL_KEYS:
            continue
        current = taken.get(binding.keys.replace("-", "+"))
        if current is not None and not getattr(current, "of_napari_etch", False):
            continue
        viewer.bind_key(binding.keys, _action(binding, reference), overwrite=True)


def lend_keys(
    viewer: ViewerModel, dock: Any, bindings: Mapping[str, KeyBinding]
) -> Callable[[], None]:
    """Bind keys to a dock that is in front, and return a function that gives them back.

    Given back are those keys that nobody else has taken meanwhile, to whom they were before.
    """
    before = {str(key): action for key, action in viewer.keymap.items()}
    bind_keys(viewer, dock, bindings)
    mine = {str(key): action for key, action in viewer.keymap.items()}

    def give_back() -> None:
        now = {str(key): action for key, action in viewer.keymap.items()}
        for binding in bindings.values():
            key = binding.shown
            if mine.get(key) is before.get(key) or now.get(key) is not mine[key]:
                continue
            viewer.bind_key(binding.keys, before.get(key), overwrite=True)

    return give_back


def bind_tool_keys(layer: Layer, dock: Any) -> None:
    """Bind on a layer the keys of which a tool takes possession while it is on."""
    for name in TOOL_KEYS:
        binding = CORRECT_BINDINGS[name]
        layer.bind_key(binding.keys, _action(binding, weakref.ref(dock)), overwrite=True)


def unbind_tool_keys(layer: Layer) -> None:
    """Give the keys back to napari."""
    for name in TOOL_KEYS:
        layer.bind_key(CORRECT_BINDINGS[name].keys, None, overwrite=True)


def _action(binding: KeyBinding, reference: weakref.ref[Any]) -> Any:
    def act(_viewer: Any) -> None:
        dock = reference()
        if dock is not None and not dock.is_gone:
            method, *arguments = binding.method.split()
            attrgetter(method)(dock)(*arguments)

    act.__doc__ = binding.does  # napari lists it under this name in its help
    act.of_napari_etch = True  # type: ignore[attr-defined]
    return act
