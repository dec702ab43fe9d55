"""The network for labels as Keras's example for IMDB has it, in Keras 3 on JAX: every review padded to the same length.

Where reviews are shorter, padding is masked, so that it computes the same as `our_reviews`.
"""

import os
from collections.abc import Iterator

os.environ["KERAS_BACKEND"] = "jax"  # read when keras is imported

import keras
from keras import layers

from . import reviews
from .problem import Problem


def build(problem: Problem) -> keras.Model:
    """The compiled model, with the weights of one of our networks; symbol k is k+1 here, and 0 is padding."""
    is_masked = problem.shortest is not None
    stack: list = [layers.Input(batch_shape=(problem.batch, problem.truncation))]
    stack.append(layers.Embedding(problem.vocabulary + 1, problem.embedding, mask_zero=is_masked))
    for depth in range(problem.layers):
        lstm = layers.LSTM(problem.hidden, return_sequences=depth < problem.layers - 1)
        stack.append(layers.Bidirectional(lstm))
    model = keras.Sequential([*stack, layers.Dense(1, activation="sigmoid")])
    epsilon = 1e-8 * (1 - 0.999) ** 0.5  # torch adds it to the corrected root: this is the same in the first update
    model.compile(keras.optimizers.Adam(problem.lr, epsilon=epsilon), "binary_crossentropy")
    ours = reviews.weights(problem)
    unused = 0 * ours["embedding.W"][:1]
    model.layers[0].set_weights([keras.ops.concatenate([unused, ours["embedding.W"]])])
    for depth in range(problem.layers):
        names = [f"{kind}.{depth}.{name}" for kind in ("layers", "reverse_layers") for name in ("W_ih", "W_hh", "b_ih")]
        model.layers[1 + depth].set_weights([ours[name].T for name in names])
    model.layers[-1].set_weights([ours["output.W"].T, ours["output.b"]])
    return model


def updates(problem: Problem) -> Iterator[float | None]:
    """Train; yields the mean loss of every update, after a None once there is everything but the model."""
    sequences = reviews.sequences(problem)
    labels, batches = sequences[2].astype("f4")[:, None], reviews.batches(problem, sequences[1])
    inputs = [1 + reviews.columns(sequences, batch, problem.truncation, -1) for batch in batches]
    yield None
    model = build(problem)
    for batch, words in zip(batches, inputs):
        yield float(model.train_on_batch(words, labels[batch]))
