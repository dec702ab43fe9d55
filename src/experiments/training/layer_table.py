"""The layers of a model as a table."""

from ..config.settings import Settings
from ..interfaces.model import Model


def layer_table(model: Model, settings: Settings) -> str:
    """A row per layer for windows of the configured size (name, output shape, parameters), and the total."""
    layers = model.summary(settings.truncation or "T", settings.batch_size)
    rows = [(name, f"({', '.join(str(size) for size in shape)})", f"{number:,}") for name, shape, number in layers]
    total = max(sum(number for _, _, number in layers), sum(parameter.numel() for parameter in model.parameters()))
    rows = [("layer", "output shape", "parameters"), *rows, ("total", "", f"{total:,}")]
    widths = [max(len(row[k]) for row in rows) for k in range(3)]
    return "\n".join(f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}" for a, b, c in rows)
