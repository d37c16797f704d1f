"""What is printed, for whoever reads it, and for as long as they do."""

import os
import sys
from collections.abc import Callable
from functools import wraps


def until_closed(main: Callable[[list[str]], int]) -> Callable[[list[str]], int]:
    """Makes a script leave in silence where what reads it, such as `head`, has had enough."""

    @wraps(main)
    def run(arguments: list[str]) -> int:
        try:
            status = main(arguments)
            sys.stdout.flush()
        except BrokenPipeError:
            # Python would complain again when it closes what it prints to.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        return status

    return run
