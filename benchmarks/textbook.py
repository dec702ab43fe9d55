"""A language model in NumPy as the from-scratch books write it, one object per time step.

Every step multiplies its own matrices and adds to the gradients of the shared weights; the gradient of the embedding is
as large as the embedding; the loss masks targets that are to be ignored; a batch is gathered symbol by symbol. float32,
as there (Saitoh, Deep Learning from Scratch 2, chapter 5).
"""

from collections.abc import Iterator

import numpy as np

from . import problem as given
from .problem import Problem


class Embedding:
    def __init__(self, W):
        self.params, self.grads = [W], [np.zeros_like(W)]

    def forward(self, ids):
        self.ids = ids
        return self.params[0][ids]

    def backward(self, d_out):
        (d_W,) = self.grads
        d_W[...] = 0
        np.add.at(d_W, self.ids, d_out)


class TimeEmbedding:
    def __init__(self, W):
        self.params, self.grads = [W], [np.zeros_like(W)]

    def forward(self, ids):
        (W,) = self.params
        out = np.empty((*ids.shape, W.shape[1]), W.dtype)
        self.layers = []
        for t in range(ids.shape[1]):
            layer = Embedding(W)
            out[:, t] = layer.forward(ids[:, t])
            self.layers.append(layer)
        return out

    def backward(self, d_out):
        total = np.zeros_like(self.params[0])
        for t, layer in enumerate(self.layers):
            layer.backward(d_out[:, t])
            total += layer.grads[0]
        self.grads[0][...] = total


class Rnn:
    def __init__(self, W_x, W_h, b):
        self.params = [W_x, W_h, b]
        self.grads = [np.zeros_like(p) for p in self.params]

    def forward(self, x, h_before):
        W_x, W_h, b = self.params
        h = np.tanh(np.dot(h_before, W_h) + np.dot(x, W_x) + b)
        self.cache = x, h_before, h
        return h

    def backward(self, d_h):
        W_x, W_h, _ = self.params
        x, h_before, h = self.cache
        d_z = d_h * (1 - h**2)
        for grad, value in zip(self.grads, (np.dot(x.T, d_z), np.dot(h_before.T, d_z), np.sum(d_z, axis=0))):
            grad[...] = value
        return np.dot(d_z, W_x.T), np.dot(d_z, W_h.T)


class TimeRnn:
    def __init__(self, W_x, W_h, b):
        self.params = [W_x, W_h, b]
        self.grads = [np.zeros_like(p) for p in self.params]
        self.h = None

    def forward(self, xs):
        B, T, _ = xs.shape
        H = len(self.params[1])
        hs = np.empty((B, T, H), xs.dtype)
        self.h = np.zeros((B, H), xs.dtype) if self.h is None else self.h
        self.layers = []
        for t in range(T):
            layer = Rnn(*self.params)
            self.h = layer.forward(xs[:, t], self.h)
            hs[:, t] = self.h
            self.layers.append(layer)
        return hs

    def backward(self, d_hs):
        B, T, _ = d_hs.shape
        d_xs = np.empty((B, T, len(self.params[0])), d_hs.dtype)
        d_h, totals = 0, [0, 0, 0]
        for t in reversed(range(T)):
            d_xs[:, t], d_h = self.layers[t].backward(d_hs[:, t] + d_h)
            totals = [total + grad for total, grad in zip(totals, self.layers[t].grads)]
        for grad, total in zip(self.grads, totals):
            grad[...] = total
        return d_xs


class TimeAffine:
    def __init__(self, W, b):
        self.params = [W, b]
        self.grads = [np.zeros_like(p) for p in self.params]

    def forward(self, xs):
        self.xs = xs
        W, b = self.params
        return (np.dot(xs.reshape(-1, xs.shape[2]), W) + b).reshape(*xs.shape[:2], -1)

    def backward(self, d_out):
        d_out = d_out.reshape(-1, d_out.shape[2])
        rows = self.xs.reshape(-1, self.xs.shape[2])
        self.grads[0][...] = np.dot(rows.T, d_out)
        self.grads[1][...] = np.sum(d_out, axis=0)
        return np.dot(d_out, self.params[0].T).reshape(self.xs.shape)


class TimeSoftmaxWithLoss:
    ignored = -1

    def forward(self, outputs, targets):
        self.shape = outputs.shape
        outputs, targets = outputs.reshape(-1, outputs.shape[2]), targets.reshape(-1)
        mask = targets != self.ignored
        outputs = outputs - outputs.max(axis=1, keepdims=True)
        p = np.exp(outputs)
        p /= p.sum(axis=1, keepdims=True)
        self.cache = p, targets, mask
        costs = np.log(p[np.arange(len(p)), targets])
        costs *= mask
        return -np.sum(costs) / mask.sum()

    def backward(self, d_loss=1):
        d_out, targets, mask = self.cache
        d_out[np.arange(len(d_out)), targets] -= 1
        d_out *= d_loss
        d_out /= mask.sum()
        d_out *= mask[:, np.newaxis]
        return d_out.reshape(self.shape)


class Model:
    """Embedding, one simple recurrent layer, affine, softmax; `weights` are those of one of our networks."""

    def __init__(self, weights: dict[str, np.ndarray]):
        W = {name: np.array(value) for name, value in weights.items()}
        rnn = W["layers.0.W_ih"].T.copy(), W["layers.0.W_hh"].T.copy(), W["layers.0.b_ih"]
        self.layers = [TimeEmbedding(W["embedding.W"]), TimeRnn(*rnn)]
        self.layers.append(TimeAffine(W["output.W"].T.copy(), W["output.b"]))
        self.loss_layer = TimeSoftmaxWithLoss()

    def update(self, inputs, targets, lr: float) -> float:
        """ids (B, T) twice -> the mean loss, after one step of gradient descent."""
        xs = inputs
        for layer in self.layers:
            xs = layer.forward(xs)
        loss = self.loss_layer.forward(xs, targets)
        d_out = self.loss_layer.backward()
        for layer in reversed(self.layers):
            d_out = layer.backward(d_out)
        for layer in self.layers:
            for p, grad in zip(layer.params, layer.grads):
                p -= lr * grad
        return loss


def updates(problem: Problem) -> Iterator[float | None]:
    """Train; yields the mean loss of every update, after a None once there is everything but the model."""
    stream = given.stream(problem)
    yield None
    model = Model(given.weights(problem))
    B, T = problem.batch, problem.truncation
    column = len(stream) // B
    for begin in range(0, column - 1, T):
        inputs, targets = np.empty((B, T), "i"), np.empty((B, T), "i")
        for t in range(T):
            for i in range(B):
                at = i * column + begin + t
                inputs[i, t], targets[i, t] = stream[at], stream[at + 1]
        yield float(model.update(inputs, targets, problem.lr))
