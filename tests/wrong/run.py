"""Builds wrong versions of the server, one after another, and expects a test to catch each: run.py [word of a name or path]"""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
COPY = ROOT / "target" / "wrong"
PARTS = ["Cargo.lock", "rust-toolchain.toml", "protocol.md", "server/protocol", "server/state", "server/node",
         "tests/Cargo.toml", "tests/src", "tests/vectors"]
TESTS = ["vectors", "protocol_page", "merge", "model", "stored", "whole", "simulation", "roster", "roster_model",
         "roster_simulation", "relay"]
# Nothing needs more; those who catch with a story and not by chance need none of it.
SEEDS = "1000"
LIMIT_S = 120
PROFILE = """
[profile.test]
opt-level = 0
debug = false
"""


def copy():
    """The crates that are made wrong and their tests, as a workspace of their own. What is built there is kept, and files
    are as new as their copies, so that nothing wrong is left from the last time."""
    for part in PARTS:
        (COPY / part).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / part).is_dir():
            shutil.rmtree(COPY / part, ignore_errors=True)
            shutil.copytree(ROOT / part, COPY / part, copy_function=shutil.copyfile)
        else:
            shutil.copyfile(ROOT / part, COPY / part)
    shutil.rmtree(COPY / "tests/tests", ignore_errors=True)
    (COPY / "tests/tests").mkdir()
    for test in TESTS:
        shutil.copyfile(ROOT / "tests/tests" / f"{test}.rs", COPY / "tests/tests" / f"{test}.rs")
    lines = (ROOT / "Cargo.toml").read_text().splitlines()
    members = 'members = ["server/protocol", "server/state", "tests"]'
    lines = [members if line.startswith("members") else line for line in lines]
    manifest = "\n".join(lines).replace("[profile.test]\nopt-level = 1\n", PROFILE)
    (COPY / "Cargo.toml").write_text(manifest)


def cargo(*arguments):
    environment = dict(os.environ, CARGO_TARGET_DIR=str(COPY / "target"), SLOTCAST_SEEDS=SEEDS, RUST_BACKTRACE="0")
    environment.pop("SLOTCAST_SEED", None)
    command = ["cargo", "test", "--quiet", "--package", "slotcast-tests", "--no-default-features", *arguments]
    pipe = subprocess.PIPE
    # In a group of its own, so that a test that hangs ends with cargo.
    with subprocess.Popen(command, cwd=COPY, env=environment, stdout=pipe, stderr=pipe, text=True, start_new_session=True) as process:
        try:
            output, errors = process.communicate(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


def said(output):
    """The line behind the first panic."""
    lines = output.splitlines()
    panics = [line for place, line in enumerate(lines) if place and " panicked at " in lines[place - 1]]
    return panics[0][:100] if panics else "it failed"


def try_one(wrong):
    """What is bad, empty if the wrong version was caught; and what the test said."""
    path = COPY / wrong["file"]
    right = (ROOT / wrong["file"]).read_text()
    count = right.count(wrong["old"])
    if count != 1:
        return f"its old text is there {count} times", ""
    path.write_text(right.replace(wrong["old"], wrong["new"]))
    try:
        built = cargo("--no-run", "--test", wrong["caught_by"])
        if built.returncode != 0:
            return "does not build:\n" + built.stderr[-1500:], ""
        ran = cargo("--test", wrong["caught_by"])
        return ("SURVIVES", "") if ran.returncode == 0 else ("", said(ran.stdout + ran.stderr))
    except subprocess.TimeoutExpired:
        return "", "it hangs"
    finally:
        path.write_text(right)


def main():
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    wrongs = tomllib.loads((ROOT / "tests/wrong/wrong.toml").read_text())["wrong"]
    wrongs = [wrong for wrong in wrongs if word in wrong["name"] or word in wrong["file"]]
    copy()
    for test in dict.fromkeys(wrong["caught_by"] for wrong in wrongs):
        if cargo("--test", test).returncode != 0:
            sys.exit(f"{test} fails without anything wrong")
    bad = 0
    for wrong in wrongs:
        begun = time.monotonic()
        result, words = try_one(wrong)
        bad += bool(result)
        seconds = time.monotonic() - begun
        print(f'{result or "caught":10} {wrong["caught_by"]:14} {seconds:5.1f} s  {wrong["name"]}', flush=True)
        print(f"{'':35}{words}" if words else "", end="\n" if words else "")
    print(f"{bad} of {len(wrongs)} were not caught" if bad else "all were caught")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
