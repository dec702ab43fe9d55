"""Optimizers without torch's compiler, which the first optimizer of a process imports: a second and 74 MB.

Torch marks methods of its optimizers with what the compiler has to know of them, and the marks import it. They mean
nothing unless such a method is compiled, and nothing is compiled here.
"""

import sys
import types
from collections.abc import Callable
from typing import Any

import torch
from torch.optim import Optimizer

COMPILER = "torch._dynamo"
MARKED = ("add_param_group", "load_state_dict", "state_dict", "zero_grad")  # methods of every optimizer


def without_compiler(build: Callable[[], Optimizer]) -> Optimizer:
    """What `build` builds, the same but for the marks; as it is where the program has imported the compiler itself.

    The classes stay as they are: a program that compiles a step of its own later finds the marks there. A method that
    torch does not mark, or one of a class of the user's own, stays as it is, too.
    """
    if COMPILER in sys.modules:
        return build()
    marked = {name: vars(Optimizer)[name] for name in MARKED}
    plain = {name: getattr(method, "__wrapped__", method) for name, method in marked.items()}
    try:
        for name in MARKED:  # the constructor calls one of them
            setattr(Optimizer, name, plain[name])
        optimizer = build()
    finally:
        for name in MARKED:
            setattr(Optimizer, name, marked[name])
    own: dict[str, Any] = {name: plain[name] for name in MARKED if getattr(type(optimizer), name) is marked[name]}
    if (step := _unmarked_step(optimizer)) is not None:
        own["step"] = step
    for name, method in own.items():
        setattr(optimizer, name, types.MethodType(method, optimizer))
    return optimizer


def _unmarked_step(optimizer: Optimizer) -> Callable[..., Any] | None:
    """The step of its class with its hooks and without its mark; None if torch has not marked it."""
    step: Any = type(optimizer).step
    marked = getattr(step, "__wrapped__", step)  # under the hooks, which the constructor added
    if marked.__code__.co_name != "_use_grad" or optimizer.defaults["differentiable"]:
        return None
    return Optimizer.profile_hook_step(torch.no_grad()(marked.__wrapped__))
