"""Scripts whose reader has had enough."""

import os
import subprocess
import sys

ENDLESS = """
import sys
from scripts.standard_output import until_closed

@until_closed
def main(arguments):
    while True:
        print("a line")

sys.exit(main([]))
"""


def test_a_reader_that_leaves_is_no_error():
    """As `head -1` does; without it Python prints a traceback, and another when it ends."""
    with subprocess.Popen(
        [sys.executable, "-c", ENDLESS],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": "."},
    ) as script:
        assert script.stdout.readline() == b"a line\n"
        script.stdout.close()
        assert script.stderr.read() == b""
        assert script.wait() == 0
