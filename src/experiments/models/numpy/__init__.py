"""The recurrent network in NumPy, with backpropagation through time by hand."""

from ...config.lazy import lazy

PUBLIC = {
    "CELLS": "cells",
    "Recurrent": "recurrent",
    "Bidirectional": "recurrent",
    "Stack": "layers",
}
__getattr__ = lazy(__name__, PUBLIC)
