"""The large softmax as one operation, against torch's own functions."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from experiments.interfaces.data import IGNORE
from experiments.models.numpy import heads as numpy_heads
from experiments.models.torch import heads, products, softmax_loss

ROWS, WIDTH, CLASSES = 7, 5, 11


def tensors(dtype=torch.float64, ignored=()):
    """Features (n, F), W (K, F), b (K) that want gradients; targets (n,)."""
    generator = torch.Generator().manual_seed(0)
    shapes = ((ROWS, WIDTH), (CLASSES, WIDTH), (CLASSES,))
    weights = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]
    targets = torch.randint(CLASSES, (ROWS,), generator=generator)
    targets[list(ignored)] = IGNORE
    return [weight.to(dtype).requires_grad_() for weight in weights], targets


def expected(weights, targets):
    """Loss, number of targets ranked first, gradients, all by torch's own functions."""
    loss = F.cross_entropy(F.linear(*weights), targets, ignore_index=IGNORE, reduction="sum")
    return loss, (F.linear(*weights).argmax(1) == targets).sum(), torch.autograd.grad(loss, weights)


@pytest.fixture(params=[1 << 23, 2 * CLASSES, 1])
def chunk(request, monkeypatch):
    """All rows at once, some at a time, one at a time."""
    monkeypatch.setattr(softmax_loss, "LOGITS", request.param)


@pytest.mark.usefixtures("chunk")
@pytest.mark.parametrize("ignored", [(), (2, 6), range(ROWS)])
def test_loss_and_gradients_are_those_of_the_separate_operations(ignored):
    weights, targets = tensors(ignored=ignored)
    loss, correct, gradients = expected(weights, targets)
    nats, ours = softmax_loss.softmax_loss(*weights, targets)
    assert nats.item() == pytest.approx(loss.item(), rel=1e-13)
    assert ours == correct
    for mine, theirs in zip(torch.autograd.grad(nats, weights), gradients):
        torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-14)


@pytest.mark.usefixtures("chunk")
def test_on_a_gpu_ignored_targets_are_masked_instead_of_left_out():
    weights, targets = tensors(ignored=(0, 3))
    loss, correct, gradients = expected(weights, targets)
    kept = targets != IGNORE
    nats, ours = softmax_loss._SoftmaxLoss.apply(*weights, targets.clamp(min=0), kept, True, None)
    assert (nats.item(), ours) == (pytest.approx(loss.item(), rel=1e-13), correct)
    for mine, theirs in zip(torch.autograd.grad(nats, weights), gradients):
        torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-14)


def test_without_gradients_only_the_logits_are_computed(monkeypatch):
    made = []
    monkeypatch.setattr(softmax_loss, "plus_transposed", lambda *_: made.append("d_W"))
    weights, targets = tensors()
    with torch.no_grad():
        nats, _ = softmax_loss.softmax_loss(*weights, targets)
    assert nats.item() == pytest.approx(expected(weights, targets)[0].item(), rel=1e-13)
    assert not made


@pytest.mark.parametrize("masked", [False, True])
def test_infinite_logits_of_an_ignored_target_do_no_harm(masked):
    weights, targets = tensors(ignored=(1,))
    with torch.no_grad():
        weights[0][1] = torch.inf
    loss, _, gradients = expected([weights[0][[0, *range(2, ROWS)]], *weights[1:]], targets[targets != IGNORE])
    kept = targets != IGNORE
    if masked:
        nats, _ = softmax_loss._SoftmaxLoss.apply(*weights, targets.clamp(min=0), kept, False, None)
    else:
        nats, _ = softmax_loss.softmax_loss(*weights, targets)
    outputs = (weights[0] @ weights[1].T + weights[2]).detach().numpy()
    with np.errstate(invalid="ignore"):
        by_hand, d_outputs, _ = numpy_heads.cross_entropy(outputs, targets.numpy())
    assert nats.item() == pytest.approx(loss.item(), rel=1e-13)
    assert by_hand == pytest.approx(loss.item(), rel=1e-13)
    assert not d_outputs[1].any()
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_the_gradient_is_multiplied_by_what_backward_is_given():
    weights, targets = tensors()
    gradients = expected(weights, targets)[2]
    (softmax_loss.softmax_loss(*weights, targets)[0] / 3).backward()
    for weight, theirs in zip(weights, gradients):
        torch.testing.assert_close(weight.grad, theirs / 3)


def test_of_several_largest_outputs_the_first_ranks_first():
    features, W, b = torch.zeros(3, WIDTH), torch.zeros(CLASSES, WIDTH), torch.zeros(CLASSES)
    nats, correct = softmax_loss.softmax_loss(features, W, b, torch.tensor([0, 1, CLASSES - 1]))
    assert correct == 1
    assert nats.item() == pytest.approx(3 * torch.tensor(float(CLASSES)).log().item(), rel=1e-6)


def test_a_hopeless_target_costs_a_finite_number_of_nats():
    features, W, b = torch.ones(1, 1), torch.tensor([[0.0], [1000.0]]), torch.zeros(2)
    nats, _ = softmax_loss.softmax_loss(features, W, b, torch.tensor([0]))
    assert nats.item() == 1000.0


@pytest.mark.usefixtures("chunk")
@pytest.mark.parametrize("widened", [1 << 18, 1])
def test_bfloat16_rounds_logits_and_products_only(monkeypatch, widened):
    monkeypatch.setattr(softmax_loss, "WIDENED", widened)
    weights, targets = tensors(torch.float32, ignored=(1,))
    loss, _, gradients = expected(weights, targets)
    with torch.autocast("cpu", torch.bfloat16):
        nats, _ = softmax_loss.softmax_loss(*weights, targets)
    assert nats.dtype == torch.float32
    assert nats.item() == pytest.approx(loss.item(), rel=1e-2)
    assert nats.item() != pytest.approx(loss.item(), rel=1e-5)
    for mine, theirs in zip(torch.autograd.grad(nats, weights), gradients):
        assert mine.dtype == torch.float32
        torch.testing.assert_close(mine, theirs, rtol=0, atol=3e-2)


def test_the_loss_of_features_in_bfloat16_is_summed_in_the_precision_of_the_weights():
    (features, W, b), targets = tensors(torch.float32)
    features = features.detach().bfloat16().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        nats, _ = softmax_loss.softmax_loss(features, W, b, targets)
    nats.backward()
    assert nats.dtype == torch.float32
    assert nats.item() != nats.bfloat16().item()
    assert features.grad.dtype == torch.bfloat16


@pytest.mark.parametrize("loss", ["cross_entropy", "squared_error"])
def test_bfloat16_leaves_sums_and_probabilities_in_float32(loss):
    outputs, targets = torch.randn(50, 20).bfloat16(), torch.arange(50) % 20
    with torch.autocast("cpu", torch.bfloat16):
        score, log_probs = heads.LOSSES[loss](outputs, targets), heads.log_probabilities(outputs)
    assert score.loss.dtype == log_probs.dtype == torch.float32


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_linear_product_is_torchs(dtype, transposed):
    generator = torch.Generator().manual_seed(0)
    x, W = torch.randn(40, 30, generator=generator), torch.randn(20, 30, generator=generator)
    x, W = (x.T.contiguous().T, W.T.contiguous().T) if transposed else (x, W)
    x, W, b = x.to(dtype), W.to(dtype), torch.randn(20, generator=generator).to(dtype)
    tolerance = {torch.float32: 1e-5, torch.float64: 1e-13, torch.bfloat16: 0.2}[dtype]
    torch.testing.assert_close(products.linear(x, W, b), F.linear(x, W, b), rtol=0, atol=tolerance)
    torch.testing.assert_close(products.linear(x, W), F.linear(x, W), rtol=0, atol=tolerance)


@pytest.mark.parametrize("narrow", [1, 1000])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_transposed_product_in_blocks_is_torchs(monkeypatch, narrow, dtype):
    monkeypatch.setattr(products, "NARROW", narrow)
    monkeypatch.setattr(products, "BLOCK", 7)  # of 20 columns: the last block is smaller
    generator = torch.Generator().manual_seed(0)
    a, b, total = (torch.randn(size, generator=generator).to(dtype) for size in ((40, 20), (40, 30), (20, 30)))
    wide = torch.promote_types(dtype, torch.float32)
    tolerance = {torch.float32: 1e-5, torch.float64: 1e-13, torch.bfloat16: 0.2}[dtype]
    expected = a.T.to(wide) @ b.to(wide)
    torch.testing.assert_close(products.plus_transposed(None, a, b, wide), expected, rtol=0, atol=tolerance)
    summed = products.plus_transposed(total.to(wide, copy=True), a, b, wide)
    torch.testing.assert_close(summed, total.to(wide) + expected, rtol=0, atol=tolerance)


def test_few_logits_and_many_have_the_same_loss(monkeypatch):
    weights, targets = tensors(ignored=(4,))
    few = heads.linear_cross_entropy(*weights, targets)
    monkeypatch.setattr(heads, "FEW", 0)
    many = heads.linear_cross_entropy(*weights, targets)
    assert many.loss.item() == pytest.approx(few.loss.item(), rel=1e-13)
    assert (many.nats, many.correct) == (many.loss, few.correct)
