"""What is measured: every part of `python -m benchmarks` by its name.

A part is a function without arguments that runs its sides and returns a `Result`:

    def cells() -> Result:
        "What was measured: it stands above the table."
        found = {"2x200": alternate({"torch.nn": Side("plain_cell", problem), "ours": Side("ours", problem)}, rounds=3)}
        rows = [[group, label, *times(figures, problem)] for group, sides in found.items() for label, figures in ...]
        return Result.of("Cells", cells.__doc__, ["network", "side", *TIMES], rows, found, peers=("torch.nn",))

`found` has every turn of every side by group; the sides of a group took turns. `python -m benchmarks compare` divides a
side by the "products alone" of its group or, where there are none, by its first side; a group of one side is compared
in its own unit and only on the same machine. `peers` names sides that are not ours. A part may also return
(text, drawn), a Markdown section and what is drawn of it: its table is kept, but it cannot be compared.
"""

from . import networks, runs

PARTS = {
    "torch": networks.torch_networks,
    "precision": runs.precision,
    "evaluation": runs.evaluation,
    "numpy": networks.numpy_networks,
    "loop": runs.loop,
    "tracking": runs.tracking,
    "memory": networks.memory,
    "startup": runs.startup,
    "growth": networks.growth,
    "comparing": runs.comparing,
}
OF_PTB = ("precision", "evaluation")
