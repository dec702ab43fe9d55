"""What the benchmarks keep, what they say of two files, and that docs/speed.md has no figure of its own."""

import re

import pytest

from benchmarks import __main__ as program
from benchmarks import changes, machine, page, storing
from benchmarks.parts import PARTS
from benchmarks.plot import draw
from benchmarks.results import PRODUCTS, Result, result_of

STAMP = {
    "date": "2030-01-02 03:04 UTC",
    "minutes": 1.5,
    "commit": "0123456789ab",
    "changed": False,
    "processor": "a processor",
    "cores": 2,
    "load": 0.5,
    "products_gflops": [200, 210],
    "versions": {"torch": "2.0"},
}


def turns(*seconds: float, memory: float = 100.0) -> list[dict[str, float]]:
    return [{"seconds": value, "memory": memory} for value in seconds]


def part(sides: dict[str, list], figures: tuple[str, ...] = ("seconds",), **stamp) -> dict:
    """A stored part with one group."""
    result = Result("Title", "About.", ["side"], [["ours"]], {"2x200": sides}, [PRODUCTS, "plain"], [*figures], {})
    return STAMP | stamp | vars(result)


def sides(ours: tuple[float, ...], plain=(2.0, 2.02, 2.01), products=(0.5, 0.505, 0.5)) -> dict[str, list]:
    return {"plain": turns(*plain), "ours": turns(*ours), PRODUCTS: turns(*products)}


def verdicts(before: dict, after: dict) -> dict[tuple[str, str], str]:
    found = changes.changes("torch", before, after)
    return {(one.side, one.figure.split()[0]): one.verdict for one in found}


def test_a_part_that_is_stored_is_read_back_with_every_turn(tmp_path):
    file = tmp_path / "speed.json"
    text = 'a "quoted" [text] {with} | brackets\nand lines'
    found = {"2x200": sides((1.0, 1.1, 1.2))}
    result = Result("Title", text, ["side", "ms"], [["ours", "1.1"]], found, [PRODUCTS], ["seconds"], {"a": {"1": 2.0}})
    storing.store(file, "torch", result, STAMP)
    assert storing.result_in(storing.read(file)["torch"]) == result
    assert {key: storing.read(file)["torch"][key] for key in STAMP} == STAMP
    assert len(file.read_text().splitlines()) < 50  # a turn is one line


def test_a_part_measured_alone_leaves_the_others_as_they_were(tmp_path):
    file = tmp_path / "speed.json"
    for name, date in (("torch", "before"), ("numpy", "before"), ("torch", "after")):
        storing.store(file, name, storing.result_in(part(sides((1.0, 1.0)))), STAMP | {"date": date})
    assert {name: stored["date"] for name, stored in storing.read(file).items()} == {
        "torch": "after",
        "numpy": "before",
    }


@pytest.mark.parametrize("content", ["", "[]", '{"a": 1}', "not json"])
def test_a_file_that_is_none_of_ours_is_refused_in_a_sentence(tmp_path, content):
    file = tmp_path / "other.json"
    file.write_text(content)
    with pytest.raises(SystemExit, match="is no file of results"):
        storing.read(file)


def test_a_missing_file_and_another_format_are_named(tmp_path):
    with pytest.raises(SystemExit, match="cannot be read"):
        storing.read(tmp_path / "none.json")
    (tmp_path / "new.json").write_text('{"format": 99, "parts": {}}')
    with pytest.raises(SystemExit, match="has format 99; this program reads format 1"):
        storing.read(tmp_path / "new.json")


def test_the_old_form_of_a_part_keeps_its_table():
    text = "## Cells\n\nWhat was measured.\nIn two lines.\n\n| side | ms |\n| --- | --- |\n| ours | 1 |\n| other |  |\n"
    result = result_of((text, {"curve": {5: 1.0}}))
    assert (result.title, result.about) == ("Cells", "What was measured.\nIn two lines.")
    assert (result.head, result.rows) == (["side", "ms"], [["ours", "1"], ["other", ""]])
    assert (result.turns, result.drawn) == ({}, {"curve": {"5": 1.0}})


def test_a_slower_side_is_found_and_a_machine_half_as_fast_is_no_change():
    before = part(sides((1.0, 1.01, 1.02)))
    slower = part(sides((1.2, 1.21, 1.22)))
    half = part(
        {label: [{key: 2 * v for key, v in t.items()} for t in own] for label, own in before["turns"]["2x200"].items()}
    )
    assert verdicts(before, slower) == {("plain", "seconds"): "", ("ours", "seconds"): changes.WORSE}
    assert verdicts(slower, before)["ours", "seconds"] == changes.BETTER
    assert set(verdicts(before, half).values()) == {""}


def test_within_the_noise_of_the_turns_nothing_is_said():
    before, after = part(sides((1.0, 1.1, 1.2))), part(sides((1.1, 1.25, 1.3)))
    assert verdicts(before, after)["ours", "seconds"] == ""
    quiet, little = part(sides((1.0, 1.0, 1.0))), part(sides((1.02, 1.02, 1.02)))
    assert verdicts(quiet, little)["ours", "seconds"] == ""  # 2 %: less than what is worth saying


def test_a_peer_that_got_slower_is_no_loss_of_ours():
    before, after = part(sides((1.0, 1.01))), part(sides((1.0, 1.01), plain=(3.0, 3.01)))
    text, is_worse = changes.report({"torch": before}, {"torch": after})
    assert "differs, not ours" in text
    assert not is_worse


def test_memory_is_divided_by_the_first_side_not_by_the_products():
    before = part(sides((1.0, 1.0)), ("memory",))
    after = part(sides((1.0, 1.0)), ("memory",))
    for turn in after["turns"]["2x200"]["ours"]:
        turn["memory"] = 150.0
    (change,) = [one for one in changes.changes("memory", before, after) if one.side == "ours"]
    assert (change.figure, change.before, change.after) == ("memory / plain", 1.0, 1.5)
    assert change.cells()[-1] == "LARGER"


def test_a_side_alone_is_compared_only_on_the_same_machine():
    alone = {"ours": turns(1.0, 1.01)}
    slower = {"ours": turns(2.0, 2.01)}
    assert verdicts(part(alone), part(slower)) == {("ours", "seconds"): changes.WORSE}
    text, is_worse = changes.report({"startup": part(alone)}, {"startup": part(slower, cores=64)})
    assert "not compared: startup: nothing to divide by, and the files are of different machines" in text
    assert not is_worse


def test_what_cannot_be_compared_is_said_with_its_reason():
    whole, once, none = part(sides((1.0, 1.0))), part(sides((1.0,), (2.0,), (0.5,))), part({}) | {"turns": {}}
    text, is_worse = changes.report(
        {"torch": whole, "loop": whole, "growth": none}, {"torch": once, "growth": none, "keras": whole}
    )
    assert "not compared: torch: one turn does not tell how noisy it is" in text
    assert "not compared: loop: only in the first file" in text
    assert "not compared: keras: only in the second file" in text
    assert "not compared: growth: it keeps no turns" in text
    assert "before: commit 0123456789ab; 2 cores of a processor; products at 200 to 210 GFLOP/s" in text
    assert not is_worse


def test_the_command_compares_two_files_and_its_exit_code_says_whether_something_got_slower(tmp_path, capsys):
    for name, seconds in (("before", (1.0, 1.01, 1.0)), ("after", (1.5, 1.51, 1.5))):
        storing.store(tmp_path / f"{name}.json", "torch", storing.result_in(part(sides(seconds))), STAMP)
    before, after = str(tmp_path / "before.json"), str(tmp_path / "after.json")
    assert program.main(["compare", before, after]) == 1
    assert "SLOWER" in capsys.readouterr().out
    assert program.main(["compare", after, before]) == 0
    assert "2 figures compared: 0 worse, 1 better beyond the noise of their turns" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="compare takes two files"):
        program.main(["compare", before])


def test_parts_run_alone_go_into_the_file_that_is_named_and_not_into_docs(tmp_path, monkeypatch, capsys):
    file, made = tmp_path / "mine.json", []
    monkeypatch.setattr(program, "products_speed", lambda: 123.4)
    monkeypatch.setattr(program, "make_page", made.append)
    monkeypatch.setitem(PARTS, "loop", lambda: storing.result_in(part(sides((1.0, 1.0)))))
    assert program.main(["loop", "--to", str(file)]) == 0
    (stored,) = storing.read(file).values()
    assert stored["products_gflops"] == [123, 123]
    assert stored["commit"] == machine.commit()["commit"]
    assert stored["turns"]["2x200"]["ours"] == turns(1.0, 1.0)
    assert capsys.readouterr().out.startswith("## Title")
    assert not made
    with pytest.raises(SystemExit, match="there is no part nothing; there is torch"):
        program.main(["nothing"])


def test_the_page_says_of_every_group_how_many_times_a_peer_and_which_share_of_the_products():
    text = page.page({"torch": part(sides((1.0, 1.0, 1.0), plain=(2.0, 2.0, 2.0), products=(0.5, 0.5, 0.5)))}, [*PARTS])
    assert "| torch | 2x200 | plain | 2.00 | 25% | 50% |" in text
    assert "matrix products at 200 and 210 GFLOP/s before and after" in text
    assert "commit 0123456789ab; 2 cores of a processor" in text


def test_docs_have_what_the_file_gives():
    parts = storing.read(program.RESULTS)
    assert set(parts) <= set(PARTS)
    assert (program.DOCS / "speed.md").read_text() == page.page(parts, [*PARTS])


def test_the_prose_of_the_page_has_no_figures():
    prose = re.sub(r"`[^`]*`", "", page.PROSE.read_text())
    assert not re.findall(r"(?<!\w)\d+", prose)


def test_the_picture_draws_what_is_there(tmp_path):
    drawn = {
        "torch": {"2x200": {"ours": 2.0, "plain": 1.0}, "2x650": {"ours": 1.0}},
        "growth": {"batch": {"5": 2, "20": 1}},
    }
    for name, some in {"both": drawn, "none": {}}.items():
        draw(some, tmp_path / f"{name}.png")
        assert (tmp_path / f"{name}.png").stat().st_size > 10_000


def test_the_file_in_docs_keeps_every_turn_of_every_side():
    for stored in storing.read(program.RESULTS).values():
        for figure in stored["figures"]:
            turns = [turn for group in stored["turns"].values() for own in group.values() for turn in own]
            assert all(turn[figure] >= 0 for turn in turns)
