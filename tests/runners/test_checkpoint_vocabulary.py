"""Checkpoints hold their vocabulary: sampling needs no text, and other texts are read through it."""

from experiments.interfaces.vocabulary import Vocabulary


def test_words_are_detokenized_piece_by_piece_with_line_ends():
    vocabulary = Vocabulary(["<eos>", "a", "b"], separator=" ", end_of_line="<eos>")
    pieces = list(vocabulary.decode_stream([1, 2, 0, 1, 0, 0, 2]))
    assert pieces == ["a", " b", "\n", "a", "\n", "\n", "b"]
    assert vocabulary.split("".join(pieces)) == vocabulary.decode([1, 2, 0, 1, 0, 0, 2]).split()
    assert "".join(Vocabulary("ab\n", separator="").decode_stream([0, 1, 2, 0])) == "ab\na"
