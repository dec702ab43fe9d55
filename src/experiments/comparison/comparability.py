"""Whether perplexities of runs can be compared: only over the same symbols, with the same share of unknown."""

from collections.abc import Sequence

from ..tracking.record import RunRecord
from .measures import criterion_of

TYPES, VOCABULARY = "dataset.types", "dataset.vocabulary"  # tags of a run, see training/text_statistics.py


def unknown_share(run: RunRecord, split: str = "test") -> float | None:
    """The share of a split's tokens that are unknown; None if the run did not record it."""
    text = run.tags.get(f"dataset.{split}.unknown_share")
    return None if text is None else float(text)


def note(runs: Sequence[RunRecord]) -> str | None:
    """One sentence if these language models differ in their vocabulary or their share of unknown, else None."""
    if criterion_of(runs).metric == "accuracy":  # labels are the same whatever the words are
        return None
    sizes = {run.tags[VOCABULARY]: int(run.tags[TYPES]) for run in runs if {VOCABULARY, TYPES} <= run.tags.keys()}
    split = next((s for s in ("test", "valid", "train") if any(unknown_share(run, s) is not None for run in runs)), "")
    shares = sorted({share for run in runs if (share := unknown_share(run, split)) is not None})
    differences = []
    if len(sizes) > 1:
        listed = listing([f"{size:,}" for size in sorted(set(sizes.values()))])
        differences.append(f"vocabulary ({listed} types)")
    if len(shares) > 1:
        differences.append(f"share of unknown ({listing([f'{share:.2%}' for share in shares])} of {split})")
    if not differences:
        return None
    flatters = "; it favours a row with more unknown symbols, as these are not spelt out" if any(shares) else ""
    return (
        f"these rows differ in {' and in '.join(differences)}, so their losses and perplexities cannot be compared; "
        f"test/bits_per_character can, where the text is the same{flatters}"
    )


def listing(texts: Sequence[str]) -> str:
    """Some values in a sentence: all, or of more than four the first and the last."""
    if len(texts) > 4:
        return f"{len(texts)} from {texts[0]} to {texts[-1]}"
    return " and ".join(filter(None, (", ".join(texts[:-1]), texts[-1])))
