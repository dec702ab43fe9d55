"""The examples run as they stand."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
RUN_AND_LIST_MODULES = "import runpy, sys; runpy.run_path(sys.argv[1]); print('torch' in sys.modules)"


def test_bptt_by_hand_learns_its_sentence_without_torch():
    command = [sys.executable, "-c", RUN_AND_LIST_MODULES, str(ROOT / "examples" / "bptt_by_hand.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    first, *_, last, sentence, imports_torch = done.stdout.splitlines()
    assert float(first.split()[-1]) > 10 > 1.01 > float(last.split()[-1])
    assert sentence == "hello pytorch. how long can a rnn cell remember?"
    assert imports_torch == "False"
