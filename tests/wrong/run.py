"""Runs wrong versions of the server and expects a test to catch each: run.py [word of a name or path]"""
import concurrent.futures
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
import tomllib

import switches

ROOT = pathlib.Path(__file__).resolve().parents[2]
COPY = ROOT / "target" / "wrong" / "copy"
# Where the tests lie that have the wrong versions in them.
SWITCHED = ROOT / "target" / "wrong" / "switched"
PARTS = ["Cargo.lock", "rust-toolchain.toml", "protocol.md", "slotcast.example.toml", "server/protocol", "server/state", "server/node",
         "tests/Cargo.toml", "tests/src", "tests/vectors", "fuzz/corpus"]
TESTS = ["vectors", "protocol_page", "merge", "model", "stored", "whole", "simulation", "roster", "roster_model",
         "roster_simulation", "relay", "people", "corpus", "rights", "room", "rings"]
# Nothing needs more; those who catch with a story and not by chance need none of it.
SEEDS = "1000"
LIMIT_S = 120
BUILD_S = 900
PROFILE = """
[profile.test]
opt-level = 1
debug = false
"""


def make():
    """The crates that are made wrong and their tests, as a workspace of their own. What is built there is kept, and files
    are as new as their copies, so that nothing wrong is left from the last time."""
    for part in PARTS:
        copy(part)
    shutil.rmtree(COPY / "tests/tests", ignore_errors=True)
    for test in TESTS:
        is_folder = (ROOT / "tests/tests" / test).is_dir()
        copy(f"tests/tests/{test}" if is_folder else f"tests/tests/{test}.rs")
    lines = (ROOT / "Cargo.toml").read_text().splitlines()
    members = 'members = ["server/protocol", "server/state", "tests"]'
    lines = [members if line.startswith("members") else line for line in lines]
    (COPY / "Cargo.toml").write_text("\n".join(lines) + PROFILE)


def copy(part):
    (COPY / part).parent.mkdir(parents=True, exist_ok=True)
    if (ROOT / part).is_dir():
        shutil.rmtree(COPY / part, ignore_errors=True)
        shutil.copytree(ROOT / part, COPY / part, copy_function=shutil.copyfile)
    else:
        shutil.copyfile(ROOT / part, COPY / part)


def run(command, limit_s, **more):
    """In a group of its own, so that what hangs ends with all that it has begun."""
    mine = {name: value for name, value in os.environ.items() if name not in ("SLOTCAST_SEED", switches.VARIABLE)}
    environment = mine | {"CARGO_TARGET_DIR": str(COPY.parent / "target"), "SLOTCAST_SEEDS": SEEDS, "RUST_BACKTRACE": "0"} | more
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=COPY / "tests", env=environment, stdout=pipe, stderr=pipe, text=True, start_new_session=True) as process:
        try:
            output, errors = process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


def build(tests):
    """The tests' paths by their names; None and the compiler's words if it does not build."""
    wanted = [word for test in tests for word in ("--test", test)]
    command = ["cargo", "test", "--quiet", "--package", "slotcast-tests", "--no-default-features", "--no-run", *wanted]
    built = run([*command, "--message-format", "json-render-diagnostics"], BUILD_S)
    if built.returncode != 0:
        return None, built.stderr
    made = [json.loads(line) for line in built.stdout.splitlines()]
    return {each["target"]["name"]: each["executable"] for each in made if each.get("executable")}, ""


def said(output):
    """The line behind the first panic."""
    lines = output.splitlines()
    panics = [line for place, line in enumerate(lines) if place and " panicked at " in lines[place - 1]]
    return panics[0][:100] if panics else "it failed"


def try_one(wrong, path, **more):
    """Whether the test at this path catches what is wrong; how long that takes is told, and what it says."""
    begun = time.monotonic()
    try:
        ran = run([path], LIMIT_S, **more)
        words = said(ran.stdout + ran.stderr) if ran.returncode else ""
    except subprocess.TimeoutExpired:
        words = "it hangs"
    return tell(wrong, "" if words else "SURVIVES", words, time.monotonic() - begun)


def tell(wrong, bad, words, seconds):
    line = f'{bad or "caught":10} {wrong["caught_by"]:16} {seconds:5.1f} s  {wrong["name"]}'
    print(line + (f"\n{'':37}{words}" if words else ""), flush=True)
    return not bad


def build_switched(bodies, tests):
    """The tests with what is wrong behind switches, laid aside; without a switch each must pass."""
    switches.build_in(ROOT, COPY, bodies)
    paths, errors = build(tests)
    if not paths:
        sys.exit(f"does not build, with what is wrong or without:\n{errors[-5000:]}")
    shutil.rmtree(SWITCHED, ignore_errors=True)
    SWITCHED.mkdir(parents=True)
    return {test: shutil.copy(path, SWITCHED / test) for test, path in paths.items()}


def passes(test, path):
    if run([path], BUILD_S).returncode != 0:
        sys.exit(f"{test} fails without anything wrong")


def try_alone(rows):
    """One after the other, each in a build of its own; whether each was caught."""
    return [try_built(wrong) for _, wrong in rows]


def try_built(wrong):
    path = COPY / wrong["file"]
    right = path.read_text()
    if right.count(wrong["old"]) != 1:
        sys.exit(f'{wrong["name"]}: its old text is there more than once')
    path.write_text(right.replace(wrong["old"], wrong["new"]))
    try:
        paths, errors = build([wrong["caught_by"]])
        return try_one(wrong, paths[wrong["caught_by"]]) if paths else tell(wrong, "DOES NOT BUILD", errors[-1500:], 0)
    finally:
        path.write_text(right)


def chosen(word):
    """The rows with this word in their names or paths, and their numbers."""
    wrongs = tomllib.loads((ROOT / "tests/wrong/wrong.toml").read_text())["wrong"]
    for wrong in wrongs:
        count = (ROOT / wrong["file"]).read_text().count(wrong["old"])
        if count != 1:
            sys.exit(f'{wrong["name"]}: its old text is {count} times in {wrong["file"]}')
    return [(number, wrong) for number, wrong in enumerate(wrongs) if word in wrong["name"] or word in wrong["file"]]


def main():
    rows = chosen(sys.argv[1] if len(sys.argv) > 1 else "")
    bodies, alone = switches.sort(ROOT, rows)
    make()
    tests = build_switched(bodies, list(dict.fromkeys(wrong["caught_by"] for _, wrong in rows)))
    switched = [row for rows in bodies.values() for row in rows]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(passes, tests.keys(), tests.values()))
        built = pool.submit(try_alone, alone)
        caught = pool.map(lambda row: try_one(row[1], tests[row[1]["caught_by"]], **{switches.VARIABLE: str(row[0])}), switched)
        bad = (list(caught) + built.result()).count(False)
    print(f"{bad} of {len(rows)} were not caught" if bad else "all were caught")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
