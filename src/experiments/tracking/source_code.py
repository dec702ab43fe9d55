"""The code of the user's own that a config names: a run is not repeated by another version of it."""

import ast
import functools
import hashlib
import inspect
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from importlib.util import resolve_name
from pathlib import Path
from typing import Any

INSTALLED = tuple(Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
MAX_DIFF = 1 << 20  # characters of a diff that are kept


class SourceCode:
    """The files that a class or function of the user's own comes from: its own, and what that imports beside it."""

    def __init__(self, file: Path):
        self.folder = file.parent
        self.files = sorted(_with_imports(file, self.folder))

    @classmethod
    def of(cls, target: Callable[..., Any]) -> "SourceCode | None":
        """The code of this class or function; None for that of this package and of installed ones."""
        try:
            file = inspect.getsourcefile(target)
        except TypeError:  # built in
            return None
        if file is None or target.__module__.partition(".")[0] == "experiments":
            return None
        path = Path(file).resolve()
        return None if _is_installed(path) else cls(path)

    @functools.cached_property
    def digest(self) -> str:
        """16 hexadecimal digits over the files and their names."""
        hashed = hashlib.blake2b(digest_size=8)
        for file in self.files:
            hashed.update(f"{file.relative_to(self.folder)}\0".encode() + file.read_bytes() + b"\0")
        return hashed.hexdigest()


def git_state(folder: Path) -> dict[str, str]:
    """git_commit and git_dirty of the repository that holds a folder, and git_diff, a hash, if it is dirty; else {}.

    git_dirty is "unknown" where git does not answer in time.
    """
    commit, root = _git(folder, "rev-parse", "HEAD"), git_root(folder)
    if commit is None or root is None:
        return {}
    changes = _git(root, "status", "--porcelain")
    if not changes:
        return {"git_commit": commit, "git_dirty": "unknown" if changes is None else "false"}
    digest = hashlib.blake2b(_diff(root).encode(), digest_size=8).hexdigest()
    return {"git_commit": commit, "git_dirty": "true", "git_diff": digest}


def git_root(folder: Path) -> Path | None:
    """The uppermost folder of the repository that holds a folder; None if there is none."""
    root = _git(folder, "rev-parse", "--show-toplevel")
    return None if root is None else Path(root)


def git_diff(root: Path) -> str:
    """What differs from the last commit in a repository, at most MAX_DIFF characters; "" if nothing."""
    return _diff(root)[:MAX_DIFF]


def _diff(root: Path) -> str:
    """The names of new files, of code with a digest so that its versions are told apart, and the changes of others."""
    names = (_git(root, "ls-files", "--others", "--exclude-standard", "-z") or "").split("\0")
    new = [f"new file, not in git: {name}{_version(root / name)}\n" for name in names if name]
    return "".join(new) + (_git(root, "diff", "HEAD") or "")


def _version(file: Path) -> str:
    """A digest of a Python file, as it stands behind its name; other files may be large, and are what runs write."""
    try:
        return f" {hashlib.blake2b(file.read_bytes(), digest_size=8).hexdigest()}" if file.suffix == ".py" else ""
    except OSError:  # a link to nothing
        return ""


def _with_imports(file: Path, folder: Path) -> set[Path]:
    """The file and those below the folder that it imports, directly or by another of them."""
    found, waiting = {file}, [file]
    while waiting:
        for module in _imported(waiting.pop()):
            path = _file_of(module)
            if path is not None and path.is_relative_to(folder) and not _is_installed(path) and path not in found:
                found.add(path)
                waiting.append(path)
    return found


def _imported(file: Path) -> Iterator[str]:
    """The names of the modules that the import statements of a file may mean."""
    name = next((name for name in list(sys.modules) if _file_of(name) == file), "")
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            relative = f"{'.' * node.level}{node.module or ''}"
            module = resolve_name(relative, package) if node.level else relative
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def _file_of(module: str) -> Path | None:
    """The Python file of a module that was imported."""
    origin = getattr(sys.modules.get(module), "__file__", None)
    return _resolved(origin) if isinstance(origin, str) and origin.endswith(".py") else None


@functools.cache  # of thousands of modules, asked for with each run
def _resolved(file: str) -> Path:
    return Path(file).resolve()


def _is_installed(file: Path) -> bool:
    return any(file.is_relative_to(folder) for folder in INSTALLED)


def _git(folder: Path, *arguments: str) -> str | None:
    """What git prints in a folder; None outside a repository or without git."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, errors="replace", timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
