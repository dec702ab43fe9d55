"""Typical mistakes, as from the habits of Keras, PyTorch and argparse: one sentence each, and a line to type."""

import shlex

import pytest

MISTAKES = {
    # other names of options
    "learning_rate=0.1": "there is no key learning_rate; did you mean optimizer.lr?",
    "model.units=64": "there is no key model.units; did you mean model.hidden_size?",
    "model.hidden_dim=64": "there is no key model.hidden_dim; did you mean model.hidden_size?",
    "n_layers=2": "there is no key n_layers; did you mean model.num_layers?",
    "model.dropout_rate=0.2": "there is no key model.dropout_rate; did you mean model.dropout?",
    "batch=32": "there is no key batch; did you mean batch_size?",
    "bptt=35": "there is no key bptt; did you mean truncation?",
    "epoch=3": "there is no key epoch; did you mean epochs?",
    "gpu=true": "there is no key gpu; did you mean device=cuda?",
    "activation=relu": "there is no key activation; did you mean model.cell?",
    # names of choices
    "model=lstm": "there is no model lstm; did you mean torch_lstm?",
    "optimizer=Adam": "there is no optimizer Adam; did you mean adam?",
    "optim=sgd": "there is no key optim; did you mean optimizer?",
    "dataset=ptb": "there is no key dataset; did you mean data?",
    "runner=test": "there is no runner test; did you mean evaluate?",
    "recipe=ptb": "no recipe ptb; did you mean awd_lstm_ptb, ptb_10min, ptb_20min, ptb_2h or textbook_lstm_ptb?",
    "sweep=truncation": "there is no key sweep; did you mean sweeps?",
    "recipes=char_lstm": "there is no key recipes; did you mean recipe?",
    "schedule=cosine_annealing": "there is no schedule cosine_annealing; did you mean cosine?",
    "device=gpu": "device must be one of auto, cpu, cuda, mps, got 'gpu'; did you mean cuda?",
    # options of other choices
    "optimizer=sgd optimizer.betas=[0.9,0.9]": "no option of the chosen optimizer but of adam, adamw: type optimizer",
    "momentum=0.9": "optimizer.momentum is an option of rmsprop, sgd: type optimizer=rmsprop optimizer.momentum=...",
    "runner.temperature=2": "runner.temperature is no option of the chosen runner but of sample: type runner=sample",
    # flags, spaces, signs
    "--epochs 3": "there is no flag --epochs: an option is typed as epochs=3",
    "--lr=0.1": "there is no flag --lr: an option is typed as optimizer.lr=0.1",
    "--model lstm": "there is no flag --model: an option is typed as model=torch_lstm",
    "--gpu": "there is no flag --gpu: an option is typed as device=cuda",
    "--num-layers 2": "there is no flag --num-layers: an option is typed as num_layers=2",
    "epochs 3": "epochs is no KEY=VALUE: type epochs=3",
    "epochs = 3": "epochs = is more than one word to the shell: type epochs=3 without spaces",
    "epochs= 3": "epochs= 3 is two words to the shell: type epochs=3 without a space",
    "epochs:3": "epochs:3 is no KEY=VALUE: type epochs=3",
    "lstm": "lstm is no KEY=VALUE: type model=torch_lstm",
    "book.txt": "book.txt is no KEY=VALUE: type data=characters data.path=book.txt",
    "data.text=hello world": 'world is no KEY=VALUE: text with spaces is quoted, as in "data.text=hello world"',
    "seed=1,2": "seed=1,2 is several values: type -m seed=1,2 for one run each",
    "--cfg": "--cfg needs a value: --cfg job",
    "--cfg job -m seed=1,2": "--cfg shows the config of one run: leave -m out, and give each key one value",
    "--config-dir nowhere": "--config-dir: there is no folder nowhere",
    "-m epochs=3": "nothing is swept: give a key several values, as in truncation=5,35 or seed=range(5)",
    # values
    "epochs=3.5": "epochs must be a whole number, got 3.5",
    "model.hidden_size=1e2": "must be a whole number or a list of whole numbers or null, got 100.0; did you mean 100?",
    "model.hidden_size=-5": "model: hidden_size must be at least 1, got -5",
    "truncation=None": "truncation must be a whole number or null, got 'None'; did you mean null?",
    "deterministic=yes": "deterministic must be true or false, got 'yes'; did you mean true?",
    # files and runs
    "data=book.txt": "data=book.txt is no kind of data: type data=characters data.path=book.txt, or data=words",
    "data=words": "data.path is missing: give data.path=VALUE",
    "data=words data.path=missing.txt": "data: there is no data file",
    "data=words data.path=empty.txt": "empty.txt is empty",
    "data=characters data.path=binary.bin": "binary.bin is no text: byte 1 is NUL",
    "checkpoint=nosuchrun": "checkpoint: there is no store",
    "resume=nosuchrun": "resume=nosuchrun: no run of this name or id is in",
}
FOREIGN = ("hydra.cc", "Hydra", "OmegaConf", "usage:", "argparse", "LexerNoViableAlt", "struct", "Traceback")


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_typical_mistake_is_answered_with_one_sentence_and_what_to_type(command, mistake, tmp_path):
    (tmp_path / "empty.txt").touch()
    (tmp_path / "binary.bin").write_bytes(b"\x7f\x00\x01\x02" * 100)
    code, out, error = command(*shlex.split(mistake))
    assert (code, out) == (1, "")
    assert MISTAKES[mistake] in error
    assert error.count("\n") == 1
    assert [word for word in FOREIGN if word in error] == []
    assert len(error) < 400  # no list of all keys
    left = {path.name for path in tmp_path.iterdir()}
    assert left <= {"empty.txt", "binary.bin", "cache"}  # nothing was begun
