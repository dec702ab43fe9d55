"""An LSTM learns one sentence by truncated backpropagation through time, in NumPy alone.

Run `python examples/bptt_by_hand.py`; the layers and their backward functions are in src/experiments/models/numpy/.
"""

import numpy as np

from experiments.models.numpy.cells import Lstm
from experiments.models.numpy.heads import cross_entropy
from experiments.models.numpy.layers import Affine, Embedding, Stack
from experiments.models.numpy.recurrent import Recurrent

TEXT = "hello pytorch. how long can a rnn cell remember?"
E, H, T, LEARNING_RATE, EPOCHS = 16, 32, 8, 0.1, 300  # embedding, hidden units, truncation

symbols = sorted(set(TEXT))
ids = np.array([symbols.index(symbol) for symbol in TEXT])[:, None]  # (N, B): time-major, a batch of one column
draw, V = np.random.default_rng(0), len(symbols)
shapes = {"embedding.W": (V, E), "lstm.W_ih": (4 * H, E), "lstm.W_hh": (4 * H, H), "lstm.b_ih": (4 * H,)}
shapes |= {"output.W": (V, H), "output.b": (V,)}
weights = {name: draw.uniform(-0.2, 0.2, shape) for name, shape in shapes.items()}
network = Stack([Embedding(weights), Recurrent(Lstm(), weights, "lstm"), Affine(weights)])
zeros = [(np.zeros((1, H)), np.zeros((1, H)))]  # the state of the one layer that has one: h and c, each (B, H)

for epoch in range(1, EPOCHS + 1):
    state, total = zeros, 0.0
    for start in range(0, len(ids) - 1, T):
        inputs, targets = ids[:-1][start : start + T], ids[1:][start : start + T]
        outputs, state, cache = network.forward(inputs, state)  # the state goes on from window to window ...
        loss, d_outputs, _ = cross_entropy(outputs, targets)
        _, _, gradients = network.backward(d_outputs, zeros, cache)  # ... the gradient does not: d_state is zero
        for name, gradient in gradients.items():
            weights[name] -= LEARNING_RATE * gradient
        total += loss
    if epoch in (1, 10) or epoch % 50 == 0:
        print(f"epoch {epoch:3}: perplexity {np.exp(total / (len(ids) - 1)):.3f}")

state, symbol, sentence = zeros, ids[:1], TEXT[0]
while len(sentence) < len(TEXT):
    outputs, state, _ = network.forward(symbol, state)
    symbol = outputs.argmax(axis=2)
    sentence += symbols[symbol.item()]
print(sentence)
