"""Names that recorded configs hold for what has another name now, so that they go on loading and meaning the same."""

# The first name of everything that had another one: it stands in the identities of all recorded runs, so it goes on
# being what an identity is computed from.
FORMER_NAMES = {
    "experiments.models.TorchNetwork": "experiments.models.torch_network.TorchNetwork",
    "experiments.models.NumpyNetwork": "experiments.models.numpy_network.NumpyNetwork",
    "experiments.models.BagOfWords": "experiments.models.bag_of_words.BagOfWords",
    "experiments.models.Ngram": "experiments.models.ngram.Ngram",
    "experiments.models.ContextNetwork": "experiments.models.context_network.ContextNetwork",
    "experiments.tracking.MemoryTracker": "experiments.memory_tracking.MemoryTracker",
    "experiments.tracking.MlflowTracker": "experiments.mlflow_tracking.MlflowTracker",
    "experiments.data.Words": "experiments.data.words.Words",
    "experiments.data.PennTreebank": "experiments.data.ptb.PennTreebank",
    "experiments.data.Characters": "experiments.data.characters.Characters",
    "experiments.data.Imdb": "experiments.data.imdb.Imdb",
    "experiments.runners.Train": "experiments.runners.train.Train",
    "experiments.runners.Evaluate": "experiments.runners.evaluate.Evaluate",
    "experiments.runners.Sample": "experiments.runners.sample.Sample",
    "experiments.runners.Summary": "experiments.runners.summary.Summary",
    "experiments.runners.Compare": "experiments.runners.compare.Compare",
    "experiments.runners.Dashboard": "experiments.runners.dashboard.Dashboard",
    "experiments.runners.Doctor": "experiments.runners.doctor.Doctor",
    "experiments.training.Constant": "experiments.schedules.Constant",
    "experiments.training.StepDecay": "experiments.schedules.StepDecay",
    "experiments.training.Plateau": "experiments.schedules.Plateau",
    "experiments.training.Linear": "experiments.schedules.Linear",
    "experiments.training.Cosine": "experiments.schedules.Cosine",
}
PUBLIC_NAMES = {former: public for public, former in FORMER_NAMES.items()}
