"""`python -m experiments` is the command `experiments`."""

from .cli import main

if __name__ == "__main__":
    main()
