"""Exceptions as one line for a person."""


def sentence(error: BaseException) -> str:
    """What went wrong, for a person."""
    if isinstance(error, ValueError | OSError | ArithmeticError):  # raised with a sentence for the user
        return first_line(error)
    if isinstance(error, MemoryError) or "out of memory" in str(error) or "can't allocate memory" in str(error):
        return f"out of memory ({first_line(error)}): lower batch_size, truncation or the model's sizes"
    return f"{type(error).__name__}: {first_line(error)} (HYDRA_FULL_ERROR=1 shows where)"


def first_line(error: BaseException) -> str:
    """The first line of an exception's message, or its type where it has none."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
