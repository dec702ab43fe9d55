"""Which units follow which property of a text."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from .numpy_layers import MEMORY
from .state_study import Recording
from .tables import Row, place_of, table
from .text_properties import correlations, properties_of

FEWEST = 500  # steps; over fewer, some unit follows everything by chance


def following_rows(recording: Recording, symbols: Sequence[str]) -> Iterator[Row]:
    """A row for each property of the text and unit: Pearson's r in the first and in the second half of the steps.

    `symbols` (N,) are those of the vocabulary. There is none for fewer than FEWEST steps.
    """
    properties = properties_of(symbols)
    if len(symbols) < FEWEST or not properties:
        return
    numbers, half = np.stack([*properties.values()], axis=1), len(symbols) // 2
    for each in recording.layers:
        for quantity in MEMORY:
            if quantity in each.values:
                values = each.values[quantity].astype(float)
                first, second = (correlations(values[s], numbers[s]) for s in (slice(half), slice(half, None)))
                for p, name in enumerate(properties):
                    for unit in range(values.shape[1]):
                        where: Row = {
                            "layer": each.layer,
                            "direction": each.direction,
                            "quantity": quantity,
                            "unit": unit,
                        }
                        halves = {"first_half": float(first[p, unit]), "second_half": float(second[p, unit])}
                        yield {"property": name, **where, **halves}


def strongest(rows: Sequence[Row]) -> list[Row]:
    """Of each property the row of the unit with the largest |r| in the first half."""
    found: dict[str, Row] = {}
    for row in rows:
        name = str(row["property"])
        if name not in found or abs(float(row["first_half"])) > abs(float(found[name]["first_half"])):
            found[name] = row
    return [*found.values()]


def following_table(rows: Sequence[Row]) -> str:
    """A row for each property: the unit that follows it most in the first half, and its r in the second."""
    heads = ["property", "layer", "quantity", "unit", "r, first half", "r, second half"]
    lines = []
    for row in strongest(rows):
        halves = [f"{float(row[key]):.3f}" for key in ("first_half", "second_half")]
        lines.append([row["property"], place_of(row), row["quantity"], str(row["unit"]), *halves])
    return table(heads, lines, num_texts=1)


def following_metrics(rows: Sequence[Row]) -> Mapping[str, float]:
    """Metric -> r in the second half of the unit that follows a property most in the first."""
    return {f"follows/{row['property']}".replace(" ", "_"): float(row["second_half"]) for row in strongest(rows)}
