"""Layers that train at rates of their own, and layers that stay frozen until their turn."""

import pytest
import torch

from experiments.checkpoints import checkpoint
from experiments.training.layerwise import GradualUnfreezing, layers_of, parameters_of

from ..models.networks import network, window
from .test_averaging import options, trajectory  # noqa: F401
from .test_resume import assert_same, exact

DECAY = 0.4
EPOCHS = 5
DEPTHS = {"output": 0, "layers.1": 1, "layers.0": 2, "embedding": 3}  # from the output down
TWO = ("model.num_layers=2", "model.embedding_size=5", f"epochs={EPOCHS}")
ONE_UPDATE = "runner.max_targets=1"


def depth_of(name: str) -> int:
    return DEPTHS[name.rpartition(".")[0].removeprefix("reverse_")]


def names_of(model: torch.nn.Module) -> list[set[str]]:
    names = {parameter: name for name, parameter in model.named_parameters()}
    return [{names[parameter] for parameter in layer} for layer in layers_of(model)]


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_layers_are_listed_from_the_output_down(kind):
    found = names_of(network(kind, num_layers=2, bidirectional=True, num_outputs=2))
    assert found[0] == {"output.W", "output.b"}
    assert {name.partition(".W")[0].partition(".b")[0] for name in found[1]} == {"layers.1", "reverse_layers.1"}
    assert {name.partition(".W")[0].partition(".b")[0] for name in found[2]} == {"layers.0", "reverse_layers.0"}
    assert found[3:] == [{"embedding.W"}]
    assert names_of(network(kind, embedding_size=None))[-1] == {
        f"layers.0.{W}" for W in ("W_ih", "W_hh", "b_ih", "b_hh")
    }
    tied = names_of(network(kind, tied=True))
    assert tied[0] == {"projection.W", "output.b"}
    assert tied[-1] == {"embedding.W"}


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_one_step_of_gradient_descent_is_each_layers_own_rate_times_its_gradient(kind):
    model, lr = network(kind, num_layers=2), 0.3
    inputs, targets = window(5, 3)
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    state = model.initial_state(3)
    model.learn(inputs, targets, state)
    gradients = {name: weight.grad.clone() for name, weight in model.named_parameters()}
    torch.optim.SGD(parameters_of(model, DECAY, {"lr": lr}), lr=lr).step()
    for name, weight in model.named_parameters():
        expected = before[name] - lr * DECAY ** depth_of(name) * gradients[name]
        assert torch.allclose(weight.detach(), expected, rtol=0, atol=1e-15), name


@pytest.mark.parametrize("model", ["torch_lstm", "numpy_gru"])
@pytest.mark.parametrize("schedule", ["constant", "linear"])
def test_a_run_of_gradient_descent_moves_each_layer_at_its_own_rate(train, options, trajectory, model, schedule):  # noqa: F811
    """The first update of runs that begin alike: its change is the gradient times the layer's rate."""
    same = (*options, *TWO, ONE_UPDATE, f"model={model}", "optimizer=sgd", "optimizer.lr=0.1", f"schedule={schedule}")
    tiny = [*same, "optimizer.lr=1e-300"]
    starts, changes = [], []
    for line in (tiny, same, [*same, f"layer_rate_decay={DECAY}"]):
        trajectory.clear()
        train(*line)
        starts.append(trajectory[0])
    for after in starts[1:]:
        changes.append({name: after[name] - starts[0][name] for name in after})
    for name, change in changes[0].items():
        assert abs(change).max() > 0
        assert changes[1][name] == pytest.approx(DECAY ** depth_of(name) * change, abs=1e-14), name


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "rmsprop", "adagrad", "sgd"])
def test_every_optimizer_takes_a_rate_for_each_layer(train, options, optimizer):  # noqa: F811
    line = (*options, *TWO, "model=numpy_lstm", f"optimizer={optimizer}", "optimizer.lr=0.01", "epochs=1")
    last = checkpoint.load(train(*line, f"layer_rate_decay={DECAY}").folder / "last.pt")
    rates = [group["lr"] for group in last["optimizer"]["param_groups"]]
    assert rates == pytest.approx([0.01 * DECAY**depth for depth in range(4)], rel=1e-12)


@pytest.mark.parametrize(
    ("model", "optimizer"), [("torch_lstm", "adamw"), ("numpy_lstm", "adamw"), ("torch_gru", "sgd")]
)
def test_frozen_layers_do_not_move_until_their_turn(train, options, trajectory, model, optimizer):  # noqa: F811
    line = (*options, *TWO, f"model={model}", f"optimizer={optimizer}", "optimizer.lr=0.01", "unfreeze_every=1")
    train(*line, "clip_norm=1.0")
    per_epoch = len(trajectory) // EPOCHS
    for name in trajectory[0]:
        turn = depth_of(name) * per_epoch
        frozen = trajectory[:turn]
        assert all((weights[name] == frozen[0][name]).all() for weights in frozen), name
        assert (trajectory[turn][name] != trajectory[max(turn - 1, 0)][name]).any() or turn == 0, name
        assert (trajectory[turn + 1][name] != trajectory[turn][name]).any(), name


def test_an_embedding_that_is_frozen_stays_frozen():
    model = network("torch", embedding_frozen=True)
    unfreezing = GradualUnfreezing(model, 2)
    for epoch, trained in ((0, {"output"}), (1, {"output"}), (2, {"output", "layers.0"}), (9, {"output", "layers.0"})):
        unfreezing.begin(epoch)
        names = {name.rpartition(".")[0] for name, weight in model.named_parameters() if weight.requires_grad}
        assert names == trained


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_frozen_layers_have_no_gradient(kind):
    model = network(kind, num_layers=2)
    GradualUnfreezing(model, 1).begin(1)
    inputs, targets = window(5, 3)
    model.learn(inputs, targets, model.initial_state(3))
    learns = {name.rpartition(".")[0] for name, weight in model.named_parameters() if weight.grad is not None}
    assert learns == {"output", "layers.1"}


def test_both_networks_train_layer_by_layer_alike(train, options, trajectory):  # noqa: F811
    ends = []
    for model in ("torch_lstm", "numpy_lstm"):
        trajectory.clear()
        train(*options, *TWO, f"model={model}", "unfreeze_every=1", f"layer_rate_decay={DECAY}", "clip_norm=0.5")
        ends.append(trajectory[-1])
    for name, weight in ends[0].items():
        assert weight == pytest.approx(ends[1][name], abs=1e-9), name


def test_a_resumed_run_has_every_bit(train, die, options):  # noqa: F811
    options = (*options, *TWO, "model=torch_lstm", "unfreeze_every=1", f"layer_rate_decay={DECAY}", "optimizer=adam")
    options = (*options, "runner.checkpoint_targets_interval=250", "schedule=linear")
    undisturbed = exact(train(*options).folder)
    for at in (13, 50, 90):  # in the first epoch, in the third and in the last
        die(at, *options, f"name=died_{at}")
        assert_same(exact(train(f"resume=died_{at}").folder), undisturbed)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("layer_rate_decay=0",), "layer_rate_decay must be above 0 and at most 1, got 0"),
        (("unfreeze_every=0",), "unfreeze_every must be at least 1, got 0"),
        (("unfreeze_every=1", "model=ngram"), "which Ngram does not have: give unfreeze_every=null"),
        (("layer_rate_decay=0.5", "model=cbow"), "which ContextNetwork does not have"),
        (("unfreeze_every=1", "model=skipgram"), "does not have"),
        (("unfreeze_every=1", "model=bag_of_words", "data=imdb"), "which BagOfWords does not have"),
    ],
)
def test_what_cannot_be_trained_by_layers_is_refused(command, arguments, part):
    outcome = command(*arguments, "tracker=memory")
    assert outcome.code == 1
    assert part in outcome.error


def test_how_layers_are_unfrozen_is_said(command, options):  # noqa: F811
    line = (*options, *TWO, ONE_UPDATE, "model=torch_lstm", "unfreeze_every=2", "tracker=memory")
    assert "unfreezing: of 4 layers the output trains first; all from epoch 7 on" in command(*line, "epochs=7").out
    assert "with epochs=3 the lowest 2 stay frozen" in command(*line, "epochs=3").out
