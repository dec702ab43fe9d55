"""An epoch of the Penn Treebank: `python -m benchmarks.epoch KEY=VALUE ...` prints its seconds and what it reached.

Only the updates are timed, not reading the data and not the validation, which is exact.
"""

import json
import sys
import time

from . import ours  # sets up torch's threads, so it comes first

# isort: split
from experiments.tracking.interruption import Stop
from experiments.training import process_setup
from experiments.training.evaluation import Evaluation
from experiments.training.metrics import Metrics
from experiments.training.tbptt import TruncatedBptt


def measure(arguments: list[str]) -> dict[str, float]:
    """Seconds and CPU seconds of the updates of one epoch, and the metrics of the validation split after it."""
    run = ours.experiment([*arguments, "tracker=memory"])
    settings = run.settings
    process_setup.set_up_process(settings, run.model.target)
    dataset = run.build_dataset()
    model = run.build_model(dataset).train()
    optimizer = run.build_optimizer(model)
    tbptt = TruncatedBptt(model, optimizer, run.device, reduction=settings.reduction, clip_norm=settings.clip_norm)
    windows, metrics = dataset.windows("train", settings.batch_size, settings.truncation, 0), Metrics()
    began, cpu = time.perf_counter(), time.process_time()
    for window in windows:
        tbptt.update([window], metrics, measured=False)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    valid = Evaluation(dataset, settings, run.device, exact=True).score(model, "valid", Stop(lambda: None))
    return {"seconds": seconds, "cpu_seconds": cpu, **valid.compute()}


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1:])))
