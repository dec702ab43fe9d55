"""Config-driven experiments with recurrent networks.

From Python, `import experiments as ex`: `ex.run`, `ex.load`, `ex.runs` and `ex.compare`, imported on first use.
"""

from .config.lazy import lazy

PUBLIC = {
    "run": "api.running",
    "Run": "api.running",
    "load": "api.trained",
    "Trained": "api.trained",
    "runs": "api.records",
    "compare": "api.records",
    "ConfigError": "config.errors",
}
__getattr__ = lazy(__name__, PUBLIC)
