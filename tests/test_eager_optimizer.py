"""Optimizers without torch's compiler make the steps that they make with it."""

import subprocess
import sys

import torch

from experiments.training.eager_optimizer import MARKED, without_compiler

# Trains three weights for five updates with each optimizer, the way named by the argument; saved and loaded on the way.
STEPS = """
import sys, torch
from torch.optim.optimizer import register_optimizer_step_post_hook
from experiments.training.eager_optimizer import without_compiler

KINDS = {
    "SGD": {"lr": 0.1, "momentum": 0.9}, "Adam": {"lr": 0.1}, "AdamW": {"lr": 0.1}, "RMSprop": {"lr": 0.1},
    "Adagrad": {"lr": 0.1}, "Adadelta": {"lr": 0.1}, "NAdam": {"lr": 0.1},
}
build = without_compiler if sys.argv[1] == "without" else lambda build: build()
num_steps = []
register_optimizer_step_post_hook(lambda *_: num_steps.append(1))
for kind, options in KINDS.items():
    weights = [torch.linspace(-1, 1, 3, dtype=torch.float64).requires_grad_()]
    new = lambda: build(lambda: getattr(torch.optim, kind)(weights, **options))
    optimizer = new()
    for k in range(5):
        if k == 3:
            stored, optimizer = optimizer.state_dict(), new()
            optimizer.load_state_dict(stored)
        weights[0].grad = weights[0].detach() ** 3 - k
        optimizer.step()
    optimizer.zero_grad()
    print(kind, weights[0].tolist(), weights[0].grad, len(num_steps))
print("compiler:", "torch._dynamo" in sys.modules, file=sys.stderr)
"""


def test_every_optimizer_makes_the_same_steps_with_and_without_the_compiler():
    done = [
        subprocess.run([sys.executable, "-c", STEPS, how], capture_output=True, text=True, check=True)
        for how in ("with", "without")
    ]
    assert done[0].stdout == done[1].stdout
    assert done[0].stdout.count(" None ") == 7
    assert ["compiler: True" in one.stderr for one in done] == [True, False]


def test_an_optimizer_of_ones_own_stays_as_it_is():
    class Own(torch.optim.Optimizer):
        def __init__(self, params):
            super().__init__(params, {"lr": 1.0})

        @torch.no_grad()
        def step(self):
            for weight in self.param_groups[0]["params"]:
                weight -= weight.grad

        def state_dict(self):
            return {"mine": 1}

    before = {name: vars(torch.optim.Optimizer)[name] for name in MARKED}
    weight = torch.ones(2, requires_grad=True)
    optimizer = without_compiler(lambda: Own([weight]))
    weight.grad = torch.ones(2)
    optimizer.step()
    assert weight.tolist() == [0, 0]
    assert optimizer.state_dict() == {"mine": 1}
    assert {name: vars(torch.optim.Optimizer)[name] for name in MARKED} == before
