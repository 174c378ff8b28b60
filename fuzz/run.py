"""Fuzzes each target for a while, on stable Rust: run.py [--seconds 60] [--keep] [target ...]

What it finds new lies in target/fuzz/found; `--keep` puts as little of it as covers the same into fuzz/corpus, a line of hex an input.
An input for which a target does not hold is shown as such a line: it goes there too, where `make test` meets it, with the fix.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
PLACE = ROOT / "target" / "fuzz"
CORPUS = ROOT / "fuzz" / "corpus"
TRIPLE = "x86_64-unknown-linux-gnu"
# libFuzzer's instrumentation without a nightly compiler; a target of its own keeps it away from build scripts.
LEVEL = ["4", "inline-8bit-counters", "pc-table", "trace-compares"]
FLAGS = ["--cfg", "fuzzing", "-Cpasses=sancov-module", "-Ccodegen-units=1"]
FLAGS += [f"-Cllvm-args=-sanitizer-coverage-{'level=' if word.isdigit() else ''}{word}" for word in LEVEL]
# The limit on one allocation turns a length that is believed into a crash.
HELD_TO = ["-rss_limit_mb=512", "-malloc_limit_mb=64", "-timeout=2", "-max_len=4096"]
# What is kept for a target, shortest inputs first.
KEPT_BYTES = 12_000


def build():
    environment = dict(os.environ, RUSTFLAGS=" ".join(FLAGS), CARGO_TARGET_DIR=str(PLACE))
    command = ["cargo", "build", "--quiet", "--release", "--target", TRIPLE]
    subprocess.run(command, cwd=ROOT / "fuzz", env=environment, check=True)
    return PLACE / TRIPLE / "release" / "slotcast-fuzz"


def lines(target):
    path = CORPUS / f"{target}.txt"
    return path.read_text().split() if path.exists() else []


def emptied(folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def folders_of(target):
    """What has been found, what is kept, and the seeds; libFuzzer writes to the first."""
    found, kept = PLACE / "found" / target, emptied(PLACE / "kept" / target)
    found.mkdir(parents=True, exist_ok=True)
    for number, line in enumerate(lines(target)):
        (kept / f"{number}").write_bytes(bytes.fromhex(line))
    return [found, kept, PLACE / "seeds" / target]


def fuzz(binary, target, seconds):
    """Whether it held."""
    log, bad = PLACE / f"{target}.log", emptied(PLACE / "bad" / target)
    command = [binary, *HELD_TO, f"-max_total_time={seconds}", "-print_final_stats=1", f"-artifact_prefix={bad}/", *folders_of(target)]
    with open(log, "w") as output:
        ended = subprocess.run([str(word) for word in command], env=dict(os.environ, SLOTCAST_TARGET=target), stdout=output, stderr=output)
    said = log.read_text(errors="replace").splitlines()
    runs = next((line.split()[-1] for line in said if line.startswith("stat::number_of_executed_units")), "no")
    print(f"{target:13} {'held' if ended.returncode == 0 else 'DOES NOT HOLD'}, {runs} inputs", flush=True)
    if ended.returncode:
        print("\n".join(line for line in said if "panicked" in line or "ERROR" in line))
        print("\n".join(f"{path.name}: {path.read_bytes().hex()}" for path in bad.iterdir()))
    return ended.returncode == 0


def keep(binary, target):
    """The smallest set out of all that is known which covers the same, as far as there is room."""
    merged = emptied(PLACE / "merged" / target)
    command = [str(word) for word in (binary, *HELD_TO, "-merge=1", merged, *folders_of(target))]
    quiet = subprocess.DEVNULL
    subprocess.run(command, env=dict(os.environ, SLOTCAST_TARGET=target), stdout=quiet, stderr=quiet, check=True)
    seeds = {path.read_bytes() for path in (PLACE / "seeds" / target).iterdir()}
    room, kept = KEPT_BYTES, []
    for data in sorted({path.read_bytes() for path in merged.iterdir()} - seeds - {b""}, key=lambda data: (len(data), data)):
        room -= len(data)
        if room > 0:
            kept.append(data.hex())
    (CORPUS / f"{target}.txt").write_text("".join(line + "\n" for line in kept))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--keep", action="store_true")
    asked = parser.parse_args()
    binary = build()
    subprocess.run([binary], env=dict(os.environ, SLOTCAST_SEEDS_TO=str(PLACE / "seeds")), check=True)
    known = sorted(path.name for path in (PLACE / "seeds").iterdir())
    targets = asked.targets or known
    bad = sum(not fuzz(binary, target, asked.seconds) for target in targets)
    if asked.keep:
        for target in targets:
            keep(binary, target)
    print(f"{len(targets) - bad} passed, {bad} failed")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
