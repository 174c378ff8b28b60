#!/usr/bin/env python3
"""Compares the server with the floor: alternating runs, medians, ratios, and the numbers to beat.

    bench/run.py                               all scenarios, three runs
    bench/run.py --only w1-40,w3 --runs 1      some of them, once
    bench/run.py --save bench/baselines/x.json keep the figures, with machine, date and command
    bench/run.py disk                          the store: see disk.py
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import resource
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

from goals import compare, print_comparison, quotient

ROOT = pathlib.Path(__file__).resolve().parent.parent
RELEASE = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "release"
SERVER_CPU, LOAD_CPU = "0", "1"

# Name: the floor's mode (none: it is no model there), the load's arguments, seconds that one run may take, and whether one run is enough:
# for what is long, or is held to no goal.
SCENARIOS = {
    "w1-40": ("single", ["w1", "--rate", "40", "--seconds", "5"], 60, False),
    "w1-100": ("single", ["w1", "--rate", "100", "--seconds", "5"], 60, False),
    "w1-1000": ("batched", ["w1", "--rate", "1000", "--seconds", "5"], 60, True),
    "w1-saturated": ("batched", ["w1", "--rate", "0", "--seconds", "1"], 120, False),
    "w2-1": ("single", ["w2", "--rate", "1", "--seconds", "5"], 60, False),
    "w2-saturated": ("batched", ["w2", "--rate", "0", "--seconds", "2"], 60, False),
    "w3": ("single", ["w3", "--connections", "10000", "--seconds", "5"], 180, True),
    "w3-18000": ("single", ["w3", "--connections", "18000", "--seconds", "5"], 180, True),
    "w4": ("full", ["w4"], 60, False),
    "w5": (None, ["w5"], 180, True),
    "w6": ("batched", ["w6"], 60, True),
    # A page that writes all the while: what it says in one frame of its screen comes at once.
    "w6-frames": ("batched", ["w6", "--burst", "17", "--seconds", "3"], 60, False),
    "w6-2": ("batched", ["w6", "--objects", "2", "--seconds", "3"], 60, True),
    "w6-4": ("batched", ["w6", "--objects", "4", "--seconds", "3"], 60, True),
    "w7": ("single", ["w7"], 180, False),
    "w7-17500": ("single", ["w7", "--herd", "17500"], 180, True),
    # Ten cursors, and what was missed is more than the rings keep: each is brought up to date by a diff of its own.
    "w7-cursors": (None, ["w7", "--cursors", "10", "--missed", "300", "--slots", "60"], 180, True),
    # The herd shows signed tokens: 50 µs of the server's time each, and guests cost none of it.
    "w7-tokens": (None, ["w7"], 180, True),
    "r1": ("single", ["r1", "--rate", "5000", "--seconds", "5"], 60, True),
    "r1-saturated": ("single", ["r1", "--rate", "0", "--seconds", "1"], 60, True),
    "r1-batched": ("batched", ["r1", "--rate", "0", "--seconds", "1"], 60, True),
    "r3": (None, ["r3"], 180, True),
    "r4": (None, ["r4"], 120, True),
}

# The server's configuration, where it is not slotcast.toml.
CONFIGS = {"r3": "friends.toml", "r4": "friends.toml"}

# Where the load shows a signed token, which must name its server and its readers.
SIGNED = {"w7-tokens"}
AUTH = """
[auth]
jwks = "keys.json"
issuer = "https://id.example"
audience = "slotcast"
"""


def start_floor(mode, _log):
    command = ["taskset", "-c", SERVER_CPU, str(RELEASE / "floor"), "--mode", mode]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    return process, int(process.stdout.readline())


def start_server(_mode, log, config="slotcast.toml"):
    port = free_port()
    command = ["taskset", "-c", SERVER_CPU, str(RELEASE / "slotcast"), "serve", "--dev", "--workers", "1"]
    command += ["--listen", f"127.0.0.1:{port}", "--config", str(ROOT / "bench" / config)]
    process = subprocess.Popen(command, stdout=log, stderr=log)
    for _ in range(100):
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}; see {log.name}")
        if healthy(port):
            return process, port
        time.sleep(0.1)
    stop(process)
    raise RuntimeError(f"the server was not ready in 10 s; see {log.name}")


def sign(folder):
    """Makes a key, a configuration that trusts it, and a token; the answer is the configuration's absolute path and the token."""
    folder = pathlib.Path(folder)
    key = subprocess.run([RELEASE / "slotcast", "key", "--alg", "EdDSA"], capture_output=True, text=True, check=True)
    keys, config = folder / "keys.json", folder / "slotcast.toml"
    keys.touch(mode=0o600)
    keys.write_text(key.stdout)
    config.write_text((ROOT / "bench" / "slotcast.toml").read_text() + AUTH)
    command = [RELEASE / "slotcast", "token", "--config", config, "--user", "alice"]
    token = subprocess.run(command, capture_output=True, text=True, check=True)
    return str(config), token.stdout.strip()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def healthy(port):
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1).status == 200
    except OSError:
        return False


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


def stop(process):
    """By its own id, politely first."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


SUBJECTS = {"floor": start_floor, "server": start_server}


def measure(subject, name, log, speaks="slotcast"):
    """One scenario against a fresh process; what the load said, or why there is nothing."""
    if name in SIGNED:
        with tempfile.TemporaryDirectory(prefix="slotcast-bench-") as folder:
            config, token = sign(folder)
            return measure_with(subject, name, log, speaks, [config], ["--token", token])
    return measure_with(subject, name, log, speaks, [CONFIGS[name]] if subject == "server" and name in CONFIGS else [])


def measure_with(subject, name, log, speaks, config, more_arguments=()):
    mode, arguments, seconds_max, _ = SCENARIOS[name]
    try:
        process, port = SUBJECTS[subject](mode, log, *config)
    except RuntimeError as error:
        return {"failed": str(error)}
    command = ["taskset", "-c", LOAD_CPU, str(RELEASE / "load")]
    command += ["--server", f"127.0.0.1:{port}", "--pid", str(process.pid), "--speaks", speaks, *arguments, *more_arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds_max)
        if done.returncode != 0:
            return {"failed": done.stderr.strip().splitlines()[-1] if done.stderr else "without a word"}
        print(f"  {subject:9} {done.stderr.strip().splitlines()[-1]}", flush=True)
        return json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        return {"failed": f"not done in {seconds_max} s"}
    finally:
        stop(process)


def run_all(names, subjects, runs, log):
    figures = {name: {subject: [] for subject in subjects} for name in names}
    for number in range(runs):
        for name in names:
            if number > 0 and SCENARIOS[name][3]:
                continue
            print(f"{name}, run {number + 1}", flush=True)
            # Who goes first alternates, so that a machine that warms up or is disturbed favours neither.
            for subject in subjects if number % 2 == 0 else reversed(subjects):
                if subject == "floor" and SCENARIOS[name][0] is None:
                    continue
                result = measure(subject, name, log)
                if "failed" in result:
                    print(f"  {subject:9} FAILED: {result['failed']}", flush=True)
                figures[name][subject].append(result)
    return figures


def median(results):
    """Field by field, over the runs that did not fail."""
    good = [result for result in results if "failed" not in result]
    fields = good[0] if good else {}
    values = {field: [result.get(field) for result in good] for field in fields}
    return {field: middle(column) for field, column in values.items()}


def middle(column):
    """The median of numbers; of truths, whether all are true; of anything else, the first."""
    if all(isinstance(value, bool) for value in column):
        return all(column)
    numbers = all(isinstance(value, (int, float)) for value in column)
    return statistics.median(column) if numbers else column[0]


def print_medians(medians):
    shown = ["cpu_us_per_delivery", "deliveries_per_s", "p50_ms", "p99_ms", "load_cpu_percent", "gaps"]
    print(f"\n{'medians':14} {'':7}" + "".join(f"{field:>21}" for field in shown))
    for name, pair in medians.items():
        for subject, fields in pair.items():
            if any(field in fields for field in shown[:4]):
                print(f"{name:14} {subject:7}" + "".join(f"{fields.get(field, ''):>21}" for field in shown))


def machine():
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")
    return {"cpu": model, "cores": os.cpu_count(), "kernel": platform.release()}


def commit():
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip() or None


def save(path, arguments, figures, medians, rows, program="bench/run.py"):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    page = {
        "machine": machine(),
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "command": " ".join([program, *arguments]),
        "commit": commit(),
        "comparison": rows,
        "medians": medians,
        "runs": figures,
    }
    path.write_text(json.dumps(page, indent=1, sort_keys=False, ensure_ascii=False) + "\n")


def parse():
    parser = argparse.ArgumentParser(description="Compares the server with the floor.")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", help="scenarios, with commas between: " + ",".join(SCENARIOS))
    parser.add_argument("--floor-only", action="store_true", help="without the server")
    parser.add_argument("--no-build", action="store_true", help="take the programs that are there")
    parser.add_argument("--save", metavar="FILE", help="write all figures to this file")
    arguments = parser.parse_args()
    names = arguments.only.split(",") if arguments.only else list(SCENARIOS)
    unknown = set(names) - set(SCENARIOS)
    if unknown:
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}")
    return arguments, names


def build(floor_only):
    packages = ["-p", "slotcast-bench"] if floor_only else ["-p", "slotcast-bench", "-p", "slotcast-node"]
    subprocess.run(["cargo", "build", "--release", *packages], cwd=ROOT, check=True)


def main():
    if sys.argv[1:2] == ["disk"]:
        import disk

        disk.main(sys.argv[2:])
    start = time.monotonic()
    arguments, names = parse()
    if not arguments.no_build:
        build(arguments.floor_only)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    subjects = ["floor"] if arguments.floor_only else ["floor", "server"]
    print(f"{machine()['cpu']}, load average {os.getloadavg()[0]:.2f}; server on core {SERVER_CPU}, load on {LOAD_CPU}")
    with tempfile.NamedTemporaryFile("w", prefix="slotcast-bench-", suffix=".log", delete=False) as log:
        if not arguments.floor_only:
            print(f"the server's log: {log.name}")
        figures = run_all(names, subjects, arguments.runs, log)
    medians = {name: {subject: median(results) for subject, results in pair.items()} for name, pair in figures.items()}
    rows = compare(medians)
    print_medians(medians)
    print_comparison(rows)
    if arguments.save:
        save(arguments.save, sys.argv[1:], figures, medians, rows)
    print(f"\n{time.monotonic() - start:.0f} s")
    failed = any("failed" in result for pair in figures.values() for results in pair.values() for result in results)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
