"""The pages of the public names, from the PUBLIC tables of the packages; mkdocstrings fills them in."""

import importlib

PACKAGES = ("experiments", "interfaces", "models", "data", "training", "tracking", "runners")


def pages() -> dict[str, str]:
    """The Markdown of each page by its path below api/."""
    texts, rows = {}, []
    for name in PACKAGES:
        package = importlib.import_module(full_name(name))
        parts = [f"# {full_name(name)}\n\n{package.__doc__}"]
        parts += [f"::: {package.__name__}.{file}.{public}" for public, file in package.PUBLIC.items()]
        texts[f"{name}.md"] = "\n\n".join(parts) + "\n"
        names = ", ".join(f"`{public}`" for public in package.PUBLIC)
        rows.append(f"| [{full_name(name)}]({name}.md) | {names} |")
    head = "# API\n\nThe public names: what YAML files name in `_target_` and what code of your own imports.\n\n"
    return {"index.md": f"{head}| package | names |\n|---|---|\n" + "\n".join(rows) + "\n", **texts}


def full_name(package: str) -> str:
    return package if package == "experiments" else f"experiments.{package}"
