"""What a checkpoint holds of the data it was trained on: enough to use its model without that data."""

from collections.abc import Mapping
from typing import Any

from ..interfaces import vocabularies
from ..interfaces.data import DATA_KINDS, Dataset
from ..interfaces.vocabulary import Vocabulary

OPTIONAL_ID = (int, type(None))
FIELDS: dict[str, type | tuple[type, ...]] = {
    "vocabulary": dict,
    "num_inputs": int,
    "num_outputs": int,
    "labelled": bool,
    "labels": list,
    "sentence_end": OPTIONAL_ID,
    "first_id": OPTIONAL_ID,
}


class StoredDataset(Dataset):
    """A dataset without splits: its vocabulary, and what a model is built from and sampling begins with."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        *,
        num_inputs: int,
        num_outputs: int,
        labelled: bool,
        labels: tuple[str, ...],
        sentence_end: int | None,
        first_id: int | None,
        label_counts: tuple[int, ...] = (),
        **kinds: bool,
    ):
        """`first_id` is the first symbol of the training text, None if it is no text; `kinds` are those of DATA_KINDS.

        `label_counts` are the training targets of each class, () if a checkpoint does not hold them.
        """
        self.vocabulary, self.splits = vocabulary, ()
        self.num_inputs, self.num_outputs = num_inputs, num_outputs
        self.labelled, self.labels, self.label_counts = labelled, labels, label_counts
        self.sentence_end, self.first_id = sentence_end, first_id
        self.kinds = {name: bool(kinds.get(name, False)) for name in DATA_KINDS}
        vars(self).update(self.kinds)

    @classmethod
    def of(cls, dataset: Dataset) -> "StoredDataset":
        """What is to be kept of a dataset."""
        return cls(
            dataset.vocabulary,
            num_inputs=int(dataset.num_inputs),  # a checkpoint holds no numbers of NumPy's
            num_outputs=int(dataset.num_outputs),
            labelled=bool(dataset.labelled),
            labels=tuple(map(str, dataset.labels)),
            sentence_end=None if dataset.sentence_end is None else int(dataset.sentence_end),
            first_id=_first_id(dataset),
            label_counts=tuple(map(int, dataset.label_counts)),
            **{name: getattr(dataset, name, False) for name in DATA_KINDS},
        )

    def state_dict(self) -> dict[str, Any]:
        """Plain containers from which `from_state_dict` makes it again."""
        kept = {name: getattr(self, name) for name in FIELDS} | self.kinds
        lists = {"labels": list(self.labels), "label_counts": list(self.label_counts)}
        return kept | {"vocabulary": self.vocabulary.state_dict(), **lists}

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Any]) -> "StoredDataset":
        """The inverse of `state_dict`. Raises ValueError for anything else."""
        for name, kind in FIELDS.items():
            if name not in state or not isinstance(state[name], kind):
                raise ValueError(f"it holds no {name} of its data")
        try:
            vocabulary = vocabularies.from_state_dict(state["vocabulary"])
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError("its vocabulary cannot be read") from error
        others = {name: state[name] for name in (*FIELDS, *DATA_KINDS) if name in state and name != "vocabulary"}
        counts = state.get("label_counts", [])  # one of an earlier version holds none
        if not isinstance(counts, list) or not all(isinstance(count, int) for count in counts):
            raise ValueError("its label_counts are no numbers of texts")
        others |= {"labels": tuple(map(str, state["labels"])), "label_counts": tuple(counts)}
        return cls(vocabulary, **others)


def _first_id(dataset: Dataset) -> int | None:
    """The id of the first symbol that training reads; None with labels or inputs that are no symbols."""
    if dataset.labelled or dataset.num_inputs != len(dataset.vocabulary):
        return None
    try:
        return int(dataset.windows("train", 1, 1)[0].inputs[0, 0])
    except (ValueError, LookupError):  # a dataset of the user's own may not yield such a window
        return None
