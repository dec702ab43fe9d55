"""What someone may have meant: names that other libraries and books have for our options and choices."""

import difflib
from collections.abc import Iterable, Mapping

MAX_SUGGESTIONS = 5
CUTOFF = 0.7  # of difflib's ratio

# A key, or a line, and other libraries' names for it; also within a section: model.units is looked up as units.
KEYS: dict[str, tuple[str, ...]] = {
    "optimizer.lr": ("lr", "learning_rate", "learningrate", "rate", "eta", "alpha", "step_size"),
    "model.hidden_size": ("units", "hidden", "hidden_dim", "hidden_units", "n_hidden", "nhid", "num_units", "wordvec"),
    "model.parameters": ("num_parameters", "n_parameters", "num_params", "n_params", "params", "parameter_budget"),
    "model.num_layers": ("layers", "n_layers", "nlayers", "depth", "num_layer"),
    "model.embedding_size": ("embedding_dim", "embed_dim", "emb_dim", "emsize", "embedding", "wordvec_size"),
    "model.dropout": ("dropout_rate", "drop", "dropout_ratio", "keep_prob"),
    "model.bidirectional": ("bidir", "bi"),
    "model.tied": ("tie_weights", "weight_tying"),
    "model.cell": ("activation", "nonlinearity"),
    "model.loss": ("loss", "criterion", "loss_function"),
    "batch_size": ("batch", "bs", "batchsize", "minibatch", "mini_batch"),
    "truncation": ("bptt", "seq_len", "seq_length", "sequence_length", "time_size", "timesteps", "time_steps", "steps"),
    "epochs": ("epoch", "n_epochs", "num_epochs", "max_epoch", "max_epochs", "iterations"),
    "device": ("no_cuda",),
    "device=cuda": ("gpu", "cuda", "use_gpu", "use_cuda"),
    "clip_norm": ("clip", "grad_clip", "gradient_clip", "clipnorm", "max_grad", "max_grad_norm", "max_norm"),
    "patience": ("early_stopping", "early_stop"),
    "seed": ("random_seed", "random_state", "manual_seed"),
    "precision": ("dtype", "fp16", "half"),
    "threads": ("num_threads", "workers", "num_workers", "n_jobs"),
    "checkpoint": ("weights", "ckpt", "load", "pretrained", "model_path"),
    "data.path": ("path", "file", "filename", "corpus", "text_file", "input"),
    "optimizer": ("optim", "optimiser", "opt"),
    "data": ("dataset", "datasets"),
    "model": ("net", "network", "arch", "cell_type", "rnn_type"),
    "schedule": ("scheduler", "lr_scheduler", "lr_schedule"),
    "sweeps": ("sweep",),
    "recipe": ("recipes",),
    "runner": ("mode", "task", "command", "action"),
    "tracker": ("logger", "log_dir"),
    "runner.print_every": ("verbose",),
}
# Other names of a choice or a value, by where they stand; "" everywhere.
VALUES: dict[str, dict[str, str]] = {
    "model": {"rnn": "torch_rnn", "lstm": "torch_lstm", "gru": "torch_gru", "bow": "bag_of_words", "kn": "ngram"},
    "data": {"penn": "ptb", "penntreebank": "ptb", "text": "characters", "chars": "characters", "char": "characters"},
    "optimizer": {"momentum": "sgd", "nesterov": "sgd", "adaminw": "adamw"},
    "runner": {"test": "evaluate", "eval": "evaluate", "valid": "evaluate", "generate": "sample", "predict": "score"},
    "tracker": {"none": "memory", "wandb": "mlflow", "tensorboard": "mlflow", "file": "memory"},
    "device": {"gpu": "cuda"},
    "precision": {"double": "float64", "float": "float32", "fp64": "float64", "fp32": "float32", "fp16": "bfloat16"}
    | {"float16": "bfloat16", "half": "bfloat16", "bf16": "bfloat16"},
}
WORDS = {"none": "null", "nil": "null", "yes": "true", "on": "true", "1": "true", "no": "false", "off": "false"}
WORDS |= {"0": "false"}
SYNONYMS: Mapping[str, str] = {name: key for key, names in KEYS.items() for name in names}


def key_for(name: str) -> str:
    """The key that another library's name of an option stands for; the name itself if it is no such name."""
    return SYNONYMS.get(leaf(name).lower().replace("-", "_"), name)


def near_keys(name: str, valid: Iterable[str]) -> list[str]:
    """At most five of the valid dotted keys that this name may have meant, the likeliest first."""
    valid = list(dict.fromkeys(valid))
    if (key := key_for(name)) != name and key.partition("=")[0] in (*valid, "recipe", "sweeps"):
        return [key]
    section, last = name.rpartition(".")[0], leaf(name)
    same = [key for key in valid if leaf(key) == last]
    inside = [key for key in valid if section and key.startswith(f"{section}.")]
    leaves = {leaf(key): key for key in reversed(inside or valid)}
    close = difflib.get_close_matches(last, leaves, 1, CUTOFF)
    close = close or difflib.get_close_matches(last, leaves := {leaf(key): key for key in reversed(valid)}, 1, CUTOFF)
    return (same or [leaves[found] for found in close])[:MAX_SUGGESTIONS]


def near_values(kind: str, name: str, valid: Iterable[str]) -> list[str]:
    """At most five of the valid names that this one may have meant, the likeliest first."""
    valid, lowered = list(dict.fromkeys(valid)), name.lower().replace("-", "_")
    known = VALUES.get(kind, {}).get(lowered)
    if known in valid or lowered in valid:
        return [str(known if known in valid else lowered)]
    close = difflib.get_close_matches(lowered, valid, 1, CUTOFF)
    part = [
        other for other in valid if len(lowered) > 2 and (lowered in other or (len(other) > 2 and other in lowered))
    ]
    return (close or part or difflib.get_close_matches(lowered, valid, 1, 0.6))[:MAX_SUGGESTIONS]


def leaf(key: str) -> str:
    """The last part of a dotted key."""
    return key.rpartition(".")[2]


def either(names: Iterable[str], word: str = "or") -> str:
    """`a`, `a or b`, `a, b or c`."""
    *others, last = names
    return f"{', '.join(others)} {word} {last}" if others else last
