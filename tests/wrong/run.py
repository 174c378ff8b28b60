"""Builds wrong versions of the server, two at a time, and expects a test to catch each: run.py [word of a name or path]"""
import concurrent.futures
import os
import pathlib
import queue
import shutil
import signal
import subprocess
import sys
import time
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
# What is built is mostly built by one core at a time.
COPIES = [ROOT / "target" / "wrong" / name for name in ("a", "b")]
PARTS = ["Cargo.lock", "rust-toolchain.toml", "protocol.md", "slotcast.example.toml", "server/protocol", "server/state", "server/node",
         "tests/Cargo.toml", "tests/src", "tests/vectors", "fuzz/corpus"]
TESTS = ["vectors", "protocol_page", "merge", "model", "stored", "whole", "simulation", "roster", "roster_model",
         "roster_simulation", "relay", "people", "corpus", "rights", "room"]
# Nothing needs more; those who catch with a story and not by chance need none of it.
SEEDS = "1000"
LIMIT_S = 120
FIRST_S = 900
PROFILE = """
[profile.test]
opt-level = 1
debug = false
"""


def make(copy):
    """The crates that are made wrong and their tests, as a workspace of their own. What is built there is kept, and files
    are as new as their copies, so that nothing wrong is left from the last time."""
    for part in PARTS:
        (copy / part).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / part).is_dir():
            shutil.rmtree(copy / part, ignore_errors=True)
            shutil.copytree(ROOT / part, copy / part, copy_function=shutil.copyfile)
        else:
            shutil.copyfile(ROOT / part, copy / part)
    shutil.rmtree(copy / "tests/tests", ignore_errors=True)
    (copy / "tests/tests").mkdir()
    for test in TESTS:
        shutil.copyfile(ROOT / "tests/tests" / f"{test}.rs", copy / "tests/tests" / f"{test}.rs")
    lines = (ROOT / "Cargo.toml").read_text().splitlines()
    members = 'members = ["server/protocol", "server/state", "tests"]'
    lines = [members if line.startswith("members") else line for line in lines]
    (copy / "Cargo.toml").write_text("\n".join(lines) + PROFILE)


def cargo(copy, *arguments, limit_s=LIMIT_S):
    environment = dict(os.environ, CARGO_TARGET_DIR=str(copy / "target"), SLOTCAST_SEEDS=SEEDS, RUST_BACKTRACE="0")
    environment.pop("SLOTCAST_SEED", None)
    command = ["cargo", "test", "--quiet", "--package", "slotcast-tests", "--no-default-features", *arguments]
    pipe = subprocess.PIPE
    # In a group of its own, so that a test that hangs ends with cargo.
    with subprocess.Popen(command, cwd=copy, env=environment, stdout=pipe, stderr=pipe, text=True, start_new_session=True) as process:
        try:
            output, errors = process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


def said(output):
    """The line behind the first panic."""
    lines = output.splitlines()
    panics = [line for place, line in enumerate(lines) if place and " panicked at " in lines[place - 1]]
    return panics[0][:100] if panics else "it failed"


def try_one(copy, wrong):
    """What is bad, empty if the wrong version was caught; and what the test said."""
    path = copy / wrong["file"]
    right = (ROOT / wrong["file"]).read_text()
    path.write_text(right.replace(wrong["old"], wrong["new"]))
    try:
        built = cargo(copy, "--no-run", "--test", wrong["caught_by"])
        if built.returncode != 0:
            return "does not build:\n" + built.stderr[-1500:], ""
        ran = cargo(copy, "--test", wrong["caught_by"])
        return ("SURVIVES", "") if ran.returncode == 0 else ("", said(ran.stdout + ran.stderr))
    except subprocess.TimeoutExpired:
        return "", "it hangs"
    finally:
        path.write_text(right)


def tell(wrong, result, words, seconds):
    line = f'{result or "caught":10} {wrong["caught_by"]:14} {seconds:5.1f} s  {wrong["name"]}'
    print(line + (f"\n{'':35}{words}" if words else ""), flush=True)


def work(copy, wrongs, tests):
    """Takes from the common pile until it is empty; how many were not caught."""
    make(copy)
    if cargo(copy, "--no-run", limit_s=FIRST_S).returncode != 0:
        sys.exit("what is not wrong does not build")
    for test in tests:
        if cargo(copy, "--test", test, limit_s=FIRST_S).returncode != 0:
            sys.exit(f"{test} fails without anything wrong")
    bad = 0
    while True:
        try:
            wrong = wrongs.get_nowait()
        except queue.Empty:
            return bad
        begun = time.monotonic()
        result, words = try_one(copy, wrong)
        bad += bool(result)
        tell(wrong, result, words, time.monotonic() - begun)


def main():
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    wrongs = tomllib.loads((ROOT / "tests/wrong/wrong.toml").read_text())["wrong"]
    for wrong in wrongs:
        count = (ROOT / wrong["file"]).read_text().count(wrong["old"])
        if count != 1:
            sys.exit(f'{wrong["name"]}: its old text is {count} times in {wrong["file"]}')
    pile = queue.SimpleQueue()
    wrongs = [wrong for wrong in wrongs if word in wrong["name"] or word in wrong["file"]]
    for wrong in wrongs:
        pile.put(wrong)
    tests = list(dict.fromkeys(wrong["caught_by"] for wrong in wrongs))
    halves = [tests[number::len(COPIES)] for number in range(len(COPIES))]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        bad = sum(pool.map(work, COPIES, [pile] * len(COPIES), halves))
    print(f"{bad} of {len(wrongs)} were not caught" if bad else "all were caught")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
