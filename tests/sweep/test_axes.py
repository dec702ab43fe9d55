"""What a sweep varies, as it is typed and as a sweep's file says it."""

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from experiments.config.errors import ConfigError
from experiments.sweep.dimensions import Dimension, Span, product, without_excluded
from hydra_plugins.experiments_sweeper.overrides import read_axes, read_exclusions

PARSER = OverridesParser.create()


def axes(*typed, params=None, zipped=()):
    return read_axes(params or {}, typed, zipped, PARSER)


def dimensions(*typed, **named):
    return axes(*typed, **named)[1]


def values(*typed, **named):
    return {" ".join(axis.keys): axis.alternatives for axis in dimensions(*typed, **named)}


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("truncation=1,5", ["truncation=1", "truncation=5"]),
        ("optimizer.lr=1e-3,0.1", ["optimizer.lr=0.001", "optimizer.lr=0.1"]),
        ("model=choice(numpy_rnn,torch_lstm)", ["model=numpy_rnn", "model=torch_lstm"]),
        ("seed=range(3)", ["seed=0", "seed=1", "seed=2"]),
        ("seed=range(1,6,2)", ["seed=1", "seed=3", "seed=5"]),
        ("optimizer.lr=range(0.1,0.5,0.1)", [f"optimizer.lr={lr}" for lr in (0.1, 0.2, 0.3, 0.4)]),
        ("optimizer.lr=1,1.0,3e-1,0.30", ["optimizer.lr=1", "optimizer.lr=0.3"]),
        ("data.text=07,7,infinity,inf", [f"data.text={text}" for text in ("07", "7", "infinity", "inf")]),
        ("truncation=sort(5,1,3)", ["truncation=1", "truncation=3", "truncation=5"]),
        ("clip_norm=null,1", ["clip_norm=null", "clip_norm=1"]),
        ("data.text='a,b','c d'", ["data.text='a,b'", "data.text='c d'"]),
        ("optimizer.betas=[0.9,0.99],[0.8,0.9]", ["optimizer.betas=[0.9,0.99]", "optimizer.betas=[0.8,0.9]"]),
    ],
)
def test_a_list_is_one_override_for_each_value(typed, expected):
    (axis,) = dimensions(typed)
    assert [override for (override,) in axis.alternatives] == expected
    assert axis.keys == (typed.partition("=")[0],)
    assert axis.span is None


@pytest.mark.parametrize(
    ("typed", "span"),
    [
        ("interval(0.1,10)", Span(0.1, 10, False, False)),
        ("tag(log,interval(0.1,10))", Span(0.1, 10, True, False)),
        ("interval(1,10)", Span(1.0, 10.0, False, False)),
        ("int(interval(1.0,10.0))", Span(1, 10, False, True)),
        ("tag(log,int(interval(8,64)))", Span(8, 64, True, True)),
        ("float(interval(1,10))", Span(1, 10, False, False)),
    ],
)
def test_an_interval_is_a_span_of_numbers(typed, span):
    (axis,) = dimensions(f"model.hidden_size={typed}")
    assert axis == Dimension(("model.hidden_size",), (), span)
    assert [type(end) is int for end in axis.span[:2]] == [span.whole] * 2
    text = (str(round(end)) if span.whole else f"{end:g}" for end in (span.low, span.high))
    assert axis.corners() == tuple((f"model.hidden_size={end}",) for end in text)


def test_typed_overrides_win_over_the_sweeps_file():
    params = {"truncation": "1,5", "model": "numpy_rnn,torch_rnn", "batch_size": 4}
    assert values("truncation=7,8,9", params=params) == {
        "model": (("model=numpy_rnn",), ("model=torch_rnn",)),
        "truncation": (("truncation=7",), ("truncation=8",), ("truncation=9",)),
    }
    fixed, swept = axes("truncation=7", "seed=1,2", "epochs=3", params=params)
    assert fixed == ["batch_size=4", "truncation=7", "epochs=3"]
    assert [axis.keys for axis in swept] == [("model",), ("seed",)]
    assert axes("batch_size=2", params=params)[0] == ["batch_size=2"]


def test_fixed_overrides_are_kept_as_they_were_typed():
    typed = ["optimizer=sgd", "+data.note='a b'", "~recipe", "seed=0,1", "clip_norm=null"]
    assert axes(*typed)[0] == [text for text in typed if text != "seed=0,1"]


def test_zipped_keys_vary_together():
    found = dimensions("model=a,b,c", "seed=0,1", "optimizer.lr=1,2,3", zipped=[["model", "optimizer.lr"]])
    pairs = (("model=a", "optimizer.lr=1"), ("model=b", "optimizer.lr=2"), ("model=c", "optimizer.lr=3"))
    assert found == [Dimension(("model", "optimizer.lr"), pairs), Dimension(("seed",), (("seed=0",), ("seed=1",)))]
    assert len(list(product(found))) == 6


@pytest.mark.parametrize(
    ("zipped", "part"),
    [
        (["model", "seed"], "needs equally many values for each key, got {'model': 3, 'seed': 2}"),
        (["model", "optimizer.lrr"], "names optimizer.lrr, which has no list of values"),
        (["model", "epochs"], "names epochs, which has no list of values"),
        (["model", "optimizer.lr"], "names optimizer.lr, which has no list of values"),
    ],
)
def test_what_cannot_be_zipped_is_refused(zipped, part):
    with pytest.raises(ConfigError, match=part):
        axes("model=a,b,c", "seed=0,1", "epochs=3", "optimizer.lr=interval(0.1,1)", zipped=[zipped])


@pytest.mark.parametrize(
    ("typed", "part"),
    [
        (["tracker=memory,mlflow"], "tracker cannot be swept"),
        (["seed=0,1", "tracker.interval=1,2"], "tracker.interval cannot be swept"),
        (["resume=auto,null"], "resume cannot be swept"),
        (["sweeps=truncation,cell"], "sweeps cannot be swept"),
        (["seed=range(0)"], r"seed=range\(0\) holds no value"),
        (["optimizer.lr=interval(1,0.1)"], "an interval goes from a lower number to a higher one"),
        (["optimizer.lr=interval(1,1)"], "an interval goes from a lower number to a higher one"),
        (["optimizer.lr=interval(0,inf)"], "an interval goes from a lower number to a higher one"),
        (["optimizer.lr=tag(log,interval(0,1))"], "on a logarithmic scale an interval begins above 0"),
    ],
)
def test_what_cannot_be_swept_is_refused_with_a_sentence(typed, part):
    with pytest.raises(ConfigError, match=part):
        axes(*typed)


SGD = ["optimizer=sgd", "optimizer.lr=1,10", "optimizer.momentum=0.9"]
ADAM = ["optimizer=adam", "optimizer.betas=[0.9,0.99],[0.8,0.9]"]


def test_cases_are_one_axis_whose_alternatives_set_different_keys():
    fixed, (cases, seeds) = read_axes({}, ["epochs=2", "seed=0,1"], [], PARSER, [SGD, ADAM])
    assert fixed == ["epochs=2"]
    assert cases.keys == ("optimizer", "optimizer.lr", "optimizer.momentum", "optimizer.betas")
    assert cases.shared_keys == ("optimizer",)
    assert cases.alternatives == (
        ("optimizer=sgd", "optimizer.lr=1", "optimizer.momentum=0.9"),
        ("optimizer=sgd", "optimizer.lr=10", "optimizer.momentum=0.9"),
        ("optimizer=adam", "optimizer.betas=[0.9,0.99]"),
        ("optimizer=adam", "optimizer.betas=[0.8,0.9]"),
    )
    assert len(list(product([cases, seeds]))) == 8


def test_exclusions_leave_out_the_combinations_that_hold_all_their_values():
    swept = dimensions("model=a,b", "truncation=5,10,50", "optimizer.lr=0.001,1")
    excluded = read_exclusions([["model=a", "truncation=10,50"], ["optimizer.lr=1e-3", "truncation=5"]], swept, PARSER)
    kept = without_excluded(product(swept), excluded)
    assert [" ".join(override.partition("=")[2] for override in chosen) for chosen in kept] == [
        "a 5 1", "b 5 1", "b 10 0.001", "b 10 1", "b 50 0.001", "b 50 1"
    ]  # fmt: skip


def test_a_case_without_an_option_has_a_blank_in_the_tables_column(sweep):
    cases = "hydra.sweeper.cases=[[optimizer=sgd,optimizer.momentum=0.5,0.9],[optimizer=adam,optimizer.lr=0.01]]"
    swept = sweep(cases, "truncation=7,35", "hydra.sweeper.exclude=[[optimizer=adam,truncation=7]]", "epochs=1")
    assert swept.code == 0, swept.error
    rows = [line.split(",")[:4] for line in (swept.folder / "comparison.csv").read_text().splitlines()]
    assert rows[0] == ["optimizer", "optimizer.momentum", "optimizer.lr", "truncation"]
    assert rows[1:] == [
        ["adam", "", "0.01", "35"],
        *(["sgd", momentum, "1.0", length] for momentum in ("0.5", "0.9") for length in ("7", "35")),
    ]
    assert cases in swept.out + swept.parent.tags["command"]  # without the quotes that Hydra needs
    assert (
        sweep(cases, "truncation=7,35", "hydra.sweeper.exclude=[[optimizer=adam,truncation=7]]", "epochs=1").code == 0
    )


def test_seeds_run_slowest_so_every_point_is_tried_once_before_any_is_tried_again():
    combinations = list(product(dimensions("seed=0,1", "truncation=1,5", "epochs=2,3")))
    assert [c[0] for c in combinations] == ["seed=0"] * 4 + ["seed=1"] * 4
    assert combinations[:2] == [("seed=0", "truncation=1", "epochs=2"), ("seed=0", "truncation=1", "epochs=3")]
    assert len(set(combinations)) == 8


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["optimizer.lr=interval(0.1,1)"], "optimizer.lr is an interval: give values, or hydra.sweeper.search=random"),
        (["epochs=2"], "nothing is swept"),
        (["seed=0,1", "hydra.sweeper.replicates=3"], "the seeds are given twice"),
        (["seed=0,1", "hydra.sweeper.search=random"], "the seeds are given twice"),
        (["epochs=1,2", "resume=some-run"], "resume names one run"),
        (["truncatoin=1,2"], "truncatoin=1: there is no key truncatoin; did you mean truncation?"),
        (["model.hiden_size=1,2"], "there is no key model.hiden_size; did you mean model.hidden_size?"),
        (["data.path=a.txt,b.txt"], "data.path is no option of the chosen data but of characters"),
        (["truncation.steps=1,2"], "truncation.steps=1: truncation must be"),
        (["+model.extra=1,2"], "a swept key has no + or @, as model.extra=..."),
        (["model=torch_lstm,torch_lsm"], "there is no model torch_lsm; did you mean torch_lstm?"),
        (["epochs=1,2", "truncatoin=3"], "there is no key truncatoin"),
        (["epochs=1,2", "hydra.sweeper.search=best"], "hydra.sweeper.search must be one of grid, random, tpe"),
        (["epochs=1,2", "hydra.sweeper.trials=0"], "hydra.sweeper: trials must be at least 1, got 0"),
        (["epochs=1,2", "hydra.sweeper.budget=0"], "hydra.sweeper: budget must be above 0"),
        (["epochs=1,2", "hydra.sweeper.pruner=median"], "pruner=median needs search=random or search=tpe"),
        (["epochs=1,2", "hydra.sweeper.name=a/b"], "name must consist of letters"),
        (["epochs=1,2", "hydra.sweeper.zip=[[epochs]]"], "zip must hold lists of keys"),
        (["hydra.sweeper.exclude=[[truncation=7]]"], "exclude names truncation, which this sweep does not vary"),
        (["epochs=1,2", "hydra.sweeper.exclude=[[epochs=3]]"], "no combination has [epochs=3], so it excludes nothing"),
        (["epochs=1,2", "hydra.sweeper.exclude=[[epochs=2,1]]"], "exclude leaves no combination: there is nothing"),
        (["epochs=1,2", "hydra.sweeper.exclude=[[epochs]]"], "hydra.sweeper.exclude holds lists of KEY=VALUE, got"),
        (["epochs=1,2", "hydra.sweeper.exclude=[[epochs=1]]", "hydra.sweeper.search=random"], "exclude needs search="),
        (["epochs=1,2", "hydra.sweeper.cases=[[epochs=3]]"], "cases sets epochs, which is also given as epochs=1,2"),
        (["hydra.sweeper.cases=[[epochs=3,epochs=4]]"], "hydra.sweeper.cases: [epochs=3,epochs=4] sets epochs twice"),
        (["hydra.sweeper.cases=[[optimizer.lr=interval(0,1)]]"], "holds an interval: give values"),
        (["hydra.sweeper.cases=[[optimizer=sgd,optimizer.lrr=3]]"], "there is no key optimizer.lrr; did you mean"),
        (["hydra.sweeper.cases=[[resume=auto]]"], "resume cannot be swept"),
        (["epochs=1,2", "hydra.sweeper.metric=valid/f1"], "metric must be one of loss, perplexity, bits_per_symbol,"),
        (["epochs=1,2", "hydra.sweeper.metric=test/loss"], "what is chosen by the test split is not tested by it"),
        (["epochs=1,2", "hydra.sweeper.metric=valid/loss"], "metric=valid/loss: the data has no valid split"),
        (["epochs=1,2", "hydra.sweeper.direction=up"], "hydra.sweeper.direction must be one of minimize, maximize"),
        (["epochs=1,2", "hydra.sweeper.job_timeout=0"], "hydra.sweeper: job_timeout must be above 0"),
        (["epochs=1,2", "hydra.sweeper.zip=[epochs]"], "hydra.sweeper.zip must be a list of a list of text"),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_nothing_behind(command, tmp_path, arguments, part):
    outcome = command("-m", *arguments, "tracker=memory")
    assert (outcome.code, outcome.error.count("\n")) == (1, 1), outcome
    assert part in outcome.error
    assert not (tmp_path / "runs").exists()


def test_names_of_files_are_swept_by_a_pattern_and_pairs_by_zip(sweep):
    swept = sweep("model=glob(*_*,exclude=[numpy_*,bag_*,cbow_*])", "epochs=1")
    assert set(swept.jobs) == {f"model=torch_{cell} seed=0" for cell in ("rnn", "gru", "lstm")}
    swept = sweep("truncation=7,35", "batch_size=1,2", "hydra.sweeper.zip=[[truncation,batch_size]]", "epochs=1")
    assert set(swept.jobs) == {"truncation=7 batch_size=1 seed=0", "truncation=35 batch_size=2 seed=0"}
