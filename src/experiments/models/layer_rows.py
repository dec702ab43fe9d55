"""The table of a recurrent network's layers."""

from typing import TYPE_CHECKING

from torch import nn

from ..interfaces.model import SummaryRow
from .weights import num_parameters

if TYPE_CHECKING:
    from .network import RecurrentNetwork


def layer_rows(network: "RecurrentNetwork", steps: int | str, batch_size: int) -> list[SummaryRow]:
    """One row per layer: name, output shape (T, B, size), number of parameters; a layer's directions together."""
    input_size, output_steps = network.input_size, 1 if network.labels_only else steps
    kind = "vectors" if network.real_inputs else "one-hot" if network.embedding is None else "embedding"
    rows: list[tuple[str, int | str, int, list[nn.Module | None]]] = [(kind, steps, input_size, [network.embedding])]
    for depth, layer in enumerate(network.layers):
        parts = [layer, *network.reverse_layers[depth : depth + 1]]
        rows.append((f"layers.{depth}", steps, network.widths[depth], parts))
    if network.labels_only:
        rows.append((f"pooling {network.pooling}", 1, network.num_features, []))
    if network.projection is not None:
        rows.append(("projection", steps, input_size, [network.projection]))
    rows.append(("output", output_steps, len(network.output.b), [network.output]))
    return [(name, (T, batch_size, size), sum(map(num_parameters, parts))) for name, T, size, parts in rows]
