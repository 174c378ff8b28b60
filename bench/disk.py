"""`bench/run.py disk`: what it costs to keep every acknowledged write on the disk, beside the disk's own floor.

    bench/run.py disk                          everything, three runs
    bench/run.py disk --only writes --runs 1   some of it, once
    bench/run.py disk --save bench/baselines/x.json
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import run

# On a real disk: what is in memory syncs for nothing.
FOLDER = run.RELEASE.parent / "bench-disk"
CONFIG = run.ROOT / "bench" / "disk.toml"
PARTS = ["parts", "writes", "messages", "recovery"]
RATE = 100_000
SLOTS = 1_000_000
WINDOWS = ["--window", "8", "--window-last", "64", "--seconds", "3"]
ON_TIME = ["--rate", str(RATE), "--seconds", "5"]

# Part, what is measured, how to find it in the medians, and the most (or least) it may be.
GOALS = [
    ("parts", "guarded writes/s of a memory kind, one core", lambda f: f["shard"]["memory"]["writes_per_s"], ">=", 300_000),
    ("parts", "the same with the request's bytes read", lambda f: f["shard"]["memory_with_decode"]["writes_per_s"], None, None),
    ("parts", "a group of 1, times the floor's p50", lambda f: group(f, 1), None, None),
    ("parts", "a group of 300, times the floor's p50", lambda f: group(f, 300), None, None),
    ("parts", "CPU µs per change in groups of 300", lambda f: engine(f, 300)["cpu_us_per_change"], "<=", 1.0),
    ("parts", "CPU µs per change in groups of 3,000", lambda f: engine(f, 3000)["cpu_us_per_change"], "<=", 1.0),
    ("writes", "acknowledged per second", lambda f: f["disk"]["acknowledged_per_s"], ">=", RATE),
    ("writes", "changes per fdatasync", lambda f: f["disk"]["changes_per_fdatasync"], ">=", 100),
    ("writes", "CPU µs per change that the log costs", lambda f: f["log_us_per_change"], "<=", 1.0),
    ("writes", "the same, median over all steps", lambda f: f["log_us_per_change_all"], None, None),
    ("writes", f"at {RATE:,}/s: acknowledged per second", lambda f: f["disk_on_time"]["acknowledged_per_s"], ">=", RATE * 0.98),
    ("writes", f"at {RATE:,}/s: changes per fdatasync", lambda f: f["disk_on_time"]["changes_per_fdatasync"], None, None),
    ("writes", f"at {RATE:,}/s: p99, times the floor's", lambda f: f["p99_times_floor"], "<=", 3.0),
    ("writes", f"at {RATE:,}/s: the same with worker and committer on one core", lambda f: f["p99_times_floor_one_core"], None, None),
    ("writes", f"at {RATE:,}/s: p99, times the memory kind's", lambda f: f["p99_times_memory"], None, None),
    ("writes", "lost, refused, or cut off", lambda f: f["faults"], "<=", 0),
    ("messages", "stored per second", lambda f: f["disk"]["stored_per_s"], ">=", 20_000),
    ("messages", "messages per fdatasync", lambda f: f["disk"]["messages_per_fdatasync"], None, None),
    ("messages", "CPU µs per message", lambda f: f["disk"]["cpu_us_per_message"], None, None),
    ("messages", "p99 until `stored`, ms", lambda f: f["disk"]["p99_ms"], None, None),
    ("messages", "lost, refused, or cut off", lambda f: faults(f["disk"]), "<=", 0),
    ("recovery", "s from exec to serving, 1,000,000 slots", lambda f: f["serving_s"], "<=", 10.0),
    ("recovery", "s to open 1,000,000 objects", lambda f: f["open"]["seconds"], "<=", 10.0),
    ("recovery", "MiB of RSS at the most to open them", lambda f: f["open"]["rss_kib_peak"] / 1024, "<=", 256),
]


def row(figures, changes):
    return next(row for row in figures["commits"] if row["changes"] == changes)


def engine(figures, changes):
    return row(figures, changes)["engine"]


def group(figures, changes):
    return run.quotient(engine(figures, changes)["p50_ms"], row(figures, changes)["floor"]["p50_ms"])


def own(name, *arguments, core=run.SERVER_CPU, seconds_max=300):
    """What one of our programs says in JSON."""
    command = ["taskset", "-c", core, str(run.RELEASE / name), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds_max)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip().splitlines()[-1] if done.stderr else f"{name} ended without a word")
    return json.loads(done.stdout), done.stderr.strip()


def start(data, log, cores=run.SERVER_CPU):
    """A server with its data there, and the s from its exec to its first good answer."""
    port = run.free_port()
    command = ["taskset", "-c", cores, str(run.RELEASE / "slotcast"), "serve", "--dev", "--workers", "1"]
    command += ["--listen", f"127.0.0.1:{port}", "--config", str(CONFIG), "--data", str(data)]
    begun = time.monotonic()
    process = subprocess.Popen(command, stdout=log, stderr=log)
    while time.monotonic() - begun < 60:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}; see {log.name}")
        if run.healthy(port):
            return process, port, time.monotonic() - begun
        time.sleep(0.005)
    run.stop(process)
    raise RuntimeError(f"the server was not ready in 60 s; see {log.name}")


def load(process, port, *arguments, scenario="disk"):
    target = ["--server", f"127.0.0.1:{port}", "--pid", str(process.pid)]
    fields, words = own("load", *target, scenario, *arguments, core=run.LOAD_CPU)
    print(f"  {words.splitlines()[-1]}", flush=True)
    return fields


def parts(_log):
    shard, _ = own("store", "shard")
    commits, _ = own("store", "commits", "--folder", str(FOLDER))
    for name, fields in shard.items():
        print(f"  {name:20} {fields['cpu_us_per_write']} µs, {fields['writes_per_s']:,.0f}/s", flush=True)
    for each in commits:
        print(f"  groups of {each['changes']:<5} engine {json.dumps(each['engine'])}\n{'':18} floor {json.dumps(each['floor'])}", flush=True)
    return {"shard": shard, "commits": commits}


def writes(log):
    """Disk and memory in turn against servers of their own, and the floor before, between and after."""
    figures, floors = {}, []
    one, both = run.SERVER_CPU, f"{run.SERVER_CPU},{run.LOAD_CPU}"
    plan = [
        ("disk", "disk", WINDOWS, one),
        ("memory", "bench", WINDOWS, one),
        ("disk_on_time", "disk", ON_TIME, both),
        ("memory_on_time", "bench", ON_TIME, both),
        ("disk_on_time_one_core", "disk", ON_TIME, one),
    ]
    for name, kind, arguments, cores in plan:
        floors.append(own("store", "floor", "--folder", str(FOLDER), "--seconds", "1.5")[0])
        process, port, _ = start(FOLDER / "data", log, cores)
        try:
            figures[name] = load(process, port, "--kind", kind, *arguments)
        finally:
            run.stop(process)
        shutil.rmtree(FOLDER / "data", ignore_errors=True)
    floors.append(own("store", "floor", "--folder", str(FOLDER), "--seconds", "1.5")[0])
    figures["floor"] = {field: statistics.median(floor[field] for floor in floors) for field in floors[0]}
    print(f"  floor: {json.dumps(figures['floor'])}", flush=True)
    figures["p99_times_floor"] = run.quotient(figures["disk_on_time"]["p99_ms"], figures["floor"]["sync_p99_ms"])
    figures["p99_times_floor_one_core"] = run.quotient(figures["disk_on_time_one_core"]["p99_ms"], figures["floor"]["sync_p99_ms"])
    figures["p99_times_memory"] = run.quotient(figures["disk_on_time"]["p99_ms"], figures["memory_on_time"]["p99_ms"])
    figures |= log_costs(figures["disk"], figures["memory"])
    figures["faults"] = sum(faults(figures[name]) for name, _, _, _ in plan)
    if not (figures["disk"]["class"] == "disk" and figures["memory"]["class"] == "memory"):
        raise RuntimeError("the kinds are not what they should be")
    return figures


def faults(fields):
    return sum(fields[field] for field in ("missing", "rejects", "errors", "closed"))


def messages(log):
    """From people to people who are away."""
    process, port, _ = start(FOLDER / "data", log)
    try:
        figures = {"disk": load(process, port, scenario="r2")}
    finally:
        run.stop(process)
    if figures["disk"]["class"] != "disk":
        raise RuntimeError("the relay does not keep messages on the disk")
    return figures


def log_costs(disk, memory):
    """With as many writes on the way what is read and written in one go is the same too; at the highest rate, and over all steps."""
    costs = [d["cpu_us_per_write"] - m["cpu_us_per_write"] for d, m in zip(disk["steps"], memory["steps"])]
    best = next(cost for cost, step in zip(costs, disk["steps"]) if step["window"] == disk["window"])
    return {"log_us_per_change": best, "log_us_per_change_all": statistics.median(costs)}


def recovery(log):
    """A server that is killed with a million slots, and a store of a million objects."""
    process, port, _ = start(FOLDER / "data", log)
    try:
        filled = load(process, port, "--fill", "--slots", str(SLOTS // 1000), "--window-last", "64")
    finally:
        process.kill()
        process.wait()
    process, port, serving_s = start(FOLDER / "data", log)
    run.stop(process)
    shutil.rmtree(FOLDER / "data")
    store, _ = own("store", "fill", "--folder", str(FOLDER / "data"), "--objects", "1000000")
    opened, _ = own("store", "open", "--folder", str(FOLDER / "data"))
    print(f"  serving after {serving_s:.2f} s; opened {json.dumps(opened)}", flush=True)
    return {"filled": filled, "serving_s": serving_s, "store": store, "open": opened}


MEASURES = {"parts": parts, "writes": writes, "messages": messages, "recovery": recovery}


def merged(results):
    """The median, number by number; where the runs differ in anything else, the first."""
    first = results[0]
    if isinstance(first, dict):
        return {key: merged([result[key] for result in results]) for key in first}
    if isinstance(first, list):
        return [merged(list(column)) for column in zip(*results)]
    return run.middle(results)


def compare(medians):
    rows = []
    for name, what, find, sign, goal in GOALS:
        if name not in medians:
            continue
        value = find(medians[name])
        met = None if sign is None else value <= goal if sign == "<=" else value >= goal
        rows.append({"scenario": name, "what": what, "value": round(value, 4), "goal": goal, "sign": sign, "met": met})
    return rows


def parse(arguments):
    parser = argparse.ArgumentParser(prog="bench/run.py disk", description="What it costs to keep writes on the disk.")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", help="parts, with commas between: " + ",".join(PARTS))
    parser.add_argument("--no-build", action="store_true", help="take the programs that are there")
    parser.add_argument("--save", metavar="FILE", help="write all figures to this file")
    parsed = parser.parse_args(arguments)
    names = parsed.only.split(",") if parsed.only else PARTS
    unknown = set(names) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    return parsed, names


def main(words):
    arguments, names = parse(words)
    if not arguments.no_build:
        run.build(False)
    print(f"{run.machine()['cpu']}, load average {os.getloadavg()[0]:.2f}; server on core {run.SERVER_CPU}, load on {run.LOAD_CPU}")
    figures = {name: [] for name in names}
    failed = False
    with tempfile.NamedTemporaryFile("w", prefix="slotcast-bench-", suffix=".log", delete=False) as log:
        print(f"the server's log: {log.name}; its data: {FOLDER}")
        for number in range(arguments.runs):
            for name in names:
                print(f"{name}, run {number + 1}", flush=True)
                shutil.rmtree(FOLDER, ignore_errors=True)
                FOLDER.mkdir(parents=True)
                try:
                    figures[name].append(MEASURES[name](log))
                except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
                    print(f"  FAILED: {error}", flush=True)
                    failed = True
    shutil.rmtree(FOLDER, ignore_errors=True)
    medians = {name: merged(results) for name, results in figures.items() if results}
    rows = compare(medians)
    run.print_comparison(rows)
    if arguments.save:
        run.save(arguments.save, ["disk", *words], figures, medians, rows)
    sys.exit(1 if failed else 0)
