"""`pull`, `bundle`, `images`, `diff`, and an image in the place of a bundle: what the command line has to do with
minirun/images, a room that the runtime does without."""

from __future__ import annotations

import os
import sys

from ..errors import StateError
from ..kernel.telling import put
from ..safe import safe, safe_lines
from .output import say, say_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ..images.fetch import Image, Progress
    from ..images.store import Store

ROOM = os.path.realpath(f"{__file__}/../../images")


def look_for_room() -> None:
    """Raises StateError where somebody has taken it away: minirun/images can be deleted."""
    if not os.path.exists(f"{ROOM}/fetch.py"):
        raise StateError("this minirun has no images room (minirun/images), so it can do nothing with images")


# ---- the commands


def pull(values: Mapping[str, Any]) -> int:
    """minirun pull"""
    with opened_store(values) as store:
        say(f"{fetched(store, values['image'], values).manifest.descriptor.digest}\n")
    return 0


def bundle(values: Mapping[str, Any]) -> int:
    """minirun bundle"""
    from ..images.bundle import BundleWishes, make_bundle

    path = os.path.abspath(values["directory"])
    with opened_store(values) as store:
        image = fetched(store, values["image"], values)
        tell_notes(make_bundle(store, image, path, BundleWishes(values["overlay"], bytes_of(values["most"]))))
    return 0


def images(values: Mapping[str, Any]) -> int:
    """minirun images"""
    if values["action"] not in IMAGE_ACTIONS:
        raise StateError(f"images can't {safe(values['action'])}\n  allowed: {', '.join(IMAGE_ACTIONS)}")
    IMAGE_ACTIONS[values["action"]](values)
    return 0


def diff(values: Mapping[str, Any]) -> int:
    """minirun diff"""
    from ..images.changes import changes, changes_of
    from ..images.changes_tar import write_layer
    from ..images.namespaces import apart, both_ranges

    where, file = changes_of(bundle_of(values)), os.path.abspath(values["tar"] or "")

    def work() -> dict[str, str]:
        if values["tar"]:
            return {"said": f"{write_layer(where, file)}\n"}
        return {"said": "".join(f"{kind} {safe(path)}\n" for kind, path in changes(where))}

    say((apart(work, both_ranges()) if os.geteuid() else work())["said"])
    return 0


def as_bundle(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """What `run` is told, with a bundle of the image in the image's place."""
    from .. import operations
    from ..images.bundle import BundleWishes, make_bundle

    name = operations.checked_id(values["id"] or operations.new_id())
    with opened_store(values) as store:
        path = f"{store.path}/bundles/{name}"
        image = fetched(store, values["target"], values)
        tell_notes(make_bundle(store, image, path, BundleWishes(overlay=True, most=bytes_of(values["most"]))))
    if os.isatty(2):
        tell(f"the bundle is {path}")
    terminal = () if os.isatty(0) and os.isatty(1) else ("/process/terminal=false",)
    return {**values, "target": None, "bundle": path, "id": name, "set": (*terminal, *values["set"])}


def explain_image(values: Mapping[str, Any]) -> int:
    """minirun explain --image"""
    from ..images.provenance import as_json, as_text, explained

    with opened_store(values) as store:
        found = explained(store, fetched(store, values["image"], values), bytes_of(values["most"]))
    if values["format"] == "json":
        say_json(as_json(found))
    elif values["format"] == "text":
        say(as_text(found))
    else:
        raise StateError("an image has no such form\n  allowed: --format text or json")
    return 0


# ---- what they have in common


def opened_store(values: Mapping[str, Any], alone: bool = False) -> Store:
    from ..images.store import Store, default_store

    return Store(os.path.abspath(values["store"] or default_store()), alone)


def fetched(store: Store, word: str, values: Mapping[str, Any]) -> Image:
    from ..images.fetch import fetch
    from ..images.reference import parse_reference

    return fetch(store, parse_reference(word), values["platform"] or "", bytes_of(values["most"]), progress())


def progress() -> Progress:
    """A bar at a terminal; nothing otherwise."""
    from ..images.fetch import silent

    if not os.isatty(2):
        return silent
    from .progress import bar

    return bar


def tell_notes(notes: list[str]) -> None:
    for note in notes:
        tell(f"warning: {note}")


def tell(text: str) -> None:
    put(2, f"minirun: {safe_lines(text)}\n".encode(errors="backslashreplace"))


def bytes_of(word: str) -> int:
    """A size such as 64G."""
    from ..spec.sizes import size

    found = size(word)
    if found is None or found < 0:
        raise StateError(f"{safe(word)!r} is no size\n  allowed: bytes, or with a unit, as 64G")
    return found


def bundle_of(values: Mapping[str, Any]) -> str:
    """Of a container, or a directory."""
    from .. import operations
    from .values import root

    word: str = values["id"]
    if os.path.exists(f"{word}/config.json"):
        return os.path.abspath(word)
    return str(operations.state(root(values), word)["bundle"])


# ---- images ACTION


def list_images(values: Mapping[str, Any]) -> None:
    from ..images.listing import as_table, listing

    with opened_store(values) as store:
        found = listing(store)
    if values["format"] == "json":
        from .. import quick_json

        say_json(quick_json.dumps(found, indent=2) + "\n")
    else:
        say(as_table(found))


def remove_images(values: Mapping[str, Any]) -> None:
    from ..images.tidy import remove_image

    if not values["names"]:
        raise StateError("images remove needs the name of an image\n  allowed: names, as images list shows them")
    with opened_store(values, alone=True) as store:
        for name in values["names"]:
            remove_image(store, name_in_store(name))
        tidy(store, ())


def name_in_store(word: str) -> str:
    from ..images.reference import parse_reference

    return str(parse_reference(word))


def prune_images(values: Mapping[str, Any]) -> None:
    from ..images.tidy import remove_all_images

    if values["names"]:
        raise StateError("images prune takes no names\n  allowed: images remove NAME")
    with opened_store(values, alone=True) as store:
        remove_all_images(store)
        tidy(store, unused_bundles(store, values))


def unused_bundles(store: Store, values: Mapping[str, Any]) -> tuple[str, ...]:
    """Those of `run IMAGE` that no container is made of."""
    from .. import operations
    from .values import root

    used = {os.path.realpath(str(state["bundle"])) for state in operations.containers(root(values))}
    paths = (f"{store.path}/bundles/{name}" for name in os.listdir(f"{store.path}/bundles"))
    return tuple(path for path in paths if os.path.realpath(path) not in used)


def tidy(store: Store, bundles: tuple[str, ...]) -> None:
    """As who may: a user's layers belong to many of the user's ids."""
    from ..images.namespaces import apart, both_ranges
    from ..images.removal import remove_path
    from ..images.tidy import collect

    def work() -> dict[str, int]:
        for path in bundles:
            remove_path(path)
        return {"freed": collect(store)}

    freed = apart(work, both_ranges())["freed"] if os.geteuid() else work()["freed"]
    if sys.stdout.isatty():
        say(f"{freed / 1e6:.1f} MB are free again\n")


IMAGE_ACTIONS = {"list": list_images, "remove": remove_images, "prune": prune_images}
