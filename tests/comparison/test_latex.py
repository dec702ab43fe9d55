"""The table for a paper: what is bold, what it says, and that LaTeX accepts it."""

import shutil
import subprocess

import numpy as np
import pytest
from scipy import stats

from experiments.comparison.columns import Layout
from experiments.comparison.latex import escaped, to_latex
from experiments.comparison.report import Report
from experiments.comparison.significance import indistinguishable, p_value
from experiments.comparison.table import compare

from .fabricated import a_run, grid

DOCUMENT = "\\documentclass{article}\n\\usepackage{booktabs}\n\\begin{document}\n%s\n\\end{document}\n"


def rows_of(text):
    return [line.strip() for line in text.splitlines() if line.rstrip().endswith(r"\\")][1:]


def test_p_is_that_of_welch():
    draws = np.random.default_rng(0)
    one, other = draws.normal(0, 1, 5), draws.normal(1, 3, 8)
    assert p_value(list(one), list(other)) == pytest.approx(stats.ttest_ind(one, other, equal_var=False).pvalue)
    assert p_value([1.0, 1.0], list(other)) == pytest.approx(stats.ttest_1samp(other, 1.0).pvalue)


def test_p_does_not_depend_on_the_scale():
    one, other = [1.0, 1.5, 1.2], [1.4, 2.1, 2.0]
    for scale in (1e-200, 1e150, 1e300):
        assert p_value([scale * x for x in one], [scale * x for x in other]) == pytest.approx(p_value(one, other))


def test_what_cannot_be_told_from_the_best_is_bold():
    scores = [[1.0, 1.1, 1.2], [1.05, 1.3, 1.1], [3.0, 3.1, 3.05], [1.1]]
    assert indistinguishable(scores, 0) == [True, True, False, False]
    assert indistinguishable([[1.0], [1.0]], 0) == [True, False]  # one seed: no test
    assert indistinguishable([[1.0, 1.0], [1.0, 1.0], [2.0, 2.0]], 0) == [True, True, False]


def test_the_table_has_bold_scores_and_says_which_test():
    runs = grid({"x": [1, 2, 3]}, 3, lambda point: 3.0 + 2 * (point["x"] == 3))
    text = to_latex(compare(runs, ["x", "seed"], Layout(metric="valid/perplexity")), "a sweep", "t")
    assert [r"\textbf{" in row for row in rows_of(text)] == [True, True, False]
    assert "Welch's t-test over seeds, two-sided" in text
    assert "valid perplexity" in text
    assert "targets" not in text  # costs
    single = to_latex(compare(grid({"x": [1, 2]}, 1, lambda point: point["x"]), ["x"]), "a", "t")
    assert "with one seed in the best row there is no test" in single


def test_signs_of_latex_are_escaped():
    assert escaped(r"50 % of a_b & #1 \x ~ ^ ± {}") == (
        r"50 \% of a\_b \& \#1 \textbackslash{}x \textasciitilde{} \textasciicircum{} $\pm$ \{\}"
    )


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="there is no pdflatex")
def test_latex_compiles(tmp_path):
    if subprocess.run(["kpsewhich", "booktabs.sty"], capture_output=True, check=False).returncode:
        pytest.skip("there is no booktabs")
    runs = grid({"model": ["a_b", r"50%&#\ ^~{}$"], "x": [1, 2]}, 3, lambda point: 3.0 + point["x"])
    runs += [a_run("l", {"x": 1}, 0.5, **{"dataset.task": "labels", "command": "a_b --c 50%"})]
    (tmp_path / "t.tex").write_text(DOCUMENT % Report(runs, None, None, "sweep a_b").latex())
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    assert (tmp_path / "t.pdf").exists()
