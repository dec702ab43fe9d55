"""Recording runs: the journal of a run, its delivery to a store, and reading runs from both."""

import logging
import os

from ..config.lazy import lazy

PUBLIC = {"MlflowStore": "mlflow_store", "MemoryStore": "memory"}
__getattr__ = lazy(__name__, PUBLIC)

# MLflow reads these when it is imported, which only modules of this package do: no telemetry, and short timeouts.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")

for name in ("mlflow", "alembic", "urllib3"):
    logging.getLogger(name).setLevel(logging.ERROR)
