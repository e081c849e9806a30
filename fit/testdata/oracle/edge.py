"""Makes the edge-case archives of edge/ and the archives of damage/ (see README.md). Deterministic for one version of zstandard.

A case says what it holds, and what a reader must make of it (`expect`, judged by hand from docs/EPISODES.md; oracle.py stops
where it comes to another outcome). Only what a case changes is written out; the rest is the plain episode.
"""
import gzip
import json
import os
import random
import struct

import zstandard

T0 = 1767225600000000000
USER = "proc.cpu_user_jiffies"
RSS = "proc.rss_bytes"


# ── parts ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

class Raw(str):
    """Text to be written into JSON as it stands."""


def text(value):
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join("%s: %s" % (json.dumps(k), text(v)) for k, v in value.items()) + "}"
    return json.dumps(value)


def lines(values):
    return "".join(text(v) + "\n" for v in values).encode("utf-8", "surrogatepass")


def ns(seconds):
    return T0 + round(seconds * 1e9)


NONE = object()                             # a label that lacks the phase
WALK = [(0, "clean"), (2.013427, "armed"), (2.481234567, "infecting"), (4.06, "infected_running"), (11.25, "clean")]
DURATION = 14.05


def labels(walk):
    out = []
    for t, phase in walk:
        label = {"t_wall_ns": t if isinstance(t, Raw) else ns(t)}
        if phase is NONE:
            label["event"] = "snapshot"
        else:
            label["phase"] = phase
        out.append(label)
    return out


def meta(result):
    return {"episode_id": "ep-edge", "host_id": "lab-01", "profile": "cpu-saturate", "result": result}


def duration(value):
    return lines([meta({"status": "accepted", "duration_observed_s": value})])


def rows(start=-0.31, end=14.4, seed="rows", step=0.37):
    """Telemetry rows of the plain episode."""
    rng, out, t, user, rss = random.Random(seed), [], start, 412, 18722816
    while t < end:
        out.append({"t_wall_ns": ns(t), "cpu_user_jiffies": user, "rss_bytes": rss})
        t += step + rng.uniform(-0.04, 0.04)
        user += rng.randrange(20, 40) if 4 < t < 11.3 else rng.randrange(3)
        rss += 4096 * rng.randrange(-3, 9)
    return out


def host_rows():
    rng, out, t, free = random.Random("host"), [], -0.2, 19882272
    while t < 14.3:
        out.append({"t_wall_ns": ns(t), "mem_free_kb": free, "cpu_user": 38140 + int(9 * t), "cpu_user_jiffies": rng.randrange(50)})
        t += 0.5
        free -= rng.randrange(4000)
    return out


def changed(change, of=None):
    """rows() with change(i, row) applied to each; the row is left out where that returns False."""
    out = [dict(r) for r in (of or rows())]
    return [r for i, r in enumerate(out) if change(i, r) is not False]


def put(field, values):
    """rows() with a field set: values is {index: value} or a function of the index; NONE takes the field away."""
    def change(i, row):
        if callable(values):
            row[field] = values(i)
        elif i in values:
            row[field] = values[i]
        if row.get(field) is NONE:
            del row[field]
    return changed(change)


def counts(*values):
    """Rows whose counter takes these values and stays at the last one, first row at -0.31 s."""
    return put("cpu_user_jiffies", lambda i: values[min(i, len(values) - 1)])


# ── tar ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────

def header(name, size, kind=b"0", link=b"", magic=b"ustar\00000", number=None, prefix=b"", checksum=None):
    """One tar header block."""
    b = bytearray(512)
    b[0:len(name)] = name
    b[100:108], b[108:116], b[116:124] = b"0000644\0", b"0000000\0", b"0000000\0"
    b[124:136] = number if number is not None else b"%011o\0" % size
    b[136:148], b[148:156], b[156:157] = b"15125334400\0", b" " * 8, kind
    b[157:157 + len(link)] = link
    b[257:265] = magic
    b[345:345 + len(prefix)] = prefix
    b[148:156] = checksum or b"%06o\0 " % sum(b)
    return bytes(b)


def base256(n):
    return b"\x80" + n.to_bytes(11, "big")


def member(name, data=b"", **more):
    return header(name.encode(), len(data), **more) + data + b"\0" * (-len(data) % 512)


def pax(records, kind=b"x"):
    data = b""
    for key, value in records:
        body = b" %s=%s\n" % (key.encode(), value.encode())
        n = len(body)
        while n != len(body) + len(str(n)):
            n = len(body) + len(str(n))
        data += b"%d" % n + body
    return member("PaxHeader/x", data, kind=kind)


def gnu_long(name):
    return member("././@LongLink", name.encode() + b"\0", kind=b"L", magic=b"ustar  \0")


END = b"\0" * 1024


# ── zstd ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────

def zst(data, level=19, checksum=False, size=False):
    c = zstandard.ZstdCompressor(level=level, write_checksum=checksum, write_content_size=size)
    if size:
        return c.compress(data)
    o = c.compressobj()                     # no size known: a window descriptor, as the receiver writes it
    return o.compress(data) + o.flush()


def blocks(data, size=128 << 10):
    """data as raw blocks."""
    return [("raw", data[i:i + size]) for i in range(0, len(data), size)]


def rle(byte, n):
    """n times byte as RLE blocks."""
    return [("rle", byte, 128 << 10)] * (n >> 17) + ([("rle", byte, n & 0x1FFFF)] if n & 0x1FFFF else [])


def frame(parts, window=0x38, single=None, end=True, dictionary=b"", descriptor=0):
    """A frame made by hand. window: the descriptor byte (0x38 is 128 KiB); single: the content size of a single-segment frame."""
    descriptor |= {0: 0, 1: 1, 2: 2, 4: 3}[len(dictionary)]
    if single is None:
        head = bytes([descriptor, window]) + dictionary
    else:
        head = bytes([descriptor | 0xA0]) + dictionary + struct.pack("<I", single)
    out = [b"\x28\xb5\x2f\xfd" + head]
    for i, part in enumerate(parts):
        last = 1 if end and i == len(parts) - 1 else 0
        if part[0] == "packed":             # blocks as they stand, the last one marked
            out.append(part[1])
        elif part[0] == "raw":
            out.append(struct.pack("<I", last | len(part[1]) << 3)[:3] + part[1])
        else:
            out.append(struct.pack("<I", last | 2 | part[2] << 3)[:3] + part[1])
    return b"".join(out)


def skippable(data=b"hello", kind=0):
    return struct.pack("<II", 0x184D2A50 + kind, len(data)) + data


# ── cases ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

class Case:
    def __init__(self, name, note, expect, channels, open, spec, make):
        self.name, self.note, self.expect, self.channels, self.open, self.spec, self.make = name, note, expect, channels, open, spec, make


CASES = []


def files(meta_=None, labels_=None, proc=None, more=()):
    """The members as [(name, bytes)]; a part is bytes, a list for lines(), or False for none."""
    out = []
    for name, part, plain in (("meta.json", meta_, duration(DURATION)), ("labels.jsonl", labels_, labels(WALK)), ("telemetry-proc.jsonl", proc, rows())):
        part = plain if part is None else part
        if part is not False:
            out.append((name, part if isinstance(part, bytes) else lines(part)))
    return out + list(more)


def tar_of(members, end=END):
    return b"".join(m if isinstance(m, bytes) else member(*m) for m in members) + end


def case(name, note, expect="ok", channels=(USER,), open=None, meta=None, labels=None, proc=None, more=(), members=None, tar=None, data=None, spec=None):
    """Add a case. What is not given is as in the plain episode; members, tar and data are functions, later ones replace earlier ones. A case
    with a spec is one of formats/."""
    def make():
        if data:
            return data()
        if tar:
            return zst(tar())
        return zst(tar_of(members() if members else files(meta, labels, proc, more)))

    assert (name, bool(spec)) not in [(c.name, bool(c.spec)) for c in CASES], name
    CASES.append(Case(name, note, expect, list(channels), open, spec, make))


def walk(name, note, walk_, expect="ok", duration_=None, **more):
    case(name, note, expect, labels=labels(walk_), meta=None if duration_ is None else duration(duration_), **more)


def phase_cases():
    head, tail = WALK[:3], WALK[4:]
    run = "infected_running"
    case("plain", "the canonical walk", channels=(USER, RSS, "proc.no_such_field", "host.mem_free_kb"), expect=None)
    walk("dormant-mid", "dormant between two runs", head + [(4.06, run), (6.5, "dormant"), (8.25, run)] + tail)
    walk("dormant-end", "dormant after the run: its end is later", head + [(4.06, run), (8.5, "dormant")] + tail)
    walk("dormant-before-running", "dormant before the run only", head[:2] + [(2.5, "infecting"), (3.1, "dormant"), (4.06, run)] + tail)
    walk("dormant-after-clean", "dormant after a clean stretch: all up to its end folds in", head + [(4.06, run), (7, "clean"), (9, "dormant"), (11.25, "clean")])
    walk("dormant-last", "dormant is the last segment, to the duration", head + [(4.06, run), (9, "dormant")])
    walk("dormant-only", "dormant but no infected_running", head + [(4.06, "dormant")] + tail, "unusable no infected_running")
    walk("reenter-armed", "armed twice: the first start counts", [(0, "clean"), (1, "armed"), (1.5, "clean"), (2, "armed"), (2.5, "infecting"), (4.06, run)] + tail)
    walk("reenter-infecting", "infecting twice", [(0, "clean"), (1, "armed"), (1.5, "infecting"), (2, "armed"), (2.5, "infecting"), (4.06, run)] + tail)
    walk("reenter-running", "two runs: the last end counts", head + [(4.06, run), (6, "clean"), (7.5, run)] + tail)
    walk("no-infecting", "no infecting: armed lasts 0.1 s", [WALK[0], WALK[1], WALK[3], WALK[4]])
    walk("no-infecting-short-armed", "no infecting, and the run starts 0.05 s after armed: the infecting slice is empty",
         [(0, "clean"), (2, "armed"), (2.05, run), (11.25, "clean")])
    walk("infecting-after-running", "the only infecting comes after the run started", [(0, "clean"), (2, "armed"), (4, run), (6, "infecting"), (7, run), (11.25, "clean")])
    walk("armed-after-running", "armed comes after the run", [(0, "clean"), (2, "infecting"), (4, run), (9, "armed"), (11.25, "clean")])
    walk("infecting-before-armed", "infecting comes before armed: the armed slice is empty", [(0, "clean"), (1, "infecting"), (2, "armed"), (4, run), (11.25, "clean")])
    walk("armed-at-zero", "armed is the first label: no clean_lead", [(0, "armed"), (2, "infecting"), (4, run), (11.25, "clean")])
    walk("running-first", "the run is the first label", [(0, run), (2, "armed"), (3, "infecting"), (11.25, "clean")])
    walk("running-last", "the last label is the run: it ends at the duration, clean_tail lasts 0.1 s", WALK[:4])
    walk("running-last-5", "the same with a fifth segment before", [(0, "boot"), (1, "clean")] + WALK[1:4])
    walk("phase-missing-inside", "a label without a phase ends the run early", head + [(4.06, run), (8, NONE)] + tail)
    walk("phase-null-inside", "a label with a null phase between two runs", head + [(4.06, run), (6, None), (7, run)] + tail)
    walk("phase-missing-last", "the last label has no phase", WALK + [(13, NONE)])
    walk("phase-null-last", "the last label has a null phase, before the clean stretch", WALK[:4] + [(11.25, None)])
    walk("phase-missing-first", "time zero is a label without a phase", [(-1, NONE)] + WALK)
    walk("phase-missing-all", "no label has a phase", [(t, NONE) for t, _ in WALK], "unusable few segments")
    walk("phase-other-strings", "other phases are segments, too", [(0, "boot"), (1, "clean"), (1.5, "")] + WALK[1:4] + [(9, "cleanup"), (11.25, "clean")])
    walk("phase-other-types", "phases that are no strings are segments, too",
         [(0, 1), (0.5, True), (1, []), (1.5, {})] + WALK[1:4] + [(9, False), (10, 0), (11.25, 1.5)])
    walk("phase-other-types-count", "they count toward the four", [(0, "armed"), (1, run), (9, False), (10, 0)])
    walk("phase-case", "Armed is not armed", [(0, "clean"), (2, "Armed")] + WALK[2:], "unusable no armed")
    walk("phase-space", "a phase with a space is another phase", [(0, "clean"), (2, "armed")] + [(3, "infected_running ")] + WALK[4:], "unusable no infected_running")
    walk("phase-escaped", "escapes in a phase", [(0, "clean"), (2.013427, Raw('"\\u0061rm\\u0065d"'))] + WALK[2:])
    walk("zero-length", "two labels of one time: the first is no segment", [(0, "clean"), (2, "dormant"), (2, "armed")] + WALK[2:])
    walk("zero-length-armed", "armed has no length: there is no armed", [(0, "clean"), (2, "armed"), (2, "infecting"), (3, "x"), (4.06, run)] + tail, "unusable no armed")
    walk("zero-length-few", "five labels, three segments", [(0, "clean"), (2, "armed"), (2, "infecting"), (2, run), (11, "clean")], "unusable few segments")
    walk("unordered", "labels are taken in file order; negative segments are left out", [(0, "clean"), (2, "armed"), (6, "infecting"), (4.06, run), (11.25, "clean")])
    walk("unordered-armed", "a label before its predecessor", [(0, "clean"), (3, "armed"), (2.5, "infecting"), (4.06, run), (9, "x"), (11.25, "clean")], "unusable no armed")
    walk("unordered-zero", "time zero is the first label of the file, not the earliest", [(3, "x"), (0, "clean"), (2, "armed")] + WALK[2:])
    walk("three-segments", "fewer than four segments", [(0, "armed"), (2, "infecting"), (4, run)], "unusable few segments")
    walk("four-segments", "just four segments", [(0, "clean"), (2, "armed"), (4, run), (11, "clean")])
    walk("no-armed", "no armed", [(0, "clean"), (2, "infecting"), (3, "x"), (4, run), (11, "clean")], "unusable no armed")
    walk("no-running", "no infected_running", [(0, "clean"), (2, "armed"), (3, "infecting"), (11, "clean")], "unusable no infected_running")
    walk("no-armed-no-running", "neither: no armed is said first", [(0, "clean"), (2, "infecting"), (3, "clean"), (11, "x")], "unusable no armed")
    case("no-labels", "labels.jsonl is empty", "unusable no labels", labels=b"")
    case("no-labels-blank", "labels.jsonl has blank lines only", "unusable no labels", labels=b"\n \t\r\n\n  ")
    walk("one-label", "one label", [(0, "clean")], "unusable few segments")
    for at in (2.0, 2.000000001, 2.000000002, 3.5, 7.000000007):
        walk("slice-1ns-at-%d" % (ns(at) - T0), "armed lasts 1 ns: at this place its float length may be below 1e-9",
             [(0, "clean"), (at, "armed"), (Raw(str(ns(at) + 1)), "infecting"), (9, run), (11.25, "clean")])
    walk("slice-2ns", "armed lasts 2 ns", [(0, "clean"), (2.0, "armed"), (Raw(str(ns(2) + 2)), "infecting"), (9, run), (11.25, "clean")])
    walk("labels-span-a-year", "time zero a year before the rest: floats of time are coarse", [(-31536000, NONE)] + WALK, duration_=31536000 + DURATION)
    walk("labels-from-1970", "time zero is 0 ns: rows of different nanoseconds have equal seconds", [(Raw("0"), NONE)] + WALK, duration_=1767225600 + DURATION,
         proc=changed(lambda i, r: None, of=[x for i, r in enumerate(rows()) for x in ([r, dict(r, t_wall_ns=r["t_wall_ns"] + 90, cpu_user_jiffies=r["cpu_user_jiffies"] + 1)] if i % 6 == 0 else [r])]))


def meta_cases():
    case("duration-missing", "no duration: the tail lasts 0.1 s", meta=lines([meta({"status": "accepted"})]))
    case("duration-null", "duration null", meta=duration(None))
    case("result-missing", "no result", meta=b"{}")
    case("result-null", "result null", meta=lines([meta(None)]))
    for name, value in [("int", 14), ("exponent", Raw("1.405E+1")), ("exponent-int", Raw("2e1")), ("zero", 0), ("minus-zero", Raw("-0.0")), ("negative", -5),
                        ("before-tail", 11.1), ("at-tail", 11.25), ("just-after-tail", Raw("11.250000001")), ("tiny", Raw("1e-400")),
                        ("string", "14.05"), ("string-exponent", "1405e-2"), ("hundred-spans", 1125)]:
        case("duration-" + name, "duration " + text(value), meta=duration(value))
    for name, value in [("huge", Raw("1e300")), ("big-integer", Raw("123456789012345678901234567890")), ("in-ms", 14050), ("over-hundred-spans", Raw("1125.0000000001"))]:
        case("duration-" + name, "duration %s: over a hundred times the time from the first label to the last" % text(value), "unusable bad clock", meta=duration(value))
    for name, value in [("string-word", "long"), ("string-space", " 14.05"), ("string-empty", ""), ("string-1e999", "1e999"), ("string-nan", "NaN"), ("bool", True), ("nan", Raw("NaN")), ("infinity", Raw("-Infinity")), ("1e999", Raw("1e999")), ("array", [14.05]),
                        ("big-digits", Raw("9" * 400)), ("leading-zero", Raw("014.05")), ("plus", Raw("+14.05")), ("point-first", Raw(".5")), ("point-last", Raw("14."))]:
        case("duration-" + name, "duration " + text(value)[:30], "corrupt", meta=duration(value))
    for name, value in [("array", []), ("string", "accepted"), ("false", False), ("number", 0)]:
        case("result-" + name, "result is neither object nor null", "corrupt", meta=lines([meta(value)]))
    case("meta-duplicate-keys", "of duplicate keys the last counts, in result and above",
         meta=b'{"result": {"duration_observed_s": "x"}, "result": 5, "result": {"duration_observed_s": 1, "duration_observed_s": 14.05}}')
    case("meta-duplicate-not-merged", "the last result has no duration", meta=b'{"result": {"duration_observed_s": 14.05}, "result": {}}')
    case("meta-key-case", "Result and DURATION_OBSERVED_S are other keys", meta=b'{"result": {"duration_observed_s": 14.05, "Duration_Observed_S": 1}, "Result": 5, "RESULT": {}}')
    case("meta-key-escaped", "escapes in keys", meta=b'{"r\\u0065sult": {"duration\\u005fobserved_s": 14.05}}')
    case("meta-many-lines", "meta.json on many lines, with CRLF", meta=b'\r\n{\r\n\t"result" :\r\n {"duration_observed_s"\n:14.05 }\r\n\r\n}\r\n\r\n')
    case("meta-empty", "meta.json is empty", "corrupt", meta=b"")
    case("meta-blank", "meta.json is blank", "corrupt", meta=b" \n\n")
    case("meta-array", "meta.json is an array", "corrupt", meta=b"[]")
    case("meta-two", "two documents in meta.json", "corrupt", meta=b"{}\n{}\n")
    case("meta-trailing-comma", "a comma too many", "corrupt", meta=b'{"result": {},}')
    case("meta-cut", "meta.json is cut", "corrupt", meta=b'{"result": {')
    case("meta-bom", "meta.json starts with a byte order mark", "corrupt", meta=b"\xef\xbb\xbf{}")
    case("meta-not-utf8", "meta.json has a byte that is not UTF-8", "corrupt", meta=b'{"a": "\xff"}')
    case("meta-deep-1000", "depth 1,000", meta=b'{"a":' + b"[" * 999 + b"]" * 999 + b', "result": {"duration_observed_s": 14.05}}')
    case("meta-deep-1001", "depth 1,001", "corrupt", meta=b'{"a":' + b"[" * 1000 + b"]" * 1000 + b"}")
    case("meta-line-limit", "a line of just 1 MiB", meta=b'{"a": "' + b"x" * ((1 << 20) - 9) + b'"}\r\n')
    case("meta-line-over", "a line of 1 MiB and a byte", "too_large", meta=b'{"a": "' + b"x" * ((1 << 20) - 8) + b'"}\r\n')


def label_cases():
    def one(t):
        return [{"phase": "clean"} if t is NONE else {"t_wall_ns": t, "phase": "clean"}] + labels(WALK[1:])

    for name, t in [("missing", NONE), ("null", None), ("string-word", "now"), ("string-space", "%d " % T0), ("bool", False), ("1e999", Raw("1e999")), ("nan", Raw("NaN")), ("array", [])]:
        case("label-time-" + name, "a label without a usable time", "corrupt", labels=one(t))
    case("label-time-last-missing", "the last label has no time", "corrupt", labels=labels(WALK) + [{"phase": "clean"}])
    case("label-time-string", "a time that is a string", labels=one(str(T0)))
    case("label-time-strings", "all times are strings", labels=[dict(l, t_wall_ns=str(l["t_wall_ns"])) for l in labels(WALK)])
    case("label-phase-nan", "NaN is one more phase", labels=labels(WALK) + [{"t_wall_ns": ns(12), "phase": Raw("NaN")}])
    case("label-time-float", "time zero with a fraction is truncated to an integer", labels=one(Raw(str(T0) + ".5")))
    case("label-time-float-later", "one later label is a float", labels=labels(WALK[:3]) + [{"t_wall_ns": Raw("1767225604060000300.75"), "phase": "infected_running"}] + labels(WALK[4:]))
    case("label-time-exponent", "time zero with an exponent", labels=one(Raw("1.7672256e18")))
    case("label-time-negative", "times before 1970", labels=[{"t_wall_ns": l["t_wall_ns"] - T0 - 10**10, "phase": l["phase"]} for l in labels(WALK)],
         proc=changed(lambda i, r: r.update(t_wall_ns=r["t_wall_ns"] - T0 - 10**10)))
    shift = 2**64 - 1 - ns(15)
    case("label-time-64-bits", "times just below 2^64", labels=[{"t_wall_ns": l["t_wall_ns"] + shift, "phase": l["phase"]} for l in labels(WALK)],
         proc=changed(lambda i, r: r.update(t_wall_ns=r["t_wall_ns"] + shift)))
    case("label-time-over-64-bits", "times above 2^64 are floats", labels=[{"t_wall_ns": (l["t_wall_ns"] - T0) * 10**6 + 2**64, "phase": l["phase"]} for l in labels(WALK)],
         meta=duration(14.05e6), proc=changed(lambda i, r: r.update(t_wall_ns=(r["t_wall_ns"] - T0) * 10**6 + 2**64)))
    case("label-time-wide", "an exact difference of more than 64 bits", labels=[{"t_wall_ns": -2**63, "phase": "clean"}] + [
        {"t_wall_ns": 2**63 + k * 2**60, "phase": p} for k, p in enumerate(["armed", "infecting", "infected_running", "clean"])], meta=duration(4e10),
        proc=[{"t_wall_ns": -2**63 + k * 2**60 + k, "cpu_user_jiffies": k * k} for k in range(24)])
    case("label-key-case", "Phase and T_WALL_NS are other keys", labels=[dict(l, Phase="x", PHASE="y", T_WALL_NS=5) for l in labels(WALK)])
    case("label-duplicate-keys", "of duplicate keys the last counts",
         labels=b"".join(b'{"phase": "x", "t_wall_ns": "soon", "phase": null, "t_wall_ns": %d, "phase": "%s"}\n' % (ns(t), p.encode()) for t, p in WALK))
    case("label-duplicate-null", "the last phase is null", "unusable no armed",
         labels=lines([Raw('{"t_wall_ns": %d, "phase": "%s"%s}' % (ns(t), p, ', "phase": null' if p == "armed" else "")) for t, p in WALK + [(12, "x")]]))
    case("label-array", "a label is an array", "corrupt", labels=labels(WALK) + [[]])
    case("label-cut", "the last label is cut", "corrupt", labels=lines(labels(WALK)) + b'{"t_wall_ns": 17672256')
    case("labels-bom", "labels.jsonl starts with a byte order mark", "corrupt", labels=b"\xef\xbb\xbf" + lines(labels(WALK)))
    case("labels-crlf", "CRLF and blank lines in labels.jsonl", labels=b" \r\n\n" + lines(labels(WALK)).replace(b"\n", b"\r\n\t\r\n").rstrip())
    case("labels-line-over", "a label of 1 MiB and a byte", "too_large", labels=lines(labels(WALK)) + b'{"t_wall_ns": %d%s}\n' % (ns(13), b" " * ((1 << 20) - 33)))
    case("labels-deep-1001", "a label of depth 1,001", "corrupt", labels=lines(labels(WALK)) + b'{"a":' + b'{"a":' * 999 + b"[]" + b"}" * 1000 + b"\n")
    case("labels-not-utf8", "labels.jsonl is not UTF-8", "corrupt", labels=lines(labels(WALK)) + b'{"t_wall_ns": 1, "x": "\xc3("}\n')
    case("corrupt-before-unusable", "no labels, and a broken telemetry row: corrupt", "corrupt", labels=b"", proc=b"{}\nx\n")


def value_cases():
    n = len(rows())
    mid = range(12, 18)
    for name, value in [("missing", NONE), ("null", None), ("string", "x"), ("bool", True), ("nan", Raw("NaN")), ("minus-infinity", Raw("-Infinity")), ("string-1e999", "1e999"), ("negative", -1), ("array", [431]), ("object", {"cpu_user_jiffies": 431}),
                        ("1e31", Raw("1e31")), ("minus-1e31", Raw("-1e31")), ("1e999", Raw("1e999")), ("big-integer", Raw("1" + "0" * 31)), ("400-digits", Raw("9" * 400)),
                        ("5000-digits", Raw("1" * 5000))]:
        values = {i: value for i in mid} if "digits" not in name else {14: value}
        case("gap-" + name, "gaps in a counter: " + name, proc=put("cpu_user_jiffies", values))
    case("gap-gauge", "gaps in a gauge", channels=[RSS], proc=put("rss_bytes", {i: [None, "x", False, NONE, Raw("-1e999"), 4.5e30][i - 12] for i in mid}))
    case("gap-alternate", "every other row lacks the field", channels=(USER, RSS), proc=changed(lambda i, r: r.pop("cpu_user_jiffies" if i % 2 else "rss_bytes") and None))
    case("gap-first-rows", "the field comes late: the first row that has it is no point", proc=put("cpu_user_jiffies", {i: None for i in range(9)}))
    case("gap-last-rows", "the field ends early", proc=put("cpu_user_jiffies", {i: None for i in range(30, n)}))
    case("gap-all-but-one", "one row has the field: a curve of gaps", "unusable no data", proc=put("cpu_user_jiffies", {i: None for i in range(n) if i != 20}))
    case("gap-all-but-two", "two rows have it: one rate, still a curve of gaps in linear", "unusable no data", proc=put("cpu_user_jiffies", {i: None for i in range(n) if i not in (12, 24)}))
    case("gap-all-but-three", "three rows have it", proc=put("cpu_user_jiffies", {i: None for i in range(n) if i not in (7, 14, 25)}))
    case("gap-all-but-one-gauge", "one row has the gauge", "unusable no data", channels=[RSS], proc=put("rss_bytes", {i: None for i in range(n) if i != 20}))
    case("gap-all", "every row has null: no such channel", "unusable no channel", proc=put("cpu_user_jiffies", lambda i: None))
    case("field-nested", "the field in a nested object is not the row's", "unusable no channel", proc=put("cpu_user_jiffies", lambda i: NONE) + [{"a": {"cpu_user_jiffies": 5}}])
    case("field-in-dropped-rows", "only rows that are left out have the field", "unusable no channel",
         proc=put("cpu_user_jiffies", lambda i: NONE) + [{"cpu_user_jiffies": 5}, {"t_wall_ns": ns(1), "cpu_user_jiffies": 6}])
    case("few-rows-0", "no rows", "unusable no channel", channels=(USER, RSS), proc=b"")
    case("few-rows-1", "one row", "unusable few points", channels=(USER, RSS), proc=rows()[:1])
    case("few-rows-2", "two rows: one point of a counter", "unusable few points", proc=rows()[5:7])
    case("few-rows-2-gauge", "two rows: two points of a gauge", channels=[RSS], proc=rows()[5:7])
    case("few-rows-3", "three rows: two points of a counter", proc=rows()[12:15])
    case("few-rows-kept", "many rows, two of them kept: the others are repeats", "unusable few points", proc=rows()[5:7] * 3)
    case("few-rows-3-gap", "three rows, one has the field", "unusable no data", proc=put("cpu_user_jiffies", {12: None, 14: None})[12:15])

    def fall(at, to):
        base = rows()[at - 1]["cpu_user_jiffies"]
        return changed(lambda i, r: r.update(cpu_user_jiffies=r["cpu_user_jiffies"] - base + to) if i >= at else None)

    case("reset", "the counter falls to 3", proc=fall(20, 3))
    case("reset-zero", "the counter falls to 0", proc=put("cpu_user_jiffies", {i: 0 for i in range(20, n)}))
    case("reset-after-gap", "it falls across a gap", proc=[r for i, r in enumerate(fall(20, 3)) if i not in (18, 19, 20)])
    case("reset-often", "a falling counter in every row", "unusable bad counter", proc=put("cpu_user_jiffies", lambda i: 1000 - i))
    case("reset-negative", "below zero it is a gap; then it falls", proc=put("cpu_user_jiffies", {20: -50, 21: -40, 22: 7}))
    case("negative-growing", "negative counts that grow: the counter has no sample", "unusable no data", proc=put("cpu_user_jiffies", lambda i: i * i - 5000))
    case("floats", "counts with fractions", proc=put("cpu_user_jiffies", lambda i: 0.1 * i * i))
    case("floats-reset", "floats that fall", proc=put("cpu_user_jiffies", lambda i: Raw("%.3f" % (7.7 * (i % 20)))))
    case("floats-mixed", "integers and floats", proc=put("cpu_user_jiffies", lambda i: 3 * i if i % 3 else 3 * i + 0.25))
    case("floats-one", "one float among big integers: mean sums floats", proc=put("cpu_user_jiffies", lambda i: 2**60 + i * 1000003 if i != 25 else float(2**60 + 25 * 1000003)))
    case("floats-mixed-equal", "2^53+1 then 2^53 as a float: no fall, for the difference is of floats",
         proc=counts(*[2**53 + 1, Raw("9007199254740992.0")] * 8, 2**53 + 100, 2**53 + 205))
    case("integer-as-decimal", "3.0 and 3e0 are no integers, but equal", proc=put("cpu_user_jiffies", lambda i: [3 * i, Raw("%d.0" % (3 * i)), Raw("%de0" % (3 * i))][i % 3]))
    case("exponents", "numbers with exponents", channels=(USER, RSS), proc=changed(lambda i, r: r.update(
        cpu_user_jiffies=Raw("%d.%dE+1" % (i, i % 10)), rss_bytes=Raw("%de-3" % r["rss_bytes"]))))
    case("over-2-53", "integers beyond 2^53: differences are exact", channels=(USER, RSS), proc=changed(lambda i, r: r.update(
        cpu_user_jiffies=2**53 + 3 * i + i * i, rss_bytes=2**53 + i)))
    case("over-2-63", "integers across 2^63", proc=put("cpu_user_jiffies", lambda i: 2**63 - 40 + 5 * i))
    case("under-2-64", "integers up to 2^64-1", channels=(USER, RSS), proc=changed(lambda i, r: r.update(
        cpu_user_jiffies=min(2**64 - 101 + 5 * i, 2**64 - 1), rss_bytes=2**64 - 1 - i * 2**40)))
    case("over-2-64", "integers across 2^64: from there on they are floats", proc=put("cpu_user_jiffies", lambda i: 2**64 - 100000 + 5000 * i))
    case("under-minus-2-63", "integers across -2^63", channels=[RSS], proc=put("rss_bytes", lambda i: -2**63 - 10000 + 1000 * i))
    case("difference-over-63-bits", "from 0 to 2^64-1", proc=put("cpu_user_jiffies", lambda i: 0 if i < 20 else 2**64 - 1))
    case("sum-over-64-bits", "mean: the sum of increases passes 2^64", proc=put("cpu_user_jiffies", lambda i: i % 20 * (2**64 // 20) + i))
    case("sum-rounded-once", "mean: the sum is exact, then rounded once", proc=put("cpu_user_jiffies", lambda i: i * (2**53 + 1) + i % 2))
    case("minus-zero", "-0 is the integer 0", proc=counts(Raw("-0"), Raw("-0"), 0, Raw("-0"), 5, Raw("-0"), 7))
    case("minus-zero-gauge", "-0 is 0", channels=[RSS], proc=put("rss_bytes", lambda i: Raw("-0")))
    case("limit-1e30", "1e30 is no gap", channels=[RSS], proc=put("rss_bytes", lambda i: Raw(["1e30", "-1E30", "1" + "0" * 30, "1000000000000000000000000000001"][i % 4])))
    case("limit-1e30-counter", "1e30 is no gap, but the rate of a step to it is",
         open="mean: a bin over 1e30 is taken for no gap (linear: the rate is one)", proc=put("cpu_user_jiffies", lambda i: Raw("1" + "0" * 30) if i > 20 else 0))
    case("limit-over-1e30", "the float after 1e30 is a gap", channels=[RSS], proc=put("rss_bytes", {i: Raw("1000000000000000160000000000000") for i in mid}))
    case("rate-over-1e30", "rates over 1e30 are gaps", proc=changed(lambda i, r: r.update(cpu_user_jiffies=Raw("%de24" % i),
         t_wall_ns=T0 + 4 * 10**9 + i * 10**8 + (i % 2) * (1 - 10**8) if i > 10 else r["t_wall_ns"])))
    case("denormal", "tiny floats", channels=(USER, RSS), proc=changed(lambda i, r: r.update(cpu_user_jiffies=Raw("%de-320" % i), rss_bytes=Raw("%de-323" % (i % 5)))))
    case("gauges", "gauges of proc and of another source", channels=(RSS, "host.mem_free_kb", "host.cpu_user", "host.cpu_user_jiffies", "host.nothing", "net.rx"), expect=None,
         more=[("telemetry-host.jsonl", lines(host_rows()))])
    fields = ["cpu_user_jiffies", "cpu_sys_jiffies", "io_read_bytes", "io_write_bytes", "io_rchar", "io_wchar", "minflt", "majflt", "ctxt_voluntary", "ctxt_involuntary",
              "rss_bytes", "vsize_bytes", "num_threads", "num_fds", "pid"]
    case("fields", "all counters of proc with the same numbers, then gauges with them", channels=["proc." + f for f in fields] + ["host." + f for f in fields[:2]],
         proc=[dict([("t_wall_ns", r["t_wall_ns"])] + [(f, r["cpu_user_jiffies"]) for f in fields]) for r in rows()],
         more=[("telemetry-host.jsonl", lines([dict(r, cpu_sys_jiffies=r["cpu_user_jiffies"]) for r in rows()]))])
    case("source-dotted-field", "the source ends at the first dot", channels=("proc.a.b", "proc.b"), expect=None, proc=changed(lambda i, r: r.update({"a.b": i * i})))
    case("channel-empty-part", "a channel whose source or field is the empty string", channels=("proc.", ".x"), open="the docs do not say whether a part may be empty",
         proc=changed(lambda i, r: r.update({"": i})), more=[("telemetry-.jsonl", lines([{"t_wall_ns": ns(i), "x": i} for i in range(15)]))])
    case("field-t-wall-ns", "the time as a channel", channels=("proc.t_wall_ns",))
    case("key-case", "CPU_USER_JIFFIES and T_WALL_NS are other keys", proc=changed(lambda i, r: r.update(
        CPU_USER_JIFFIES=i * 1000, Cpu_User_Jiffies="x", T_WALL_NS=0, T_wall_ns=None)))
    case("key-case-only", "only the wrong case", "unusable no channel", proc=[{"t_wall_ns": r["t_wall_ns"], "CPU_USER_JIFFIES": 5 * i} for i, r in enumerate(rows())])
    case("key-escaped", "escapes in keys", proc=b"".join(b'{"t\\u005Fwall_ns": %d, "cpu_user\\u005fjiffies": %d}\n' % (r["t_wall_ns"], r["cpu_user_jiffies"]) for r in rows()))
    case("key-long-s", "a letter that folds to s is another letter", proc=[
        Raw('{"t_wall_ns": %d, "cpu_user_jiffies": %d, "cpu_u\u017fer_jiffies": 0, "t_wall_n\u017f": 1}' % (r["t_wall_ns"], r["cpu_user_jiffies"])) for r in rows()])
    case("key-duplicate", "of duplicate keys the last counts", proc=b"".join(
        b'{"cpu_user_jiffies": 9, "t_wall_ns": 5, "cpu_user_jiffies": "x", "t_wall_ns": %d, "cpu_user\\u005fjiffies": %d}\n' % (r["t_wall_ns"], r["cpu_user_jiffies"]) for r in rows()))
    case("key-duplicate-null", "the last is null: a gap", proc=lines([
        Raw('{"t_wall_ns": %d, "cpu_user_jiffies": %d%s}' % (r["t_wall_ns"], r["cpu_user_jiffies"], ', "cpu_user_jiffies": null' if i % 4 == 0 else "")) for i, r in enumerate(rows())]))


def time_cases():
    case("time-strings", "times that are strings", proc=put("t_wall_ns", lambda i: [str(rows()[i]["t_wall_ns"]), rows()[i]["t_wall_ns"]][i % 3 == 0]))
    for name, value in [("missing", NONE), ("null", None), ("string", "soon"), ("nan", Raw("NaN")), ("bool", True), ("1e999", Raw("1e999")), ("minus-1e999", Raw("-1e999")), ("array", [])]:
        case("time-" + name, "rows without a usable time are left out", proc=put("t_wall_ns", {14: value, 15: value, 25: value}))
    case("time-none-usable", "no row has a time", "unusable no channel", proc=put("t_wall_ns", lambda i: NONE))
    case("time-back", "a row before the one before it is dropped whole, and the step across it is unknown", channels=(USER, RSS), proc=changed(lambda i, r: r.update(t_wall_ns=r["t_wall_ns"] - 10**9) if i == 20 else None))
    case("time-far-ahead", "a row far ahead is dropped", proc=changed(lambda i, r: r.update(t_wall_ns=r["t_wall_ns"] + 3 * 10**9) if i == 20 else None))
    case("time-ahead-for-good", "1e31 is a time: its row is dropped", proc=put("t_wall_ns", {30: Raw("1e31")}))
    case("time-equal", "of equal times the first row counts", channels=(USER, RSS),
         proc=[x for i, r in enumerate(rows()) for x in [r] + ([dict(r, cpu_user_jiffies=99999, rss_bytes=1)] if i % 5 == 0 else [])])
    case("time-float", "times with a fraction", proc=changed(lambda i, r: r.update(t_wall_ns=Raw("%d.%d" % (r["t_wall_ns"], i)))))
    case("time-float-mixed", "every third time is a float", proc=changed(lambda i, r: i % 3 or r.update(t_wall_ns=Raw("%d.0" % r["t_wall_ns"]))))
    case("time-exponent", "times with an exponent", proc=changed(lambda i, r: r.update(t_wall_ns=Raw("%de-1" % (r["t_wall_ns"] * 10)))))
    case("time-negative", "a row before 1970 first", proc=[{"t_wall_ns": -5, "cpu_user_jiffies": 1}] + rows())
    case("time-nanoseconds", "rows 1 ns apart", proc=[x for r in rows() for x in (r, dict(r, t_wall_ns=r["t_wall_ns"] + 1, cpu_user_jiffies=r["cpu_user_jiffies"] + 1))])
    case("starts-late", "sampling starts after the first label", channels=(USER, RSS), proc=rows(start=0.9))
    case("ends-early", "sampling ends before the end", channels=(USER, RSS), proc=rows(end=12.2))
    case("starts-on-label", "the first row lies on the first label, others on the grid", channels=(USER, RSS), labels=labels(
        [(0, "clean"), (2, "armed"), (3, "infecting"), (4, "infected_running"), (11, "clean")]), meta=duration(14),
        proc=[{"t_wall_ns": ns(i / 2), "cpu_user_jiffies": 3 * i * i, "rss_bytes": 1000 * (i % 5)} for i in range(29)])
    case("starts-after-all", "sampling starts after the end: a curve of gaps", "unusable no data", channels=(USER, RSS), proc=rows(start=20, end=24))
    case("sparse", "a row every 3 s", channels=(USER, RSS), proc=rows(step=3))
    case("dense", "a row every 50 ms", channels=(USER, RSS), proc=rows(step=0.05))


def json_cases():
    plain = lines(rows())

    def bad(name, line, note=None):
        case("json-" + name, note or "a telemetry row that is not JSON", "corrupt", proc=plain + line + b"\n")

    def fine(name, line, note):
        case("json-" + name, note, proc=plain + line + b"\n")

    for name, line in [("array", b"[]"), ("null", b"null"), ("number", b"5"), ("string", b'"x"'), ("two", b"{} {}"), ("two-joined", b"{}{}"), ("garbage-after", b"{}x"),
                       ("comma-after", b"{},"), ("cut", b'{"a": '), ("cut-string", b'{"a": "x'), ("open-array", b'{"a": [1, 2}'), ("comma-last", b'{"a": 1,}'),
                       ("comma-last-array", b'{"a": [1,]}'), ("comma-first", b"{,}"), ("comma-missing", b'{"a": 1 "b": 2}'), ("colon-missing", b'{"a" 1}'),
                       ("value-missing", b'{"a":}'), ("key-bare", b"{a: 1}"), ("key-number", b"{1: 1}"), ("quotes-single", b"{'a': 1}"), ("nan-case", b'{"a": nan}'),
                       ("minus-nan", b'{"a": -NaN}'), ("infinity-short", b'{"a": Inf}'), ("infinity-plus", b'{"a": +Infinity}'), ("infinity-cut", b'{"a": -Infinit}'), ("nan-alone", b"NaN"), ("leading-zero", b'{"a": 01}'), ("minus-leading-zero", b'{"a": -01}'),
                       ("plus", b'{"a": +1}'), ("point-first", b'{"a": .5}'), ("point-last", b'{"a": 1.}'), ("exponent-empty", b'{"a": 1e}'), ("exponent-sign", b'{"a": 1e+}'),
                       ("minus-alone", b'{"a": -}'), ("hex", b'{"a": 0x10}'), ("underscore", b'{"a": 1_000}'), ("true-case", b'{"a": True}'), ("none", b'{"a": None}'),
                       ("literal-long", b'{"a": nullx}'), ("comment", b'{"a": 1} // x'), ("tab-in-string", b'{"a": "\t"}'), ("nul-in-string", b'{"a": "\0"}'),
                       ("control-in-string", b'{"a": "\x1f"}'), ("escape-x", b'{"a": "\\x41"}'), ("escape-short", b'{"a": "\\u12"}'), ("escape-not-hex", b'{"a": "\\u12g4"}'),
                       ("escape-end", b'{"a": "\\'), ("form-feed", b"\x0c{}"), ("nbsp", b"{}\xc2\xa0"), ("nbsp-blank", b"\xc2\xa0"), ("nul", b"\0"), ("digits-arabic", '{"a": \u0661}'.encode()),
                       ("bom-inside", b"\xef\xbb\xbf{}"), ("cr-in-string", b'{"a": "\r"}')]:
        bad(name, line)
    for name, line in [("byte", b'{"a": "\xff"}'), ("overlong", b'{"a": "\xc0\xaf"}'), ("surrogate", b'{"a": "\xed\xa0\x80"}'), ("cut", b'{"a": "\xe2\x82"}'),
                       ("too-high", b'{"a": "\xf4\x90\x80\x80"}'), ("key", b'{"\x80": 1}'), ("blank", b" \xff ")]:
        bad("utf8-" + name, line, "bytes that are not UTF-8")
    for name, line, note in [("nan", b'{"a": NaN}', "NaN"), ("infinity", b'{"a": Infinity}', "Infinity"), ("minus-infinity", b'{"a": -Infinity}', "-Infinity"), ("empty-object", b"{}", "a row without anything"), ("spaces", b' \t{ "a"\r:\t[ 1 , 2 ] } \r', "white space of JSON"),
                             ("surrogate-lone", b'{"a\\ud800": "\\udc00\\ud800x"}', "lone surrogates in escapes"), ("surrogate-pair", b'{"\\ud83d\\ude00": "\\uD83D\\uDE00"}', "a pair"),
                             ("escapes", b'{"a": "\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000"}', "all escapes"), ("del", b'{"a": "\x7f"}', "DEL in a string"),
                             ("bom-in-string", b'{"a": "\xef\xbb\xbf"}', "U+FEFF in a string"), ("line-separator", '{"a": "\u2028\u0085"}'.encode(), "other line ends in a string"),
                             ("high", '{"\U0001f600": "\U0010ffff"}'.encode(), "four-byte characters"), ("numbers", b'{"a": [-0, 0, 0.0, -0.0e-0, 1E5, 1e-999, 1e999, 12345678901234567890123]}', "numbers"),
                             ("key-empty", b'{"": 1, "": 2}', "empty keys"), ("depth-1000", b'{"a":' + b"[" * 999 + b"]" * 999 + b"}", "depth 1,000"),
                             ("depth-1000-objects", b'{"a":' * 1000 + b"1" + b"}" * 1000, "depth 1,000 of objects"), ("wide", b'{"a": [' + b"{}," * 999 + b"[]]}", "wide, not deep")]:
        fine(name, line, note)
    bad("depth-1001", b'{"a":' + b"[" * 1000 + b"]" * 1000 + b"}", "depth 1,001")
    bad("depth-1001-objects", b'{"a":' * 1001 + b"1" + b"}" * 1001, "depth 1,001 of objects")
    bad("depth-cut", b'{"a":' + b"[" * 200000, "very deep, and cut")
    fine("line-limit", b'{"a": "' + b"x" * ((1 << 20) - 9) + b'"}', "a line of just 1 MiB")
    fine("line-limit-crlf", b'{"a": "' + b"x" * ((1 << 20) - 9) + b'"}\r', "the line end is not counted")
    case("json-line-over", "a line of 1 MiB and a byte", "too_large", proc=plain + b'{"a": "' + b"x" * ((1 << 20) - 8) + b'"}\n')
    case("json-line-over-last", "the same without a line end", "too_large", proc=plain + b'{"a": "' + b"x" * ((1 << 20) - 8) + b'"}')
    case("json-line-over-blank", "a blank line of 1 MiB and a byte", "too_large", proc=plain + b" " * ((1 << 20) + 1) + b"\n")
    case("crlf", "CRLF line ends", proc=plain.replace(b"\n", b"\r\n"))
    case("blank-lines", "blank lines", proc=b"\n" + plain.replace(b"\n", b"\n \t \r\n\n") + b" ")
    case("no-line-end", "the last line has no line end", proc=plain.rstrip(b"\n"))
    case("bom", "a byte order mark in telemetry", "corrupt", proc=b"\xef\xbb\xbf" + plain)
    case("bom-alone", "nothing but a byte order mark", "corrupt", proc=b"\xef\xbb\xbf")
    case("utf-16", "telemetry in UTF-16", "corrupt", proc=plain.decode().encode("utf-16"))
    case("rows-limit", "1,000,000 rows", proc=lambda_rows(1_000_000))
    case("rows-over", "1,000,001 rows", "too_large", proc=lambda_rows(1_000_001))
    case("rows-blank", "1,000,001 blank lines are no rows", open="blank lines are skipped, so they are taken for no rows", proc=plain + b"\n" * 1_000_001)


def lambda_rows(n):
    plain = lines(rows())
    return plain + b"{}\n" * (n - len(rows()))


def member_cases():
    plain = dict(files())
    names = list(plain)
    for name in names[:2]:
        case("without-" + name.split(".")[0], "no " + name, "corrupt", members=lambda name=name: [(k, v) for k, v in plain.items() if k != name])
    case("without-telemetry", "no telemetry of the source", "unusable no source", proc=False)
    case("without-telemetry-other", "no telemetry of the source, but of another", "unusable no source", proc=False, more=[("telemetry-host.jsonl", lines(host_rows()))])
    case("without-telemetry-few", "no telemetry, three segments: the segments are said first", "unusable few segments", proc=False, labels=labels(WALK[:3]))
    case("order-reversed", "members in another order", members=lambda: list(plain.items())[::-1])
    case("order-mixed", "members in another order, with others between",
         members=lambda: [("a", b"x"), (names[2], plain[names[2]]), ("b", b""), (names[0], plain[names[0]]), ("c/d", b"y" * 600), (names[1], plain[names[1]]), ("e", b"z")])
    case("duplicates", "of two with one path the last counts; errors in the one before do not",
         members=lambda: [(names[0], b"\xff"), (names[1], b"x"), (names[2], b"[]")] + list(plain.items()))
    case("duplicates-last-broken", "the last is broken", "corrupt", members=lambda: list(plain.items()) + [(names[2], b"[]")])
    case("duplicates-same-path", "./x//y is the path x/y", members=lambda: [("x/y/" + k, b"x") for k in names] + [("./x//y/./" + k, v) for k, v in plain.items()])
    case("duplicates-thrice", "of three the last counts", members=lambda: [(names[1], b"x")] + list(plain.items()) * 2)
    case("duplicates-folders", "the same in another folder: nobody knows which is meant", "corrupt", members=lambda: list(plain.items()) + [("x/" + names[2], plain[names[2]])])
    case("duplicates-folders-labels", "two labels.jsonl, and no labels in one", "corrupt", members=lambda: [("old/" + names[1], b"")] + list(plain.items()))
    case("duplicates-folders-other", "two of a member that is not needed", members=lambda: list(plain.items()) + [("x/telemetry-host.jsonl", b"x"), ("y/telemetry-host.jsonl", b"y")])
    case("duplicates-link-itself", "a hard link to its own path, as tar writes it of a file that is stored twice", members=lambda: list(plain.items()) + [member("./" + names[2], kind=b"1", link=names[2].encode())])
    case("duplicates-link", "a link of the same path later takes its place", "unusable no source", members=lambda: list(plain.items()) + [member(names[2], kind=b"2", link=b"x")])
    case("duplicates-link-folder", "a link in another folder is no member", members=lambda: list(plain.items()) + [member("x/" + names[2], kind=b"1", link=b"x")])
    case("folders", "leading folders", members=lambda: [("a/b/c/" + k, v) for k, v in plain.items()])
    case("folders-different", "each in another folder", members=lambda: [("./" + names[0], plain[names[0]]), ("x/./" + names[1], plain[names[1]]), ("/" + names[2], plain[names[2]])])
    case("folders-dot", "names with ./", members=lambda: [member("./", kind=b"5")] + [("./" + k, v) for k, v in plain.items()])
    case("folders-dotdot", "names with ..", members=lambda: [("../../" + k, v) for k, v in plain.items()])
    case("folders-prefix", "the folder stands in the prefix field",
         members=lambda: [member(k, v, prefix=b"a" * 100 + b"/b") for k, v in plain.items()])
    case("name-case", "META.JSON is another name", "corrupt", members=lambda: [("META.JSON", plain[names[0]])] + list(plain.items())[1:])
    case("name-longer", "xmeta.json and meta.json.bak are other names", "corrupt", members=lambda: [("xmeta.json", plain[names[0]]), ("meta.json.bak", plain[names[0]])] + list(plain.items())[1:])
    case("name-backslash", "a backslash ends no folder", "corrupt", members=lambda: [("a\\meta.json", plain[names[0]])] + list(plain.items())[1:])
    case("name-100", "a name of just 100 bytes", members=lambda: [("d" * (99 - len(k)) + "/" + k, v) for k, v in plain.items()])
    case("directory-same-name", "a folder named meta.json", members=lambda: [member("meta.json", kind=b"5"), member("labels.jsonl/", kind=b"5")] + list(plain.items()))
    case("directory-instead", "meta.json is a folder", "corrupt", members=lambda: [member("meta.json", kind=b"5")] + list(plain.items())[1:])
    case("symlink-before", "a symbolic link before the file of its name", members=lambda: [member("meta.json", kind=b"2", link=b"x"), member("telemetry-proc.jsonl", kind=b"1", link=b"meta.json")] + list(plain.items()))
    case("symlink-instead", "meta.json is a symbolic link", "corrupt", members=lambda: [("real.json", plain[names[0]]), member("meta.json", kind=b"2", link=b"real.json")] + list(plain.items())[1:])
    case("hardlink-instead", "labels.jsonl is a hard link", "corrupt", members=lambda: [("real", plain[names[1]]), member("labels.jsonl", kind=b"1", link=b"real"), (names[0], plain[names[0]]), (names[2], plain[names[2]])])
    case("hardlink-telemetry", "the telemetry is a hard link: no such source", "unusable no source",
         members=lambda: [("real", plain[names[2]]), member("telemetry-proc.jsonl", kind=b"1", link=b"real"), (names[0], plain[names[0]]), (names[1], plain[names[1]])])
    case("device-and-pipe", "devices and pipes of these names", members=lambda: [member("meta.json", kind=b"3"), member("labels.jsonl", kind=b"4"), member("telemetry-proc.jsonl", kind=b"6")] + list(plain.items()))
    case("type-old", "the type of old tars", members=lambda: [member(k, v, kind=b"\0", magic=b"\0" * 8) for k, v in plain.items()])
    case("type-contiguous", "contiguous files are files", open="the docs do not name the type", members=lambda: [member(k, v, kind=b"7") for k, v in plain.items()])
    case("type-gnu", "headers of GNU tar", members=lambda: [member(k, v, magic=b"ustar  \0") for k, v in plain.items()])
    long = "long/" * 40
    case("pax-long", "long names by PAX", members=lambda: [x for k, v in plain.items() for x in (pax([("mtime", "1767225600.5"), ("path", long + k)]), member((long + k)[:100], v))])
    case("pax-renames", "PAX gives meta.json its name", members=lambda: [pax([("path", "meta.json")]), member("x", plain[names[0]])] + list(plain.items())[1:])
    case("pax-renames-away", "PAX takes its name away", "corrupt", members=lambda: [pax([("path", "x")]), member("meta.json", plain[names[0]])] + list(plain.items())[1:])
    case("pax-once", "a PAX header holds for one member", members=lambda: [pax([("path", "x")]), member("meta.json", b"x")] + list(plain.items()))
    case("pax-size", "the size is in the PAX header", members=lambda: [b"".join([pax([("size", str(len(v)))]), header(k.encode(), 0), v, b"\0" * (-len(v) % 512)]) for k, v in plain.items()])
    case("pax-global", "a global PAX header with a comment", members=lambda: [pax([("comment", "x")], kind=b"g")] + list(plain.items()))
    case("pax-unicode", "a name outside ASCII by PAX", members=lambda: [x for k, v in plain.items() for x in (pax([("path", "d\u00fcr/\U0001f600/" + k)]), member("x", v))])
    case("pax-broken", "a PAX record with a wrong length", "corrupt", members=lambda: [member("PaxHeader/x", b"99 path=meta.json\n", kind=b"x")] + list(plain.items()))
    case("gnu-long", "long names by GNU tar", members=lambda: [x for k, v in plain.items() for x in (gnu_long(long + k), member((long + k)[:100], v, magic=b"ustar  \0"))])
    case("gnu-long-link", "a symbolic link with a long target", members=lambda: [member("././@LongLink", b"t" * 300 + b"\0", kind=b"K", magic=b"ustar  \0"), member("x", kind=b"2", link=b"t" * 100, magic=b"ustar  \0")] + list(plain.items()))
    case("other-broken", "members that are not needed may hold anything",
         more=[("x.jsonl", b"\xff\xfe\0"), ("telemetry-host.jsonl", b"\xef\xbb\xbf{"), ("telemetry-.jsonl", b"[" * 2000), ("telemetry-proc.json", b"x"), ("labels.json", b"x")])
    case("other-source", "the telemetry of another source is not read", channels=("host.mem_free_kb",), proc=b"\xff\n[", more=[("telemetry-host.jsonl", lines(host_rows()))])
    case("other-line", "a long line in a member that is not needed", more=[("x.txt", b"x" * ((1 << 20) + 5))])
    case("other-20mb", "20 MB of zeros in another member", members=lambda: [("core.bin", b"\0" * 20_000_000)] + list(plain.items()))
    case("empty-members", "all three are empty", "corrupt", members=lambda: [(k, b"") for k in names])


def tar_cases():
    plain = files()
    body = b"".join(member(*m) for m in plain)
    case("tar-no-end", "no end blocks", tar=lambda: body)
    case("tar-one-end", "one end block", tar=lambda: body + END[:512])
    case("tar-many-ends", "20 end blocks, as tar pads", tar=lambda: body + END * 10)
    case("tar-after-end", "bytes after the end blocks", tar=lambda: body + END + b"anything" * 100)
    case("tar-after-end-members", "members after the end blocks are not seen", "corrupt", tar=lambda: b"".join(member(*m) for m in plain[:1]) + END + b"".join(member(*m) for m in plain[1:]) + END)
    case("tar-one-end-then-bytes", "one end block, then other bytes", tar=lambda: body + END[:512] + b"x" * 512, open="one of the two end blocks is missing, and bytes follow: both are let pass")
    case("tar-half-end", "half an end block", tar=lambda: body + END[:200], open="a part of the end blocks is missing, which is let pass")
    case("tar-half-header", "half a header", "corrupt", tar=lambda: body + header(b"x", 0)[:300])
    case("tar-no-padding", "the last member's padding is missing", tar=lambda: body.rstrip(b"\0"), open="no byte of the member is missing, so it does not end early")
    case("tar-empty", "a tar without members", "corrupt", tar=lambda: END)
    case("tar-nothing", "a frame without content", "corrupt", tar=lambda: b"")
    case("tar-not-tar", "the frame holds no tar", "corrupt", tar=lambda: lines(rows()))
    case("tar-header-name", "a byte of the header is changed", "corrupt", tar=lambda: body.replace(b"telemetry-proc", b"telemetry-prod", 1) + END)
    case("tar-header-size", "the size in the header is changed", "corrupt", tar=lambda: body[:124] + b"00000000001" + body[135:] + END)
    case("tar-header-other", "the header of a member that is not needed is damaged", "corrupt", tar=lambda: body + member("x", b"y", checksum=b"012345\0 ") + END)
    case("tar-header-number", "a size that is no number", "corrupt", tar=lambda: body + member("x", b"y", number=b"0000000008\0\0") + END)
    case("tar-header-negative", "a negative size", "corrupt", tar=lambda: body + member("x", b"y", number=b"\xff" * 12) + END)
    case("tar-size-spaces", "a size with spaces", tar=lambda: b"".join(header(k.encode(), 0, number=b"%10o \0" % len(v)) + v + b"\0" * (-len(v) % 512) for k, v in plain) + END)
    case("tar-size-base256", "a size in base 256", tar=lambda: b"".join(header(k.encode(), 0, number=base256(len(v))) + v + b"\0" * (-len(v) % 512) for k, v in plain) + END)
    case("tar-checksum-spaces", "a checksum with spaces", tar=lambda: b"".join(
        m[:148] + b"%6o\0 " % int(m[148:154], 8) + m[156:] for m in (member(*p) for p in plain)) + END)
    case("tar-member-short", "a needed member ends early", "corrupt", tar=lambda: b"".join(member(*m) for m in plain[:2]) + header(b"telemetry-proc.jsonl", 5000) + plain[2][1][:1000])
    case("tar-other-short", "a member that is not needed ends early", "corrupt", tar=lambda: body + header(b"x", 1000) + b"x" * 999)
    case("tar-other-swallows", "the size of another member covers the telemetry", "unusable no source",
         tar=lambda: b"".join(member(*m) for m in plain[:2]) + header(b"x", len(member(*plain[2]))) + member(*plain[2]) + END)
    case("tar-other-1tb", "another member declares 1 TB and ends early", "corrupt", tar=lambda: body + header(b"x", 0, number=base256(1 << 40)) + b"x" * 512)
    case("tar-needed-1tb", "the telemetry declares 1 TB and ends early", "too_large", open="both a limit and an early end; the declared size is seen first",
         tar=lambda: b"".join(member(*m) for m in plain[:2]) + header(b"telemetry-proc.jsonl", 0, number=base256(1 << 40)) + plain[2][1])
    case("members-limit", "100,000 members", tar=lambda: member("x") * 99_997 + body + END)
    case("members-over", "100,001 members", "too_large", tar=lambda: body + member("x") * 99_998 + END)


def zstd_cases():
    plain = files()
    body = b"".join(member(*m) for m in plain)
    whole = body + END
    small = zst(whole)
    checked = zst(whole, checksum=True)
    packed = [("packed", small[6:])]        # its blocks, without the frame header


    def with_zeros(total, more=b""):
        """One frame of just total bytes, most of them in a member that is not needed, and the bytes of more after the end blocks."""
        n = total - len(whole) - 512
        return body + header(b"zeros.bin", n), n, END + more

    def big(total, more=b"", **how):
        before, n, after = with_zeros(total, more)
        return frame(blocks(before) + rle(b"\0", n) + blocks(after), **how)

    case("zstd-checksum", "with a checksum", data=lambda: checked)
    case("zstd-checksum-wrong", "with a wrong checksum", "corrupt", data=lambda: checked[:-1] + bytes([checked[-1] ^ 1]))
    case("zstd-checksum-cut", "the checksum is cut", "corrupt", data=lambda: checked[:-1])
    case("zstd-checksum-missing", "the checksum is missing", "corrupt", data=lambda: checked[:-4])
    case("zstd-sized", "with a content size, a single segment", data=lambda: zst(whole, size=True))
    case("zstd-size-wrong", "a content size that is one too many", "corrupt", data=lambda: frame(packed, single=len(whole) + 1))
    case("zstd-size-less", "a content size that is one too few", "corrupt", data=lambda: frame(packed, single=len(whole) - 1))
    case("zstd-fast", "level 1", data=lambda: zst(whole, level=1))
    case("zstd-raw", "raw blocks", data=lambda: frame(blocks(whole, 1000)))
    case("zstd-cut", "a truncated frame", "corrupt", data=lambda: small[:len(small) // 2])
    case("zstd-cut-one", "the last byte is missing", "corrupt", data=lambda: small[:-1])
    case("zstd-cut-header", "the frame header is cut", "corrupt", data=lambda: small[:5])
    case("zstd-no-last-block", "the last block is missing", "corrupt", data=lambda: frame(blocks(body + END[:1]), end=False))
    case("zstd-garbage", "bytes after the frame", "corrupt", data=lambda: small + b"garbage")
    case("zstd-garbage-zero", "a zero byte after the frame", "corrupt", data=lambda: small + b"\0")
    case("zstd-garbage-newline", "a line feed after the frame", "corrupt", data=lambda: small + b"\n")
    case("zstd-magic-after", "a magic number after the frame", "corrupt", data=lambda: small + b"\x28\xb5\x2f\xfd")
    case("zstd-frames", "several frames, cut anywhere", data=lambda: b"".join(zst(whole[i:i + 700], checksum=i % 1400 == 0) for i in range(0, len(whole), 700)))
    case("zstd-frames-second-bad", "the second frame has a wrong checksum; it holds end blocks only", "corrupt",
         data=lambda: zst(body) + (lambda z: z[:-1] + bytes([z[-1] ^ 128]))(zst(END, checksum=True)))
    case("zstd-frames-second-cut", "the second frame is cut; it holds end blocks only", "corrupt", data=lambda: zst(body) + zst(END, checksum=True)[:-6])
    case("zstd-frame-empty", "an empty frame between", data=lambda: zst(body) + zst(b"") + zst(END) + zst(b"", checksum=True))
    case("zstd-skippable", "skippable frames before, between and after", data=lambda: skippable() + zst(body) + skippable(b"", 15) + zst(END) + skippable(b"x" * 300, 7))
    case("zstd-skippable-cut", "a skippable frame is cut", "corrupt", data=lambda: small + skippable()[:-1])
    case("zstd-skippable-only", "nothing but a skippable frame", "corrupt", data=lambda: skippable())
    case("zstd-empty", "an empty file", "corrupt", data=lambda: b"")
    case("zstd-not", "not zstd", "corrupt", data=lambda: lines(rows()[:3]))
    case("zstd-not-gzip", "the start of a gzip file", "corrupt", data=lambda: b"\x1f\x8b\x08\0\0\0\0\0\0\3")
    case("zstd-not-tar", "a bare tar", data=lambda: whole)
    case("zstd-dictionary", "needs a dictionary", "corrupt", data=lambda: frame(packed, dictionary=b"\x05\0"))
    case("zstd-dictionary-zero", "dictionary id 0 is none", data=lambda: frame(packed, dictionary=b"\0\0\0\0"), open="the number says that there is no dictionary")
    case("zstd-reserved-bit", "the reserved bit of the header", "corrupt", data=lambda: frame(packed, descriptor=8))
    case("zstd-unused-bit", "the unused bit of the header means nothing", data=lambda: frame(packed, descriptor=16), open="the zstd format says that it is not to be interpreted")
    case("zstd-reserved-block", "a block of the reserved type", "corrupt", data=lambda: frame(blocks(body[:600]), end=False) + b"\x07\0\0")
    case("zstd-block-large", "a block over 128 KiB", "corrupt", data=lambda: frame([("rle", b"\0", (128 << 10) + 1)] + packed, window=0x50))
    for name, window, expect in [("8mib", 0x68, "ok"), ("over-8mib", 0x69, "ok"), ("64mib", 0x80, "ok"), ("128mib", 0x88, "ok"), ("over-128mib", 0x89, "too_large"), ("256mib", 0x90, "too_large"),
                                 ("most", 0xFF, "too_large")]:
        case("zstd-window-" + name, "the window descriptor is 0x%02x" % window, expect, data=lambda window=window: frame(packed, window=window))
    case("zstd-window-second", "the window of the second frame is too large", "too_large", data=lambda: zst(body) + frame(blocks(END), window=0x89))
    case("zstd-single-100mib", "a single segment of 100 MiB", data=lambda: big(100 << 20, single=100 << 20))
    case("zstd-single-129mib", "a single segment of 129 MiB: its size is the window", "too_large", data=lambda: big(129 << 20, single=129 << 20))
    case("zstd-1gib", "just 1 GiB decompressed", data=lambda: big(1 << 30))
    case("zstd-over-1gib", "1 GiB and a byte decompressed; the byte stands behind the end blocks", "too_large", data=lambda: big(1 << 30, b"\0"))
    case("zstd-over-1gib-frames", "two frames of 513 MiB, each with the whole tar", "too_large", data=lambda: frame(blocks(whole) + rle(b"\0", 513 << 20)) * 2)

    def long_member(size):
        """The telemetry is of this size: its rows, then lines of white space."""
        head = b"".join(member(*m) for m in plain[:2]) + header(b"telemetry-proc.jsonl", size) + plain[2][1]
        parts, left = blocks(head), size - len(plain[2][1])
        while left:
            n = min(left, 1 << 20)
            parts += rle(b" ", n - 1) + [("raw", b"\n")]
            left -= n
        return frame(parts + blocks(b"\0" * (-size % 512) + END))

    case("member-limit", "a needed member of just 256 MiB", data=lambda: long_member(256 << 20))
    case("member-over", "a needed member of 256 MiB and a byte", "too_large", data=lambda: long_member((256 << 20) + 1))
    case("member-other-300mib", "a member of 300 MiB that is not needed", data=lambda: big(300 << 20))


def gzip_cases():
    body = b"".join(member(*m) for m in files())
    whole = body + END
    pack = lambda data: gzip.compress(data, mtime=0)
    packed = pack(whole)
    case("gzip", "a tar.gz", data=lambda: packed)
    case("gzip-members", "several members, cut anywhere", data=lambda: b"".join(pack(whole[i:i + 700]) for i in range(0, len(whole), 700)))
    case("gzip-empty-member", "an empty member after the first", data=lambda: packed + pack(b""))
    case("gzip-name", "a header with a file's name", data=lambda: packed[:3] + b"\x08" + packed[4:10] + b"x.tar\0" + packed[10:])
    case("gzip-cut", "a truncated member", "corrupt", data=lambda: packed[:len(packed) // 2])
    case("gzip-cut-one", "the last byte is missing", "corrupt", data=lambda: packed[:-1])
    case("gzip-checksum", "a wrong checksum", "corrupt", data=lambda: packed[:-8] + bytes([packed[-8] ^ 1]) + packed[-7:])
    case("gzip-checksum-late", "a wrong checksum of a member with end blocks only", "corrupt", data=lambda: pack(body) + (lambda z: z[:-8] + bytes([z[-8] ^ 1]) + z[-7:])(pack(END)))
    case("gzip-size", "a wrong size", "corrupt", data=lambda: packed[:-1] + b"\1")
    case("gzip-garbage", "bytes after the last member", "corrupt", data=lambda: packed + b"garbage")
    case("gzip-garbage-zero", "zeros after the last member", "corrupt", data=lambda: packed + b"\0" * 512)
    case("gzip-zstd-after", "a zstd frame after the last member", "corrupt", data=lambda: packed + zst(END))
    case("gzip-in-zstd", "a tar.gz in a zstd frame", "corrupt", data=lambda: zst(packed))
    case("gzip-no-tar", "a gzip of no tar", "corrupt", data=lambda: pack(lines(rows())))
    case("zstd-gzip-after", "a gzip member after the last frame", "corrupt", data=lambda: zst(body) + pack(END))
    case("plain-no-end", "a bare tar without end blocks", data=lambda: body)
    case("plain-after-end", "a bare tar with bytes after the end blocks", data=lambda: whole + b"anything")
    case("plain-cut", "a bare tar that is cut in a member", "corrupt", data=lambda: body[:-700])
    case("plain-old", "a bare tar with headers of an old tar", data=lambda: b"".join(member(k, v, kind=b"\0", magic=b"\0" * 8) for k, v in files()) + END)
    case("plain-zeros", "nothing but zeros", "corrupt", data=lambda: END)


for group in (phase_cases, meta_cases, label_cases, value_cases, time_cases, json_cases, member_cases, tar_cases, zstd_cases, gzip_cases):
    group()


# ── damage ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

DAMAGE = {"checksum": 2000, "raw": 2000, "frames": 500}       # the archives, and how many of their bits are flipped
DAMAGE_CHANNEL = USER


def damage_archive(name):
    members = files(proc=[{"t_wall_ns": ns(i * 0.9), "cpu_user_jiffies": 7 * i * i % 1000} for i in range(16)])
    body = b"".join(member(*m) for m in members)
    if name == "checksum":
        return zst(body + END, checksum=True)
    if name == "raw":
        return frame(blocks(body + END, 2000))
    parts = [member(*m) for m in members]               # frames: one a member, a skippable one, one for the end blocks
    return zst(parts[0], checksum=True) + skippable(b"note") + zst(parts[1], checksum=True) + zst(parts[2], checksum=True) + zst(END[:512], checksum=True) + zst(END[512:], checksum=True)


def write(folder, sub):
    """Write the archives of folder/edge, folder/formats or folder/damage."""
    archives = {c.name: c.make for c in CASES if bool(c.spec) == (sub == "formats")}
    if sub == "damage":
        archives = {n: lambda n=n: damage_archive(n) for n in DAMAGE}
    path = os.path.join(folder, sub)
    os.makedirs(path, exist_ok=True)
    for name in os.listdir(path):
        if name.endswith(".tar.zst") and name[:-8] not in archives:
            os.remove(os.path.join(path, name))
    for name, make in archives.items():
        with open(os.path.join(path, name + ".tar.zst"), "wb") as f:
            f.write(make())
