"""The view of an experiment that our links open: MLflow's own table begins without any metric.

MLflow's page keeps what "Share" stores as a tag of the experiment, `mlflow.sharedViewState.KEY`, in which it looks for
the parameter `viewStateShareKey=KEY` of its address: columns of the table and sections of charts, as JSON.
"""

import hashlib
import json

COLUMNS = (
    "attributes.`Dataset`",
    "metrics.`best/perplexity`",
    "metrics.`test/perplexity`",
    "metrics.`best/accuracy`",
    "metrics.`best/loss`",
    "metrics.`test/accuracy`",
    "params.`choice.model`",
    "params.`truncation`",
    "params.`model.hidden_size`",
    "params.`choice.optimizer`",
    "params.`optimizer.lr`",
    "params.`batch_size`",
    "params.`dataset.train.tokens`",
    "params.`dataset.types`",
    "params.`dataset.test.unknown_share`",
    "tags.`outcome`",
)
WIDTHS = {"attributes.`Dataset`": 220}  # in pixels
# Of charts, in this order; the page adds others for metrics of theirs. It shows an empty section too, and not all data
# has a validation split: the first one has charts whatever was trained.
SECTIONS = ("best", "valid", "test", "train", "interval")


def view_state() -> dict[str, object]:
    """What the page reads; it fills in what is not given."""
    sections = [{"uuid": name, "name": name, "display": True, "isReordered": False} for name in SECTIONS]
    # isAccordionReordered: else the page sorts the sections by name
    charts = {"compareRunCharts": [], "compareRunSections": sections, "isAccordionReordered": True}
    return {"selectedColumns": COLUMNS, "columnOrder": COLUMNS, "columnWidths": WIDTHS, **charts}


def shared_view() -> str:
    """The value of the tag `VIEW_TAG`."""
    return json.dumps(view_state())


def view_of(experiment_id: str) -> str:
    """The part of the page's address after the server's."""
    return f"/#/experiments/{experiment_id}/runs?workflowType=machine_learning&viewStateShareKey={KEY}"


# Named by its content: a later version adds its own view, and links to this one stay.
KEY = hashlib.blake2b(shared_view().encode(), digest_size=4).hexdigest()
VIEW_TAG = f"mlflow.sharedViewState.{KEY}"
