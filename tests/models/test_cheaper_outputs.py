"""Adaptive and sampled softmax: exact probabilities in evaluation, gradients against independent computations."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from experiments.interfaces.data import IGNORE
from experiments.models.torch import sampled_softmax
from experiments.models.torch.adaptive_softmax import ranks_of
from tests.models.networks import SYMBOLS, network, window

K, ROWS, WIDTH = 9, 6, 4
COUNTS = torch.tensor([3, 40, 0, 7, 12])


def trained(output, **options):
    """A float64 network that knows how often each symbol occurs."""
    model = network("torch", output=output, **options)
    model.count_symbols(COUNTS)
    return model


def tensors():
    """Features (n, F), W (K, F), b (K), float64, that want gradients; targets (n,)."""
    generator = torch.Generator().manual_seed(0)
    shapes = ((ROWS, WIDTH), (K, WIDTH), (K,))
    weights = [torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_() for shape in shapes]
    return weights, torch.randint(K, (ROWS,), generator=generator)


def by_hand(weights, targets, drawn, inclusion):
    """The sampled loss row by row: -log of the target's share of sum exp(z_j) / pi_j over target and sample."""
    z = F.linear(*weights)
    losses = []
    for row, target in zip(z, targets.tolist()):
        classes = sorted({target, *drawn.tolist()})
        corrected = row[classes] - inclusion[classes].log()
        losses.append(-corrected.log_softmax(0)[classes.index(target)])
    return torch.stack(losses).sum()


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("drawn", [[], [0, 3, 4], range(K)])
def test_the_sampled_loss_and_its_gradient_are_those_of_the_definition(drawn, sparse):
    weights, targets = tensors()
    drawn, inclusion = torch.tensor([*drawn], dtype=torch.int64), torch.linspace(0.1, 1.0, K, dtype=torch.float64)
    loss = sampled_softmax.sampled_loss(*weights, targets, drawn, inclusion.log(), sparse)
    expected = by_hand(weights, targets, drawn, inclusion)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-13)
    for mine, theirs in zip(torch.autograd.grad(loss, weights), torch.autograd.grad(expected, weights)):
        mine = mine.to_dense() if mine.is_sparse else mine
        torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-14)


def test_gradients_of_the_sampled_loss_pass_a_numerical_check():
    weights, targets = tensors()
    drawn, log_inclusion = torch.tensor([1, 2, 7]), torch.full((K,), 0.3, dtype=torch.float64).log()
    assert torch.autograd.gradcheck(
        lambda *w: sampled_softmax.sampled_loss(*w, targets, drawn, log_inclusion, False), weights
    )


def test_with_all_classes_the_sampled_gradient_is_that_of_the_full_softmax():
    inputs, targets = window(4, 3)
    gradients = {}
    for output in ("softmax", "sampled"):
        model = network("torch", output=output, num_samples=SYMBOLS)
        model.count_symbols(COUNTS)
        score, _ = model.learn(inputs, targets, model.initial_state(3))
        gradients[output] = [score.loss.item(), *(p.grad for p in model.parameters())]
    (loss, *full), (sampled_loss, *sampled) = gradients.values()
    assert sampled_loss == pytest.approx(loss, rel=1e-13)
    for mine, theirs in zip(sampled, full):
        torch.testing.assert_close(mine, theirs, rtol=1e-11, atol=1e-14)


def test_classes_are_drawn_as_often_as_is_said():
    counts = torch.tensor([1000, 500, 20, 10, 5, 1, 0])
    inclusion = sampled_softmax.inclusion_probabilities(counts, 4)
    assert inclusion.sum().item() == pytest.approx(4.0, rel=1e-12)
    assert inclusion.max() == 1.0
    below = inclusion < 1.0
    ratios = inclusion[below] / counts.clamp(min=1)[below]
    assert ratios.max().item() == pytest.approx(ratios.min().item(), rel=1e-12)
    torch.manual_seed(0)
    drawn = torch.stack([torch.zeros(7).index_fill(0, sampled_softmax.draw(inclusion), 1.0) for _ in range(4000)])
    np.testing.assert_allclose(drawn.mean(dim=0), inclusion, atol=4 * 0.5 / 4000**0.5)


@pytest.mark.parametrize("num_samples", [7, 100])
def test_as_many_samples_as_classes_are_all_classes(num_samples):
    assert (sampled_softmax.inclusion_probabilities(torch.arange(7), num_samples) == 1.0).all()


def test_expected_sampled_losses_are_least_at_the_full_distribution():
    """Over all samples (2**K of them), the gradient with respect to logits log p + constant is zero."""
    p = torch.tensor([0.5, 0.3, 0.15, 0.05], dtype=torch.float64)
    inclusion = torch.tensor([1.0, 0.7, 0.2, 0.4], dtype=torch.float64)
    b = (p.log() + 3.0).requires_grad_()
    x, W = torch.zeros(1, 1, dtype=torch.float64), torch.zeros(4, 1, dtype=torch.float64)
    total = torch.zeros((), dtype=torch.float64)
    for code in range(16):
        drawn = torch.tensor([k for k in range(4) if code >> k & 1], dtype=torch.int64)
        is_in = torch.tensor([bool(code >> k & 1) for k in range(4)])
        chance = torch.where(is_in, inclusion, 1.0 - inclusion).prod()
        for target in range(4):
            loss = sampled_softmax.sampled_loss(x, W, b, torch.tensor([target]), drawn, inclusion.log(), False)
            total = total + chance * p[target] * loss
    (gradient,) = torch.autograd.grad(total, b)
    torch.testing.assert_close(gradient, torch.zeros(4).double(), rtol=0, atol=1e-15)


@pytest.mark.parametrize("cutoffs", [None, [1], [1, 2, 4], [4]])
def test_adaptive_probabilities_sum_to_one_and_are_what_training_and_evaluation_score(cutoffs):
    model, (inputs, targets) = trained("adaptive", cutoffs=cutoffs, tail_divisor=2.0), window(4, 3)
    targets[1, 2] = IGNORE
    state = model.initial_state(3)
    log_probs, _ = model.predict(inputs, state)
    torch.testing.assert_close(log_probs.exp().sum(2), torch.ones(4, 3).double(), rtol=1e-13, atol=0)
    expected = F.nll_loss(log_probs.flatten(0, 1), targets.flatten(), ignore_index=IGNORE, reduction="sum")
    trains, _ = model.train().score(inputs, targets, state)
    assert trains.nats.item() == pytest.approx(expected.item(), rel=1e-13)
    with torch.no_grad():
        scored, _ = model.eval().score(inputs, targets, state)
    assert scored.nats.item() == pytest.approx(expected.item(), rel=1e-13)
    assert scored.target_nats.sum().item() == pytest.approx(expected.item(), rel=1e-13)
    assert scored.correct == (log_probs.argmax(2) == targets).sum()


def test_adaptive_losses_and_gradients_are_torchs():
    model = trained("adaptive", cutoffs=[2, 3], tail_divisor=2.0)
    theirs = torch.nn.AdaptiveLogSoftmaxWithLoss(6, SYMBOLS, [2, 3], div_value=2.0, head_bias=True).double()
    with torch.no_grad():
        theirs.head.weight.copy_(model.output.W)
        theirs.head.bias.copy_(model.output.b)
        for mine, (down, up) in zip(model.tails, theirs.tail):
            down.weight.copy_(mine.P)
            up.weight.copy_(mine.W)
            mine.b.zero_()  # torch's tails have none
    x = torch.randn(20, 6, generator=torch.Generator().manual_seed(0)).double().requires_grad_()
    targets = torch.arange(20) % SYMBOLS
    ours = model._scored(x, targets).loss
    reference = theirs(x, ranks_of(COUNTS)[targets]).loss * 20
    assert ours.item() == pytest.approx(reference.item(), rel=1e-12)
    (mine,), (others,) = torch.autograd.grad(ours, x), torch.autograd.grad(reference, x)
    torch.testing.assert_close(mine, others, rtol=1e-11, atol=1e-14)


def test_ranks_are_by_count():
    assert ranks_of(COUNTS).tolist() == [3, 0, 4, 2, 1]


def test_sampled_networks_are_evaluated_on_all_classes_and_their_weights_are_those_of_a_softmax():
    model, (inputs, targets) = trained("sampled", num_samples=2), window(4, 3)
    plain = network("torch")
    plain.load_state_dict(model.state_dict())
    with torch.no_grad():
        one, _ = model.eval().score(inputs, targets, model.initial_state(3))
        other, _ = plain.eval().score(inputs, targets, plain.initial_state(3))
    assert (float(one.nats), one.correct) == (float(other.nats), other.correct)


@pytest.mark.parametrize("output", ["adaptive", "sampled"])
def test_without_gradients_everything_is_scored_in_training_mode_too(output):
    model, (inputs, targets) = trained(output, num_samples=2), window(4, 3)
    log_probs, _ = model.train().predict(inputs, model.initial_state(3))
    with torch.no_grad():
        score, _ = model.score(inputs, targets, model.initial_state(3))
    assert score.nats.item() == pytest.approx(-log_probs.gather(2, targets[..., None]).sum().item(), rel=1e-13)


@pytest.mark.parametrize("output", ["adaptive", "sampled"])
def test_bfloat16_changes_the_third_digit_of_a_loss(output):
    model, (inputs, targets) = trained(output, num_samples=3).float(), window(4, 3)
    torch.manual_seed(0)
    exact, _ = model.learn(inputs, targets, model.initial_state(3))
    torch.manual_seed(0)
    with torch.autocast("cpu", torch.bfloat16):
        rounded, _ = model.learn(inputs, targets, model.initial_state(3))
    assert rounded.loss.dtype == torch.float32
    assert rounded.loss.item() == pytest.approx(exact.loss.item(), rel=1e-2)
    assert rounded.loss.item() != exact.loss.item()


def test_training_without_likelihood_says_so():
    model, (inputs, targets) = trained("sampled", num_samples=2), window(4, 3)
    score, _ = model.learn(inputs, targets, model.initial_state(3))
    assert (score.nats, score.correct) == (None, None)


@pytest.mark.parametrize("output", ["adaptive", "sampled"])
@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("numpy", {}, "is there for torch networks: give model=torch_lstm"),
        ("torch", {"loss": "squared_error"}, "needs loss=cross_entropy, got squared_error"),
        ("torch", {"pooling": "mean"}, "this network is one for labels: give model.output=softmax"),
        ("torch", {"num_outputs": 2}, "V=5 and K=2 differ"),
        ("torch", {"num_samples": 0}, "num_samples must be at least 1, got 0"),
    ],
)
def test_where_they_make_no_sense_they_are_refused(output, kind, options, message):
    with pytest.raises(ValueError, match=message):
        network(kind, output=output, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cutoffs": [3, 2]}, r"cutoffs must be ascending ranks from 1 on, as in \[1000,4000\], got \[3, 2\]"),
        ({"cutoffs": []}, "cutoffs must be ascending"),
        ({"cutoffs": [2, 5]}, "cutoffs must be below the number of classes, 5, got .*: give model.cutoffs=null"),
        ({"tail_divisor": 0.0}, "tail_divisor must be above 0"),
        ({"tied": True, "embedding_size": 6}, "tied=true needs one output vector for each word"),
    ],
)
def test_impossible_options_of_the_adaptive_softmax_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        network("torch", output="adaptive", **options)


@pytest.mark.parametrize("output", ["adaptive", "sampled"])
def test_summary_counts_every_parameter(output):
    model = trained(output)
    assert sum(size for *_, size in model.summary(4, 3)) == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(("output", "code"), [("sampled", 0), ("adaptive", 1)])
def test_sampled_networks_can_be_looked_into(command, train, output, code):
    run = train("model.hidden_size=4", "epochs=1", "threads=1", f"model.output={output}")
    outcome = command("runner=trace", f"checkpoint={run.folder}", "runner.text=hel", "tracker=memory")
    assert outcome.code == code
    assert code == 0 or "has an adaptive output, and only networks with another one can be looked into" in outcome.error
