"""The runner that prints a model's layers."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..config.checks import at_least
from ..experiment import Experiment
from ..interfaces.model import Model, SummaryRow
from ..training.artifacts import as_table, in_brackets, layer_table, num_parameters
from ..training.text_statistics import description

IN_OTHER_WORDS = """\
every step: Keras with return_sequences=True; in torch the first result of a layer with batch_first=True
last step:  Keras with return_sequences=False; in torch h_n, of all layers and directions, {h_n}"""
TWO_BIASES = "bias=double: two bias vectors per layer, as in torch; model.bias=single: one, as in Keras"


class Summary:
    """Print a row per layer: name, output shape for one window, trainable parameters.

    With `inputs` V no data is read: V symbols, or with model.embedding_size=null vectors of V numbers; without
    `outputs` K the table ends with the recurrent layers. `steps` is T, None for the truncation. With `batch_first` the
    shapes are (B, T, size), and (B, size) of the last step alone.
    Raises ValueError for a size below 1 and for outputs without inputs.
    """

    def __init__(self, *, inputs: int | None, outputs: int | None, steps: int | None, batch_first: bool):
        at_least(1, inputs=inputs, outputs=outputs, steps=steps)
        if outputs is not None and inputs is None:
            raise ValueError(f"outputs={outputs} is for a table without data: give runner.inputs, too")
        self.inputs, self.outputs, self.steps, self.batch_first = inputs, outputs, steps, batch_first
        self.needs_data = inputs is None

    def run(self, experiment: Experiment) -> None:
        settings = experiment.settings
        model, what, data = self._model(experiment)
        steps = self.steps or settings.truncation or "T"
        rows = model.summary(steps, settings.batch_size)
        total = num_parameters(model, rows)
        if self.inputs is not None and self.outputs is None:
            rows = up_to_the_last_layer(rows)
            total = sum(size for *_, size in rows)
        print(f"{experiment.choices['model']} on {what} ({'B, T' if self.batch_first else 'T, B'}, size)")
        print(batch_first_table(rows, steps, total) if self.batch_first else layer_table(rows, total))
        if model.solved_options:
            solved = " ".join(f"model.{option}={value}" for option, value in model.solved_options.items())
            print(f"model.parameters={experiment.model.options['parameters']:.10g} allows {solved}")
        is_stack = not isinstance(experiment.model.options.get("hidden_size"), list)  # one layer of other libraries
        if self.batch_first and is_stack and any(name.startswith("layers.") for name, *_ in rows):
            print(IN_OTHER_WORDS.format(h_n=in_brackets(model.initial_state(settings.batch_size)[0].shape)))
        if self.inputs is not None:
            self._print_alternatives(experiment.model.options)
        elif data:
            print(f"data: {data}")

    def _print_alternatives(self, options: Mapping[str, Any]) -> None:
        """What other options would make of such a network, as other libraries have it."""
        if (size := options.get("embedding_size")) is not None:
            print(f"embedding_size={size}: symbols; model.embedding_size=null: vectors of {self.inputs} numbers")
        if options.get("bias") == "double" and options.get("cell") != "gru":  # of which Keras has two, too
            print(TWO_BIASES)

    def _model(self, experiment: Experiment) -> tuple[Model, str, str]:
        """The model, what it reads, and what that data holds."""
        if self.inputs is None:
            dataset = experiment.build_dataset()
            return experiment.build_model(dataset), experiment.choices["data"], description(dataset)
        options = experiment.model.options
        real_inputs = options.get("embedding_size", 0) is None
        num_outputs = self.outputs or (self.inputs if options.get("tied") else 2)
        sizes = {"num_inputs": self.inputs, "num_outputs": num_outputs}
        what = f"vectors of {self.inputs} numbers" if real_inputs else f"{self.inputs} symbols"
        return experiment.model.build({"real_inputs": real_inputs}, **sizes), what, ""


def up_to_the_last_layer(rows: list[SummaryRow]) -> list[SummaryRow]:
    """The rows without what comes after the recurrent layers; all rows of a model that has no such layers."""
    places = [k for k, (name, *_) in enumerate(rows) if name.startswith("layers.")]
    return rows[: places[-1] + 1] if places else rows


def batch_first_table(rows: Sequence[SummaryRow], steps: int | str, total: int) -> str:
    """A row per layer: name, output shape (B, T, size), that of the last step (B, size), number of parameters.

    An output for a whole sequence has the second shape alone.
    """
    table = [("layer", "every step", "last step", "parameters")]
    for name, (T, B, *size), number in rows:
        every_step = in_brackets((B, T, *size)) if steps == T else ""
        table.append((name, every_step, in_brackets((B, *size)), f"{number:,}"))
    return as_table([*table, ("total", "", "", f"{total:,}")])
