"""What a model is made of, as a table."""


def layer_table(model, settings) -> str:
    """The rows of a model for windows of this experiment's size, and their total."""
    layers = layer_rows(model, settings.truncation or "T", settings.batch_size)
    rows = [(name, f"({', '.join(str(size) for size in shape)})", f"{number:,}") for name, shape, number in layers]
    total = max(sum(number for _, _, number in layers), sum(parameter.numel() for parameter in model.parameters()))
    rows = [("layer", "output shape", "parameters"), *rows, ("total", "", f"{total:,}")]
    widths = [max(len(row[k]) for row in rows) for k in range(3)]
    return "\n".join(f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}" for a, b, c in rows)


def layer_rows(model, steps, batch_size) -> list[tuple[str, tuple, int]]:
    """The model's own summary, or for a model without one its direct parts."""
    if hasattr(model, "summary"):
        return model.summary(steps, batch_size)
    parts = [(name, sum(p.numel() for p in part.parameters())) for name, part in model.named_children()]
    return [(name, (steps, batch_size, "?"), number) for name, number in parts]
