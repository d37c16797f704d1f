"""A script begins anew with huge pages, once, and leaves what the user has set."""

import os
import subprocess
import sys

import pytest

from scripts import huge_pages

SCRIPT = (
    "import os, sys; from scripts.huge_pages import use_huge_pages; use_huge_pages();"
    "print(os.environ.get('GLIBC_TUNABLES', '-'), os.getpid(), *sys.argv[1:])"
)


def run(**environment):
    """What the script says, and whether it was the process that was started that said it."""
    kept = {name: value for name, value in os.environ.items() if name != "GLIBC_TUNABLES"}
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, "one", "two words"],
        env={**kept, **environment},
        stdout=subprocess.PIPE,
        text=True,
    )
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    tunables, number, rest = said.strip().split(" ", 2)
    assert int(number) == process.pid
    assert rest == "one two words"
    return tunables


@pytest.mark.skipif(not huge_pages._to_be_had(), reason="this machine gives no huge pages")
def test_a_script_begins_anew_with_its_arguments():
    assert run() == "glibc.malloc.hugetlb=1"
    assert run(GLIBC_TUNABLES="glibc.malloc.check=0") == (
        "glibc.malloc.check=0:glibc.malloc.hugetlb=1"
    )


def test_what_the_user_has_set_stays():
    assert run(GLIBC_TUNABLES="glibc.malloc.hugetlb=0") == "glibc.malloc.hugetlb=0"


@pytest.mark.parametrize(
    ("library", "setting"),
    [("musl 1.2", "[madvise]"), ("glibc 2.31", "[madvise]"), ("glibc 2.36", "[always] madvise")],
)
def test_elsewhere_nothing_is_done(monkeypatch, tmp_path, library, setting):
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    monkeypatch.setattr(os, "confstr", lambda name: library)
    monkeypatch.setattr(huge_pages, "_SETTING", tmp_path / "enabled")
    monkeypatch.setattr(os, "execve", lambda *_: pytest.fail("began anew"))
    huge_pages.use_huge_pages()  # there is no such file
    (tmp_path / "enabled").write_text(setting)
    huge_pages.use_huge_pages()
