"""The structure of the package, read from its import statements.

`python -m tests.structure [CHECKOUT]` prints rooms, arrows and circles, what a default run imports, and what one has to
open to follow one training step; `python -m tests.structure --mermaid` prints the graph of docs/architecture.md.

A *room* is a folder directly below src/experiments, a file there, or the Hydra plugins. An *arrow* is one importing the
other, in a function too; imports under `if TYPE_CHECKING` are counted apart. A *circle* is a set of files, or rooms,
each of which can be reached from each other one.
"""

import ast
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
Graph = dict[str, set[str]]

# Runs in a process of its own; prints the files that were imported, those executed from one optimizer step to the next,
# and those executed within the update alone, from its caller to the optimizer step.
OBSERVE = """
import json, sys
from torch.optim.optimizer import register_optimizer_step_post_hook
from experiments import cli

num_steps, step, update = 0, set(), set()

def on_call(frame, event, argument):
    if event == "call":
        step.add(frame.f_code.co_filename)
        if frame.f_code.co_name == "update" and frame.f_code.co_filename.endswith("tbptt.py"):
            update.add(frame.f_back.f_code.co_filename)
        if update:
            update.add(frame.f_code.co_filename)

def on_step(*ignored):
    global num_steps
    num_steps += 1
    sys.setprofile(on_call if num_steps == 3 else None)  # the first one is the dry run's

register_optimizer_step_post_hook(on_step)
sys.argv = ["experiments", *sys.argv[1:]]
cli.main()
assert num_steps > 3 and update, "no update between two optimizer steps"
imported = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
found = {"imported": list(filter(None, imported)), "step": list(step), "update": list(update)}
print("\\n" + json.dumps(found))
"""
TEXT = "".join(map(chr, range(200, 400))) * 60  # so many symbols that the torch network takes its fused output layer


@dataclasses.dataclass(frozen=True)
class Structure:
    """The modules of a checkout and what each of them imports: its own modules, or top-level names of libraries."""

    paths: dict[str, Path]
    imports: Graph
    typing_imports: Graph  # only under `if TYPE_CHECKING`

    @property
    def files(self) -> Graph:
        """Arrows between the package's files."""
        return {name: {other for other in found if other in self.paths} for name, found in self.imports.items()}

    @property
    def rooms(self) -> Graph:
        """Arrows between rooms."""
        return by_room(self.files)

    def libraries(self, name: str) -> set[str]:
        """Top-level names that a file itself imports from outside the package."""
        return {other for other in self.imports[name] if other not in self.paths}

    def reaching(self, library: str) -> set[str]:
        """Files that import the library, themselves or through other files of the package."""
        direct = {name for name in self.paths if library in self.libraries(name)}
        return {name for name in self.paths if reachable(self.files, name) & direct or name in direct}

    def num_lines(self, names: Iterator[str] | set[str]) -> int:
        return sum(len(self.paths[name].read_text().splitlines()) for name in names)


def read_structure(checkout: Path = ROOT) -> Structure:
    """Parse every file of src/experiments and src/hydra_plugins."""
    source = checkout / "src"
    paths = {module_name(path, source): path for path in sorted(source.rglob("*.py"))}
    trees = {name: ast.parse(path.read_text()) for name, path in paths.items()}
    public = {name: public_names(tree) for name, tree in trees.items() if paths[name].stem == "__init__"}
    imports, typing_imports = {}, {}
    for name, tree in trees.items():
        package = name if paths[name].stem == "__init__" else name.rpartition(".")[0]
        guarded = {id(node) for block in typing_blocks(tree) for node in ast.walk(block)}
        nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        runtime = {found for node in nodes if id(node) not in guarded for found in modules_of(node, package)}
        typing = {found for node in nodes if id(node) in guarded for found in modules_of(node, package)}
        imports[name] = {resolve(found, paths, public) for found in runtime} - {name}
        typing_imports[name] = {resolve(found, paths, public) for found in typing} - {name} - imports[name]
    return Structure(paths, imports, typing_imports)


def module_name(path: Path, source: Path) -> str:
    parts = path.relative_to(source).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def public_names(tree: ast.Module) -> dict[str, str]:
    """The table PUBLIC of a package: name -> the module below it that defines it, imported on first use."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "PUBLIC" for t in node.targets):
            return ast.literal_eval(node.value)
    return {}


def typing_blocks(tree: ast.Module) -> Iterator[ast.stmt]:
    """The statements under `if TYPE_CHECKING:`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from node.body


def modules_of(node: ast.Import | ast.ImportFrom, package: str) -> set[str]:
    """The dotted names, absolute, that an import statement in this package asks for."""
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    base = package.split(".")[: package.count(".") + 2 - node.level] if node.level else []
    return {".".join([*base, *filter(None, [node.module]), alias.name]) for alias in node.names}


def resolve(name: str, paths: Mapping[str, Path], public: Mapping[str, Mapping[str, str]]) -> str:
    """A dotted name -> the module of ours that defines it, or a library's top-level name."""
    package, _, attribute = name.rpartition(".")
    if name in paths:
        return name
    if attribute in public.get(package, {}):
        return f"{package}.{public[package][attribute]}"
    return package if package in paths else name.partition(".")[0]


def room(name: str) -> str:
    parts = name.split(".")
    return parts[1] if parts[0] == "experiments" and len(parts) > 1 else parts[0]


def by_room(graph: Graph) -> Graph:
    rooms: Graph = {room(name): set() for name in graph}
    for name, found in graph.items():
        rooms[room(name)] |= {room(other) for other in found} - {room(name)}
    return rooms


def reachable(graph: Graph, start: str) -> set[str]:
    """Every node that a path of at least one arrow leads to."""
    seen: set[str] = set()
    ahead = list(graph[start])
    while ahead:
        if (node := ahead.pop()) not in seen:
            seen.add(node)
            ahead += graph[node]
    return seen


def circles(graph: Graph) -> list[list[str]]:
    """Sets of nodes each of which can be reached from each other one, the largest first."""
    ahead = {node: reachable(graph, node) for node in graph}
    found = {tuple(sorted(b for b in ahead[a] if a in ahead[b])) for a in graph if a in ahead[a]}
    return [list(circle) for circle in sorted(found, key=len, reverse=True)]


class Observed(NamedTuple):
    """Modules of one training run."""

    imported: set[str]
    step: set[str]  # executed from one optimizer step to the next: reading a window, update, metrics, progress
    update: set[str]  # executed from the call of the update to the optimizer step, and the caller


def observe(structure: Structure, checkout: Path, *overrides: str) -> Observed:
    """Train for an epoch on the embedded string, or on TEXT where `data=characters` is given."""
    by_path = {str(path): name for name, path in structure.paths.items()}
    environment = {**os.environ, "PYTHONPATH": str(checkout / "src")}
    command = [sys.executable, "-c", OBSERVE, "tracker=memory", "epochs=1", "truncation=5", "threads=1", *overrides]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "text.txt").write_text(TEXT, encoding="utf-8")
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    seen = json.loads(done.stdout.splitlines()[-1])
    return Observed(*({by_path[path] for path in seen[key] if path in by_path} for key in Observed._fields))


def observe_update(structure: Structure, checkout: Path, kind: str) -> Observed:
    """A training of the "torch" or "numpy" LSTM over 200 symbols."""
    data = ["data=characters", "data.path=text.txt", "batch_size=20", "truncation=20"]
    return observe(structure, checkout, f"model={kind}_lstm", *data)


def mermaid(rooms: Graph) -> str:
    """The graph of rooms without arrows that others imply, in Mermaid's notation."""
    lines = ["flowchart LR"]
    for name in sorted(rooms):
        implied = set().union(*(reachable(rooms, other) for other in rooms[name]))
        lines += [f"    {name} --> {other}" for other in sorted(rooms[name] - implied)]
    return "\n".join(lines)


def num_arrows(graph: Graph) -> int:
    return sum(map(len, graph.values()))


def describe(checkout: Path) -> None:
    """Print everything."""
    structure = read_structure(checkout)
    files, rooms = structure.files, structure.rooms
    for name in sorted(rooms):
        inside = [path for path in files if room(path) == name]
        size = f"{len(inside):3} files {structure.num_lines(inside):6,} lines"
        print(f"{name:15} {size}  -> {' '.join(sorted(rooms[name]))}")
    total = structure.num_lines(files)
    print(f"\nrooms: {len(rooms)}, {num_arrows(rooms)} arrows, {len(circles(rooms))} circles")
    print(f"files: {len(files)} ({total:,} lines), {num_arrows(files)} arrows, {len(circles(files))} circles")
    only_typing = {name: found & structure.paths.keys() for name, found in structure.typing_imports.items()}
    print(f"arrows for type checkers only: {num_arrows(only_typing)} between files")
    for circle in [*circles(rooms), *circles(files)]:
        print(f"circle: {' '.join(circle)}")
    imported = observe(structure, checkout).imported
    print(f"\na default run imports {len(imported)} files, {structure.num_lines(imported):,} lines")
    for kind in ("torch", "numpy"):
        observed = observe_update(structure, checkout, kind)
        step, update = structure.num_lines(observed.step), structure.num_lines(observed.update)
        print(f"one update, {kind}: {len(observed.update)} files, {update:,} lines", end="")
        print(f" (with windows, schedule and progress: {len(observed.step)} files, {step:,} lines)")
        for path in sorted(structure.paths[name].relative_to(checkout / "src") for name in observed.update):
            print(f"    {path}")


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if "--mermaid" in arguments:
        print(mermaid(read_structure().rooms))
    else:
        describe(Path(arguments[0]).resolve() if arguments else ROOT)
