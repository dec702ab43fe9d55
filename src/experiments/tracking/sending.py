"""Lines of a run's journal as calls of a store. What the store refuses for good is left out, and said."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..config.errors import first_line
from .backend import Backend, Refused, heartbeat
from .journal import Point

log = logging.getLogger("experiments")


def send_points(backend: Backend, points: Sequence[Point]) -> None:
    """Send points together; if the store refuses them, one by one, so that only what it cannot take is left out."""
    try:
        backend.log_points(list(points))
    except Refused as error:
        if len(points) == 1:
            log.warning("the store refused %s at step %d: %s", points[0].key, points[0].step, first_line(error))
        for point in points if len(points) > 1 else []:
            send_points(backend, [point])


def send_entry(backend: Backend, entry: Mapping[str, Any], folder: Path) -> None:
    """Send a line that is not a point, of the run in this folder; logs a warning if the store refuses it."""
    calls: dict[str, Callable[[Any], None]] = {
        "parameters": lambda texts: backend.log_parameters(_escaped(texts)),
        "tags": lambda texts: backend.set_tags(_escaped(texts)),
        "dataset": lambda texts: backend.log_dataset(_escaped(texts)),
        "status": backend.end,
        "file": lambda name: _send_file(backend, folder, name, backend.upload),
        "model": lambda name: _send_file(backend, folder, name, backend.log_model),
    }
    for kind in (kind for kind in entry if kind in calls):
        try:
            calls[kind](entry[kind])
        except Refused as error:
            log.warning("the store refused %s: %s", kind, first_line(error))


def send_heartbeat(backend: Backend) -> None:
    """Tell the store that the process of the run lives."""
    backend.set_tags(heartbeat())


def _escaped(texts: Mapping[str, str]) -> dict[str, str]:
    """Texts that every store takes: what UTF-8 does not have, as in the name of a file in another encoding, escaped."""
    return {key: text.encode("utf-8", "backslashreplace").decode("utf-8") for key, text in texts.items()}


def _send_file(backend: Backend, folder: Path, name: str, send: Callable[[Path], None]) -> None:
    """Send a file of the run's folder. Refused if that fails, so that the lines after it are still sent."""
    path = folder / name
    if not path.is_file():
        raise Refused(f"{path} does not exist any more")
    if path.name != name or path.is_symlink():  # journals may come from others
        raise Refused(f"{name} is not a file of the run's own folder")
    try:
        send(path)
    except Exception as error:
        send_heartbeat(backend)  # raises if it is the store that cannot be reached
        raise Refused(f"{name}: {first_line(error)}") from error
