"""Scripts that leave before they begin: tyro exits after --help, or where an option is wrong."""

import pytest


def status_of(main, *arguments):
    """The status with which a script leaves."""
    with pytest.raises(SystemExit) as left:
        main([*map(str, arguments)])
    return left.value.code
