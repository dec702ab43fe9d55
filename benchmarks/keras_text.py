"""The language model as one would write it in Keras 3 on JAX: Embedding, LSTM, Dense, fitted batch by batch.

A layer has one bias vector, so it computes what `ours` does with `model.bias=single`.
"""

import os
from collections.abc import Iterator

os.environ["KERAS_BACKEND"] = "jax"  # read when keras is imported

import keras
from keras import layers

from . import problem as given
from .problem import Problem


class Carrying(layers.Layer):
    """An LSTM that begins a batch with the state after the last one.

    `LSTM(stateful=True)` of Keras 3.15 does not on JAX: its state is none of the layer's variables, so a compiled
    training step begins every batch with zeros.
    """

    def __init__(self, batch: int, units: int):
        super().__init__()
        self.lstm = layers.LSTM(units, return_sequences=True, return_state=True)
        self.state = [self.add_weight(shape=(batch, units), initializer="zeros", trainable=False) for _ in range(2)]

    def call(self, inputs):
        outputs, *after = self.lstm(inputs, initial_state=[*self.state])
        for variable, value in zip(self.state, after):
            variable.assign(value)
        return outputs


def build(problem: Problem) -> keras.Model:
    """The compiled model, with the weights of one of our networks."""
    V, H = problem.vocabulary, problem.hidden
    stack: list = [layers.Input(batch_shape=(problem.batch, problem.truncation)), layers.Embedding(V, H)]
    stack += [Carrying(problem.batch, H) for _ in range(problem.layers)]
    model = keras.Sequential([*stack, layers.Dense(V)])
    optimizer = keras.optimizers.SGD(problem.lr, global_clipnorm=problem.clip)
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    ours = given.weights(problem)
    model.layers[0].set_weights([ours["embedding.W"]])
    for depth in range(problem.layers):
        weights = [ours[f"layers.{depth}.{name}"] for name in ("W_ih", "W_hh", "b_ih")]
        model.layers[1 + depth].lstm.set_weights([W.T for W in weights])
    model.layers[-1].set_weights([ours["output.W"].T, ours["output.b"]])
    return model


def updates(problem: Problem) -> Iterator[float | None]:
    """Train; yields the mean loss of every update, after a None once there is everything but the model."""
    stream, T = given.stream(problem), problem.truncation
    yield None
    model = build(problem)
    N = len(stream) // problem.batch
    columns = stream[: N * problem.batch].reshape(problem.batch, N)
    for i in range(0, N - T, T):
        yield float(model.train_on_batch(columns[:, i : i + T], columns[:, i + 1 : i + 1 + T]))
