"""How often gates are saturated: shares of the steps in which they are nearly closed or open.

The shares of each gate's units are those of Karpathy, Johnson and Li, Visualizing and understanding recurrent networks
(2015), whose limits are 0.1 and 0.9.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from .numpy_layers import MEMORY, ONWARD, SIGMOIDS, LayerValues
from .state_study import Recording
from .tables import Row, place_of, table


def bounded_values(each: LayerValues, is_rectified: bool) -> dict[str, np.ndarray]:
    """The quantities of a layer that can be saturated, (N, H): gates, tanh of the memory cell, h of a simple cell."""
    values = each.values
    found = {name: value for name, value in values.items() if name not in MEMORY}
    if "c" in values:
        found["tanh c"] = np.tanh(values["c"])
    return found or ({} if is_rectified else {"h": values["h"]})


def saturation_rows(recording: Recording, saturated: float, is_rectified: bool) -> Iterator[Row]:
    """A row for each layer, direction, quantity and unit: mean, and the shares of the steps in which it is saturated.

    A sigmoid is so below 1 - saturated and above saturated, a tanh below -saturated and above saturated.
    """
    for each in recording.layers:
        for name, values in bounded_values(each, is_rectified).items():
            lowest = 1.0 - saturated if name in SIGMOIDS else -saturated
            below, above = (values < lowest).mean(axis=0), (values > saturated).mean(axis=0)
            for unit, mean in enumerate(values.mean(axis=0).tolist()):
                where: Row = {"layer": each.layer, "direction": each.direction, "quantity": name, "unit": unit}
                yield where | {"mean": mean, "below": float(below[unit]), "above": float(above[unit])}


def saturation_table(rows: Sequence[Row], saturated: float) -> str:
    """A row for each layer, direction and quantity, over all units and steps."""
    heads = ["layer", "quantity", "mean", "limits", "share below", "share above", "units mostly below", "mostly above"]
    lines = []
    for (_, _, name), found in grouped(rows).items():
        mean, below, above = (np.array([float(row[key]) for row in found]) for key in ("mean", "below", "above"))
        lowest = f"{1.0 - saturated:.2g}" if name in SIGMOIDS else f"{-saturated:.2g}"
        shares = [f"{below.mean():.1%}", f"{above.mean():.1%}", *(f"{(s > 0.5).mean():.1%}" for s in (below, above))]
        lines.append([place_of(found[0]), str(name), f"{mean.mean():.3f}", f"{lowest}, {saturated:.2g}", *shares])
    return table(heads, lines, num_texts=2)


def grouped(rows: Sequence[Row]) -> dict[tuple[str | int | float, ...], list[Row]]:
    """Rows by layer, direction and quantity."""
    found: dict[tuple[str | int | float, ...], list[Row]] = {}
    for row in rows:
        found.setdefault((row["layer"], row["direction"], row["quantity"]), []).append(row)
    return found


def saturation_metrics(rows: Sequence[Row]) -> Mapping[str, float]:
    """Metric -> shares over all units of a layer and quantity."""
    found: dict[str, float] = {}
    for (layer, direction, name), group in grouped(rows).items():
        place = f"layer_{layer}" if direction == ONWARD else f"layer_{layer}_{direction}"
        for side in ("below", "above"):
            key = f"saturation/{place}/{name}/{side}".replace(" ", "_")
            found[key] = float(np.mean([float(row[side]) for row in group]))
    return found
