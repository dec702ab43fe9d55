"""A table of runs for a paper: LaTeX with booktabs."""

from .columns import BEST, HALF_WIDTH
from .rendering import rounded
from .significance import how_tested, indistinguishable
from .table import COSTS, Table

SIGNS = {
    "\\": r"\textbackslash{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": "$<$",
    ">": "$>$",
    "±": r"$\pm$",
}


def to_latex(table: Table, caption: str, label: str) -> str:
    """A floating table; what decides is bold in the rows that are not distinguishable from the best one.

    Costs, counts and second forms of the score are left out unless they were asked for: a page is narrow.
    """
    texts, same = rounded(table)
    names = [name for name in texts if is_for_paper(table, name)]
    bold = indistinguishable(table.scores, table.best) if table.best is not None else []
    lines = [r"\begin{table}", r"  \centering", f"  \\caption{{{escaped(caption_of(table, caption, same))}}}"]
    lines += [f"  \\label{{tab:{label}}}", f"  \\begin{{tabular}}{{{alignment(table, names)}}}", r"    \toprule"]
    lines += [f"    {' & '.join(map(escaped, map(shown, names)))} \\\\", r"    \midrule"]
    for number in range(len(table.frame)):
        cells = [escaped(texts[name][number]) for name in names]
        if bold and bold[number]:
            cells = [as_bold(c) if name == table.decides else c for name, c in zip(names, cells)]
        lines.append(f"    {' & '.join(cells)} \\\\")
    lines += [r"    \bottomrule", r"  \end{tabular}", r"\end{table}"]
    return "% needs \\usepackage{booktabs}\n" + "\n".join(lines) + "\n"


def is_for_paper(table: Table, name: str) -> bool:
    """Whether a column is shown: axes, what decides, what was asked for, and the best and the test score."""
    if name in (*table.axes, table.decides, *table.chosen):
        return True
    if table.chosen or name in (*COSTS, "runs", "outcome") or name.endswith((" last", f"/loss {BEST}")):
        return False
    return "unknown_share" not in name and name != "vocabulary_size"


def caption_of(table: Table, caption: str, same: dict[str, str]) -> str:
    """What the table shows, what ± and bold are, and what all rows share."""
    sentences = [caption]
    if any(f"{name} {HALF_WIDTH}" in table.frame for name in table.frame) and any(len(s) > 1 for s in table.scores):
        sentences.append("Means over seeds ± half of the 95 % confidence interval (Student's t)")
    if table.best is not None:
        which = "highest" if table.higher_is_better else "lowest"
        tested = how_tested(table.scores, table.best)
        sentences.append(f"Bold: {which} {shown(table.decides)}, or not distinguishable from it ({tested})")
    kept = [f"{name} {text}" for name, text in same.items() if name in table.axes or name in ("runs", "outcome")]
    if kept:
        sentences.append(f"In every row: {'; '.join(kept)}")
    return ". ".join(sentences) + "."


def shown(name: str) -> str:
    """A column's name without the slash: valid perplexity."""
    return name.removesuffix(f" {BEST}").replace("/", " ") if "/" in name else name


def alignment(table: Table, names: list[str]) -> str:
    """Words to the left, numbers to the right."""
    return "".join("l" if table.frame[name].map(lambda cell: isinstance(cell, str)).any() else "r" for name in names)


def escaped(text: str) -> str:
    """Text with LaTeX's own signs as they are printed."""
    return "".join(SIGNS.get(sign, sign) for sign in text)


def as_bold(cell: str) -> str:
    """A cell in bold, its ± too."""
    return cell and f"\\textbf{{{cell.replace('$', '')}}}".replace(r"\pm", r"$\pm$")
