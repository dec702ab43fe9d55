"""What a model is made of."""


class Summary:
    """Print a row per layer: name, output shape for one window, trainable parameters."""

    def run(self, experiment) -> None:
        dataset = experiment.build_dataset()
        model = experiment.build_model(dataset)
        steps = experiment.settings.truncation or "T"
        rows = [
            (name, f"({', '.join(str(size) for size in shape)})", f"{number:,}")
            for name, shape, number in layer_rows(model, steps, experiment.settings.batch_size)
        ]
        total = sum(parameter.numel() for parameter in model.parameters())
        rows = [("layer", "output shape", "parameters"), *rows, ("total", "", f"{total:,}")]
        widths = [max(len(row[k]) for row in rows) for k in range(3)]
        print(f"{experiment.choices['model']} on {experiment.choices['data']} (T, B, size)")
        for name, shape, number in rows:
            print(f"{name:<{widths[0]}}  {shape:<{widths[1]}}  {number:>{widths[2]}}")


def layer_rows(model, steps, batch_size) -> list[tuple[str, tuple, int]]:
    """The model's own summary, or for a model without one its direct parts."""
    if hasattr(model, "summary"):
        return model.summary(steps, batch_size)
    parts = [(name, sum(p.numel() for p in part.parameters())) for name, part in model.named_children()]
    return [(name, (steps, batch_size, "?"), number) for name, number in parts]
