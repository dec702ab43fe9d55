"""Models that read the last symbols only: which symbols these are, and what is made of them."""

import pytest
import torch

from experiments.models.baselines.context import contexts, no_context
from experiments.models.baselines.context_network import ContextNetwork

SYMBOLS = 7
OPTIONS = {"combine": "mean", "context_size": 3, "embedding_size": 4, "hidden_size": None, "dropout": 0.0}
OPTIONS |= {"embedding_from": None, "embedding_std": None, "embedding_frozen": False}


def network(**options) -> ContextNetwork:
    torch.manual_seed(0)
    return ContextNetwork(SYMBOLS, SYMBOLS, **{**OPTIONS, **options}).double()


def padded_inputs(steps: int) -> torch.Tensor:
    """Random symbols (T, 5): a full column, padding before, after and on both sides, and padding alone."""
    inputs = torch.randint(SYMBOLS, (steps, 5), generator=torch.Generator().manual_seed(1))
    inputs[: steps // 2, 1] = inputs[-2:, 2] = inputs[:2, 3] = inputs[-1:, 3] = inputs[:, 4] = -1
    return inputs


def contexts_by_loop(inputs, state):
    """The same for one column after the other, step by step, on lists."""
    size, columns, after = len(state), [], []
    for column, before in zip(inputs.T.tolist(), state.T.tolist()):
        rows = []
        for symbol in column:
            before = before if symbol == -1 else [*before, symbol][len(before) + 1 - size :]
            rows.append(before)
        columns.append(rows)
        after.append(before)
    T, B = inputs.shape
    return torch.tensor(columns).long().view(B, T, size).transpose(0, 1), torch.tensor(after).long().view(B, size).T


@pytest.mark.parametrize("size", [0, 1, 3, 11])
def test_contexts_are_those_of_a_loop_over_steps(size):
    state = no_context(size, 5, torch.device("cpu"))
    for inputs in padded_inputs(12).split(5):  # the state is carried, the last window is short
        context, after = contexts(inputs, state)
        expected, expected_after = contexts_by_loop(inputs, state)
        assert torch.equal(context, expected)
        assert torch.equal(after, expected_after)
        state = after


@pytest.mark.parametrize("combine", ["mean", "concatenate"])
@pytest.mark.parametrize("hidden_size", [None, 5])
def test_only_the_last_symbols_change_a_prediction(combine, hidden_size):
    model = network(combine=combine, hidden_size=hidden_size)
    inputs = padded_inputs(8)[:, :1]
    other = inputs.clone()
    other[4] = (other[4] + 1) % SYMBOLS
    one, two = (model.predict(x, model.initial_state(1))[0] for x in (inputs, other))
    differs = (one - two).abs().amax(dim=(1, 2)) > 1e-9
    assert differs.tolist() == [False] * 4 + [True] * 3 + [False]


@pytest.mark.parametrize(("combine", "blind"), [("mean", True), ("concatenate", False)])
def test_the_bag_of_words_is_blind_to_order_and_the_feedforward_network_is_not(combine, blind):
    model = network(combine=combine, hidden_size=5)
    there, back = torch.tensor([[1], [2], [3]]), torch.tensor([[3], [2], [1]])
    one, two = (model.predict(x, model.initial_state(1))[0][-1] for x in (there, back))
    assert torch.allclose(one, two, atol=1e-12) is blind


def test_the_mean_is_over_the_symbols_that_are_there():
    model = network()
    W = model.embedding.weight
    means = model.combined(torch.tensor([[[-1, -1, -1], [-1, -1, 2], [-1, 2, 5], [1, 2, 5]]]))
    expected = torch.stack([torch.zeros(4), W[2], (W[2] + W[5]) / 2, (W[1] + W[2] + W[5]) / 3])
    assert torch.allclose(means[0], expected, atol=1e-14)


def test_concatenation_is_oldest_first_with_zeros_for_what_is_missing():
    model = network(combine="concatenate")
    W = model.embedding.weight
    joined = model.combined(torch.tensor([[[-1, 2, 5]]]))
    assert torch.equal(joined[0, 0], torch.cat([torch.zeros(4), W[2], W[5]]))


@pytest.mark.parametrize("combine", ["mean", "concatenate"])
@pytest.mark.parametrize("hidden_size", [None, 5])
def test_gradients_are_those_of_finite_differences(combine, hidden_size):
    model = network(combine=combine, hidden_size=hidden_size)
    inputs, targets = padded_inputs(6), padded_inputs(6).roll(1, 0)
    targets[targets < 0] = -100
    names, values = zip(*model.named_parameters())

    def loss(*parameters):
        arguments = (inputs, targets, model.initial_state(5))
        return torch.func.functional_call(model, dict(zip(names, parameters)), arguments)[0].loss

    assert torch.autograd.gradcheck(loss, values)


def test_dropout_acts_in_training_only_and_keeps_the_mean():
    model, inputs = network(embedding_size=1000, dropout=0.5), torch.tensor([[1]])
    model.output = torch.nn.Linear(1000, 2).double()
    torch.nn.init.ones_(model.embedding.weight)
    torch.nn.init.constant_(model.output.weight, 1e-3)
    torch.nn.init.zeros_(model.output.bias)
    trained = model.output(model.features(inputs, model.initial_state(1))[0])[0, 0, 0].item()
    used = model.eval().output(model.features(inputs, model.initial_state(1))[0])[0, 0, 0].item()
    assert used == pytest.approx(1.0)
    assert trained != used
    assert trained == pytest.approx(1.0, abs=0.15)


def test_the_summary_counts_every_parameter():
    model = network(combine="concatenate", hidden_size=5)
    rows = model.summary("T", 20)
    assert rows == [
        ("embedding", ("T", 20, 3, 4), 28),
        ("concatenate", ("T", 20, 12), 0),
        ("hidden", ("T", 20, 5), 65),
        ("output", ("T", 20, 7), 42),
    ]
    assert sum(number for *_, number in rows) == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"context_size": 0}, "context_size must be at least 1, got 0"),
        ({"embedding_size": -1}, "embedding_size must be at least 1, got -1"),
        ({"hidden_size": 0}, "hidden_size must be at least 1, got 0"),
        ({"dropout": 1.0}, "dropout must be a probability from 0 to below 1, got 1.0"),
    ],
)
def test_impossible_options_are_refused(options, part):
    with pytest.raises(ValueError, match=part):
        network(**options)
