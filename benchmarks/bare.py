"""The updates of `whole` without the loop around them: tensors that are there, score, backward, step."""

from collections.abc import Iterator

from . import whole  # sets up torch's threads, so it comes first

# isort: split
from experiments.training import process_setup
from experiments.training.gradients import Gradients

from .problem import Problem


def updates(problem: Problem) -> Iterator[None]:
    """The same updates of the same network: as many epochs of `problem.updates`."""
    with whole.prepared(problem) as run:
        yield None
        process_setup.set_up_process(run.settings, run.model.target)
        dataset = run.build_dataset()
        model = run.build_model(dataset).train()
        gradients = Gradients(model, run.build_optimizer(model), run.settings.clip_norm)
        windows = dataset.windows("train", problem.batch, problem.truncation, 0)
        steps = [(*run.device.tensors(window), window.count) for window in windows]
        for _ in range(whole.EPOCHS):
            state = model.initial_state(problem.batch)
            for inputs, targets, count in steps:
                score, state = model(inputs, targets, state)
                score.loss.backward()
                gradients.step(count, measured=False)
                state = tuple(part.detach() for part in state)
                yield None
