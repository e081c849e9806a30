#!/usr/bin/env python3
"""How fast the oracle aligns: prints the archives a second, and the CPU time of one in µs, as JSON.

    speed.py FILES... --channel proc.cpu_user_jiffies [--parser strict|json|orjson] [--processes N] [--turns N]

The parser is the oracle's own, or json.loads or orjson.loads in its place: these are faster, and not as strict.
"""
import argparse
import json
import multiprocessing
import resource
import sys
import time

sys.dont_write_bytecode = True

import curve
import episode


def use(parser):
    if parser == "json":
        episode.parse_json = lambda text, depth: json.loads(text)
    elif parser == "orjson":
        import orjson
        episode.parse_json = lambda text, depth: orjson.loads(text)


def align(job):
    data, channel = job
    return len(curve.curve_of(data, channel))


def cpu_time():
    own, theirs = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + theirs.ru_utime + theirs.ru_stime


def main():
    args = argparse.ArgumentParser()
    args.add_argument("files", nargs="+")
    args.add_argument("--channel", required=True)
    args.add_argument("--parser", choices=["strict", "json", "orjson"], default="strict")
    args.add_argument("--processes", type=int, default=1)
    args.add_argument("--turns", type=int, default=1)
    args = args.parse_args()
    jobs = []
    for name in args.files:
        with open(name, "rb") as f:
            jobs.append((f.read(), args.channel))
    jobs *= args.turns
    use(args.parser)
    align(jobs[0])
    began, spent = time.monotonic(), cpu_time()
    if args.processes == 1:
        for job in jobs:
            align(job)
    else:
        with multiprocessing.Pool(args.processes, use, (args.parser,)) as pool:
            pool.map(align, jobs)
            pool.close()
            pool.join()
    wall, cpu = time.monotonic() - began, cpu_time() - spent
    print(json.dumps({"rate": len(jobs) / wall, "cpu": cpu / len(jobs) * 1e6}))


if __name__ == "__main__":
    main()
