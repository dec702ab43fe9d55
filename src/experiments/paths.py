"""Where the configs live."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent

# The folder that holds conf/ and sweeps/: inside the package in a wheel, the checkout's root otherwise.
HOME = _PACKAGE if (_PACKAGE / "conf").is_dir() else _PACKAGE.parents[1]
