"""model.parameters: the largest network of at most so many parameters."""

import re

import pytest
import torch

from ..conftest import values
from .networks import network

BUDGET = 5000
FORMS = [
    {},
    {"num_layers": 3, "bias": "single"},
    {"embedding_size": None},
    {"tied": True, "num_layers": 2},
    {"bidirectional": True, "pooling": "mean_max", "num_layers": 2},
    {"num_outputs": 2, "output": "logistic", "pooling": "max"},
    {"embedding_frozen": True},
]


def size_of(model) -> int:
    return sum(weight.numel() for weight in model.parameters())


def of_budget(kind, budget, **options):
    return network(kind, hidden_size=None, parameters=float(budget), **options)


@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("cell", ["tanh", "relu", "lstm", "gru"])
def test_it_is_the_largest_network_within_the_budget_and_the_one_of_this_hidden_size(kind, cell, form):
    model = of_budget(kind, BUDGET, cell=cell, **form)
    width = {"embedding_size": model.hidden_size} if "tied" in form else {}
    assert model.solved_options == {"hidden_size": model.hidden_size, **width}
    same = network(kind, cell=cell, **form | width, hidden_size=model.hidden_size)
    assert {name: weight.tolist() for name, weight in model.named_parameters()} == {
        name: weight.tolist() for name, weight in same.named_parameters()
    }
    wider = {name: size + 1 for name, size in model.solved_options.items()}
    larger = network(kind, cell=cell, **form | wider)
    assert size_of(model) <= BUDGET < size_of(larger)


@pytest.mark.parametrize("options", [{"output": "adaptive", "cutoffs": [2]}, {"output": "sampled"}])
def test_cheaper_outputs_are_counted_too(options):
    model = of_budget("torch", BUDGET, **options)
    larger = network("torch", hidden_size=model.hidden_size + 1, **options)
    assert size_of(model) <= BUDGET < size_of(larger)


def test_a_budget_is_met_exactly_where_a_hidden_size_has_this_number():
    for hidden_size in (1, 2, 3, 17, 100, 431):
        number = size_of(network("torch", hidden_size=hidden_size))
        assert of_budget("torch", number).hidden_size == hidden_size
        assert of_budget("torch", number + 1).hidden_size == hidden_size
        if hidden_size > 1:
            assert of_budget("torch", number - 1).hidden_size == hidden_size - 1


def test_one_that_is_too_small_is_refused_with_the_smallest_that_works():
    with pytest.raises(ValueError, match="parameters=20 is too small for this network") as found:
        of_budget("torch", 20)
    least = int(re.search(r"model\.parameters=(\d+) or more", str(found.value))[1])
    assert of_budget("torch", least).hidden_size == 1
    with pytest.raises(ValueError, match=f"{least} or more"):
        of_budget("torch", least - 1)


@pytest.mark.parametrize(("size", "budget"), [(None, None), (6, 1000.0)])
def test_one_of_size_and_budget_is_needed(size, budget):
    with pytest.raises(ValueError, match=r"give model\.(hidden_size|parameters)="):
        network("torch", hidden_size=size, parameters=budget)


SMALL = ("epochs=1", "threads=1", "truncation=5", "model.embedding_size=4", "model.parameters=2e3")


@pytest.mark.parametrize("model", ["torch_rnn", "numpy_lstm"])
def test_a_run_says_and_records_what_was_solved(train, command, model):
    run = train(*SMALL, f"model={model}")
    solved = run.parameters["model.hidden_size"]
    assert run.parameters["model.parameters"] == "2000.0"
    size = f"hidden_size={solved}, {int(run.tags['num_parameters']):,} parameters"
    assert size in (run.folder / "run.log").read_text()
    summary = command(*SMALL, f"model={model}", "runner=summary").out
    assert f"model.parameters=2000 allows model.hidden_size={solved}\n" in summary
    assert f"total {int(run.tags['num_parameters']):,}" in re.sub(" +", " ", summary)
    plain = train(*SMALL, f"model={model}", "model.parameters=null", f"model.hidden_size={solved}")
    assert values(run, "train/loss") == values(plain, "train/loss")
    assert run.tags["identity"] != plain.tags["identity"]


def test_a_checkpoint_is_read_with_its_size_and_a_default_is_no_part_of_an_identity(train, command, tmp_path):
    run = train(*SMALL)
    again = command("runner=evaluate", f"checkpoint={run.name}", "runner.split=train", "tracker=memory")
    assert again.code == 0, again.error
    (tmp_path / "my" / "recipe").mkdir(parents=True)
    sized = "# @package _global_\n# Another size\nmodel: {hidden_size: 7}\n"
    (tmp_path / "my" / "recipe" / "sized.yaml").write_text(sized)
    other = train("--config-dir", "my", "recipe=sized", *SMALL)
    assert other.tags["identity"] == run.tags["identity"]


@pytest.mark.parametrize(
    ("typed", "part"),
    [
        ("model.hidden_size=8 model.parameters=2e3", "hidden_size=8 and parameters=2000 both say how large"),
        ("model.parameters=10", "parameters=10 is too small"),
        (
            "model.tied=true model.parameters=2e4 model.embedding_size=9",
            "embedding_size=9 cannot choose its width",
        ),
        ("model.hidden_size=null", "give model.hidden_size=100 or model.parameters=1e6"),
        ("num_params=1e6", "did you mean model.parameters?"),
    ],
)
def test_mistakes_are_answered_with_what_to_type(command, typed, part):
    outcome = command(*typed.split(), "tracker=memory")
    assert outcome.code == 1
    assert part in outcome.error
    assert outcome.error.count("\n") == 1


def test_without_memory_it_is_solved_too():
    with torch.device("meta"):
        assert of_budget("torch", 5e6).hidden_size > 900


def test_its_layers_are_taken_over_by_their_size(train, command):
    run = train(*SMALL)
    solved = run.parameters["model.hidden_size"]
    taking = (*SMALL[:-1], f"model.layers_from={run.name}")
    outcome = command(*taking, "model.parameters=1e4", "tracker=memory")
    assert f"give model.hidden_size={solved} model.parameters=null" in outcome.error
    train(*taking, f"model.hidden_size={solved}")
