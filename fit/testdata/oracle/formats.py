"""Cases of formats/: archives that a spec describes."""
import datetime

from edge import RSS, T0, USER, WALK, Raw, case, changed, duration, files, labels, lines, ns, rows, text

USUAL = rows()
N = len(USUAL)
LABELS = labels(WALK)
META, PROC = "meta.json", "telemetry-proc.jsonl"


def written(unit, form):
    """The plain episode with its times in a unit: form makes the text of a time in nanoseconds."""
    return dict(spec={"format": {"time": unit}}, labels=[dict(l, t_wall_ns=form(l["t_wall_ns"])) for l in LABELS],
                proc=[dict(r, t_wall_ns=form(r["t_wall_ns"])) for r in USUAL])


def decimal(t, digits):
    """t nanoseconds as a decimal, this many digits of which are behind the point."""
    return Raw("%d.%0*d" % (t // 10**digits, digits, t % 10**digits))


def stamp(t, offset=0, suffix="Z", digits=9):
    """RFC 3339, in a zone that is some minutes ahead."""
    s, fraction = divmod(t + offset * 60 * 10**9, 10**9)
    at = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=s)
    return at.strftime("%Y-%m-%dT%H:%M:%S") + (("." + "%09d" % fraction)[:digits + 1] if digits else "") + suffix


# ── times ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

def time_cases():
    for unit, digits in ("s", 9), ("ms", 6), ("us", 3):
        case("unit-" + unit, "times in %s, with %d digits behind the point: whole nanoseconds" % (unit, digits), channels=(USER, RSS), **written(unit, lambda t: decimal(t, digits)))
        case("unit-%s-strings" % unit, "the same as strings", **written(unit, lambda t: str(decimal(t, digits))))
        case("unit-%s-short" % unit, "as many digits as are needed", **written(unit, lambda t: Raw(decimal(t, digits).rstrip("0"))if t % 10 ** digits else Raw(str(t // 10**digits))))
        case("unit-%s-integers" % unit, "whole %s" % unit, "ok" if unit != "s" else "unusable no armed", **written(unit, lambda t: t // 10**digits))
        case("unit-%s-floats" % unit, "one digit more: float64", **written(unit, lambda t: Raw(decimal(t, digits) + "5")))
        case("unit-%s-exponents" % unit, "with an exponent: float64", **written(unit, lambda t: Raw(decimal(t, digits) + "e0")))
        case("unit-%s-mixed" % unit, "every third time is float64", **written(unit, lambda t: decimal(t, digits) + ("0" if t % 3 == 0 else "")))
    case("unit-ns", "nanoseconds, said by a spec", **written("ns", lambda t: t))
    case("unit-s-as-ns", "seconds that are read as nanoseconds", "unusable bad clock", **dict(written("ns", lambda t: decimal(t, 9))))
    case("unit-s-negative", "decimals before 1970", spec={"format": {"time": "s"}}, labels=[dict(l, t_wall_ns=Raw("-" + decimal(-(l["t_wall_ns"] - T0 - 10**11), 9))) for l in LABELS],
         proc=[dict(r, t_wall_ns=Raw("-" + decimal(-(r["t_wall_ns"] - T0 - 10**11), 9))) for r in USUAL])
    case("unit-s-float-zero", "the first label is float64: time zero is whole nanoseconds", spec={"format": {"time": "s"}},
         labels=[dict(l, t_wall_ns=Raw(decimal(l["t_wall_ns"], 9) + ("1234" if i == 0 else ""))) for i, l in enumerate(LABELS)], proc=[dict(r, t_wall_ns=decimal(r["t_wall_ns"], 9)) for r in USUAL])
    case("unit-s-equal", "a decimal and an integer of one value are one time", spec={"format": {"time": "s"}}, labels=[dict(l, t_wall_ns=decimal(l["t_wall_ns"], 9)) for l in LABELS],
         proc=[{"t_wall_ns": t, "cpu_user_jiffies": 10 * i} for i in range(-1, 15) for t in [T0 // 10**9 + i] + ([Raw("%d.000" % (T0 // 10**9 + i)), Raw("%d.0000000000" % (T0 // 10**9 + i))] if i % 9 == 2 else [])])
    case("unit-of-labels", "the labels have a unit of their own", spec={"format": {"labels": {"unit": "ms"}}}, labels=[dict(l, t_wall_ns=decimal(l["t_wall_ns"], 6)) for l in LABELS])
    case("unit-of-source", "the source has a unit of its own", spec={"format": {"sources": {"proc": {"unit": "s"}}}}, proc=[dict(r, t_wall_ns=decimal(r["t_wall_ns"], 9)) for r in USUAL])
    case("unit-of-all-but-source", "all others have another", spec={"format": {"time": "s", "sources": {"proc": {"unit": "ns"}}}}, labels=[dict(l, t_wall_ns=decimal(l["t_wall_ns"], 9)) for l in LABELS])
    case("stamps", "RFC 3339", channels=(USER, RSS), **written("rfc3339", stamp))
    case("stamps-offsets", "in several zones", spec={"format": {"time": "rfc3339"}}, labels=[dict(l, t_wall_ns=stamp(l["t_wall_ns"], -330, "-05:30")) for l in LABELS],
         proc=[dict(r, t_wall_ns=stamp(r["t_wall_ns"], *[(0, "Z"), (0, "+00:00"), (0, "-00:00"), (120, "+02:00"), (-1439, "-23:59"), (14 * 60, "+14:00")][i % 6])) for i, r in enumerate(USUAL)])
    case("stamps-short", "with fewer digits, or none", spec={"format": {"time": "rfc3339"}}, labels=[dict(l, t_wall_ns=stamp(l["t_wall_ns"], digits=i)) for i, l in enumerate(LABELS)],
         proc=[dict(r, t_wall_ns=stamp(r["t_wall_ns"], digits=6 - i % 3)) for i, r in enumerate(USUAL)])
    case("stamps-lower", "a lower t or z, or a space", spec={"format": {"time": "rfc3339"}}, labels=[dict(l, t_wall_ns=stamp(l["t_wall_ns"]).replace("T", "t")) for l in LABELS],
         proc=[dict(r, t_wall_ns=stamp(r["t_wall_ns"]).replace("T", "Tt "[i % 3]).replace("Z", "zZ"[i % 2])) for i, r in enumerate(USUAL)])
    case("stamps-label-number", "a label whose time is a number", "corrupt", spec={"format": {"time": "rfc3339"}}, proc=[dict(r, t_wall_ns=stamp(r["t_wall_ns"])) for r in USUAL])
    bad = ["2026-01-01T00:00:05", "2026-01-01_00:00:05Z", "2026-13-01T00:00:05Z", "2026-02-29T00:00:05Z", "2026-01-01T24:00:05Z", "2026-01-01T00:60:05Z", "2026-01-01T00:00:05.Z",
           "2026-01-01T00:00:05+0200", "2026-01-01T00:00:05+24:00", "2026-1-1T00:00:05Z", " 2026-01-01T00:00:05Z", "2026-01-01T00:00:05.1234567891Z", "26-01-01T00:00:05Z", "2026-01-01T00:00:05,5Z",
           "2026-01-01", "", 1767225605000000000, None, "1767225605"]
    case("stamps-bad", "strings and numbers that are no such times: rows without a time", spec={"format": {"time": "rfc3339"}}, labels=[dict(l, t_wall_ns=stamp(l["t_wall_ns"])) for l in LABELS],
         proc=[x for i, r in enumerate(USUAL) for x in [dict(r, t_wall_ns=stamp(r["t_wall_ns"]))] + [{"t_wall_ns": b, "cpu_user_jiffies": 0} for b in bad[i:i + 1]]])
    case("stamps-leap-day", "across the 29th of February, and a year", spec={"format": {"time": "rfc3339"}, "quality": {"rows_dropped": 1}},
         labels=[{"t_wall_ns": t, "phase": p} for t, p in [("2023-12-31T23:00:00Z", "clean"), ("2024-02-28T23:59:59.5Z", "armed"), ("2024-02-29T12:00:00Z", "infecting"), ("2024-03-01T00:00:00+01:00", "infected_running"),
                 ("2025-03-01T00:00:00Z", "clean")]], meta=duration(40000000), proc=[{"t_wall_ns": stamp(1703980800 * 10**9 + i * 10**15 + i), "cpu_user_jiffies": i * i} for i in range(48)])
    for unit, value in ("ms", 14050), ("ms", Raw("14050.0")), ("us", "14050000"), ("ns", 14050000000), ("s", "14.05"):
        case("duration-%s-%s" % (unit, str(value).replace(".", "-")), "the duration in " + unit, spec={"format": {"meta": {"unit": unit}}}, meta=duration(value))


# ── members, keys and words ───────────────────────────────────────────────────────────────────────────────────────────────

def renamed(names, more=()):
    """The plain members under other names."""
    return lambda: [(names.get(k, k), v) for k, v in files()] + list(more)


def member_cases():
    case("members-named", "other names for all three", spec={"format": {"meta": {"member": "run.json"}, "labels": {"member": "events.ndjson"}, "sources": {"*": {"member": "*.ndjson"}}}},
         members=renamed({META: "run.json", "labels.jsonl": "x/events.ndjson", PROC: "x/y/proc.ndjson"}))
    case("members-folder", "a name with a folder", spec={"format": {"sources": {"*": {"member": "rows/*.jsonl"}}}}, members=renamed({PROC: "a/./rows//proc.jsonl"}, [("proc.jsonl", b"x"), ("old/proc.jsonl", b"y")]))
    case("members-folder-part", "only whole parts are compared", "unusable no source", spec={"format": {"sources": {"*": {"member": "rows/*.jsonl"}}}}, members=renamed({PROC: "arows/proc.jsonl"}))
    case("members-folder-short", "a member with fewer parts", "unusable no source", spec={"format": {"sources": {"*": {"member": "rows/*.jsonl"}}}}, members=renamed({PROC: "proc.jsonl"}))
    case("members-folder-twice", "two with these parts", "corrupt", spec={"format": {"sources": {"*": {"member": "rows/*.jsonl"}}}}, members=renamed({PROC: "a/rows/proc.jsonl"}, [("b/rows/proc.jsonl", b"x")]))
    case("members-source-folder", "a folder for each source", spec={"format": {"sources": {"*": {"member": "*/rows.jsonl"}}}}, members=renamed({PROC: "proc/rows.jsonl"}, [("host/rows.jsonl", b"x")]))
    case("members-own", "one source has a line of its own", channels=(USER, "host.rss_bytes"), spec={"format": {"sources": {"host": {"member": "h.jsonl", "time": "ts"}}}},
         more=[("h.jsonl", lines([{"ts": r["t_wall_ns"], "rss_bytes": r["rss_bytes"]} for r in USUAL])), ("telemetry-host.jsonl", b"x")])
    case("members-shared", "two sources in one member", channels=(USER, "mem.rss_bytes"), spec={"format": {"sources": {"proc": {"member": "all.jsonl"}, "mem": {"member": "all.jsonl"}}}}, members=renamed({PROC: "all.jsonl"}))
    case("members-any", "all sources in one member", channels=(USER, "mem.rss_bytes"), spec={"format": {"sources": {"*": {"member": "all.jsonl"}}}}, members=renamed({PROC: "all.jsonl"}))
    case("members-no-meta", "no meta.json: the duration is 0", spec={"format": {"meta": {"member": ""}}}, members=lambda: files(meta_=False))
    case("members-meta-unread", "a meta.json that is not wanted may hold anything", spec={"format": {"meta": {"member": ""}}}, members=lambda: files(meta_=b"\xff"))
    case("members-other-meta", "the other meta.json is missing", "corrupt", spec={"format": {"meta": {"member": "run.json"}}})
    case("members-other-labels", "labels of another name are missing", "corrupt", spec={"format": {"labels": {"member": "events.jsonl"}}})
    for name, path, value in [("plain", "length", {"length": 14.05}), ("deep", "a.b.c", {"a": {"b": {"c": 14.05}}}), ("whole", "a.b", {"a.b": 14.05, "a": {"b": 1}}), ("whole-null", "a.b", {"a.b": None, "a": {"b": 14.05}}),
                              ("missing", "a.b", {"a": {}}), ("missing-all", "a.b", {}), ("null-between", "a.b", {"a": None}), ("twice", "a.b", Raw('{"a": {"b": 14.05}, "a": {"c": 1}}'))]:
        case("duration-path-" + name, "the path %s of the duration" % path, spec={"format": {"meta": {"duration": path}}}, meta=lines([value]))
    case("duration-path-array", "an array on the way to the duration", "corrupt", spec={"format": {"meta": {"duration": "a.b"}}}, meta=lines([{"a": []}]))
    case("duration-path-number", "a number on the way to the duration", "corrupt", spec={"format": {"meta": {"duration": "a.b.c"}}}, meta=lines([{"a": {"b": 5}}]))
    case("labels-paths", "paths in labels", spec={"format": {"labels": {"time": "at.ns", "phase": "event.to"}}}, labels=[{"at": {"ns": l["t_wall_ns"]}, "event": {"to": l["phase"]}, "phase": "x"} for l in LABELS])
    case("labels-paths-missing", "a label without the object of its phase has no phase", spec={"format": {"labels": {"phase": "event.to"}}},
         labels=[dict(l, event={"to": l["phase"]}) for l in LABELS[:4]] + [{"t_wall_ns": ns(9)}, {"t_wall_ns": ns(9.5), "event": 5}, dict(LABELS[4], event={"to": "clean"})])
    case("labels-paths-no-time", "a label without the object of its time", "corrupt", spec={"format": {"labels": {"time": "at.ns"}}}, labels=[{"at": {"ns": l["t_wall_ns"]}, "phase": l["phase"]} for l in LABELS] + [{"at": 5}])
    words = {"idle": "clean", "set": "armed", "dropped": "infecting", "detonated": "infected_running", "again": "infected_running", "sleep": "dormant"}
    case("phases-words", "other words for the phases; two mean one", spec={"format": {"phases": words}},
         labels=labels([(0, "idle"), (2, "set"), (2.5, "dropped"), (4, "detonated"), (6, "idle"), (7, "again"), (9, "sleep"), (11, "idle")]))
    case("phases-ours-stay", "our words stay what they are, and so do others", spec={"format": {"phases": words}}, labels=labels(WALK[:4] + [(7, "boom"), (8, None), (9, "again"), (11.25, "clean")]))
    case("phases-swapped", "a word of ours that means another", spec={"format": {"phases": {"armed": "infecting", "infecting": "armed"}}}, labels=labels([(0, "clean"), (2, "infecting"), (2.5, "armed"), (4, "infected_running"), (11.25, "clean")]))
    case("phases-no-strings", "a number, true and false are words, too; null is none", spec={"format": {"phases": {"1": "armed", "true": "infecting", "null": "armed"}}},
         labels=labels([(0, "clean"), (1, 1), (1.5, True), (1.8, None), (2.5, "infecting"), (4, "infected_running"), (11.25, "clean")]))
    case("phases-case", "words are compared as they are", "unusable no armed", spec={"format": {"phases": {"SET": "armed"}}}, labels=labels([(0, "clean"), (2, "set"), (2.5, "x"), (4, "infected_running"), (11.25, "clean")]))


def field_cases():
    def nested(row, **more):
        return dict({"t_wall_ns": row["t_wall_ns"], "cpu": {"user": row["cpu_user_jiffies"], "sys": 5}, "mem": {"a": {"rss": row["rss_bytes"]}}}, **more)

    counter = {"kind": "counter", "field": "cpu.user"}
    one = {"format": {"channels": {"proc.u": counter}}}
    case("field-nested", "fields in objects", channels=("proc.u", "proc.mem.a.rss"), spec=one, proc=[nested(r) for r in USUAL])
    case("field-nested-counter", "the kind of a channel whose name is the path", channels=["proc.cpu.user"], spec={"format": {"channels": {"proc.cpu.user": {"kind": "counter"}}}}, proc=[nested(r) for r in USUAL])
    case("field-whole", "a key of the whole name counts first", channels=["proc.u"], spec=one, proc=[nested(r, **{"cpu.user": 7 * i}) for i, r in enumerate(USUAL)])
    case("field-whole-null", "also where it is null", channels=["proc.u"], spec=one, proc=[nested(r, **({"cpu.user": None} if 10 < i < 15 else {})) for i, r in enumerate(USUAL)])
    case("field-twice", "of a key that is there twice the last object counts alone", channels=["proc.u"], spec=one,
         proc=[Raw(text(nested(r))[:-1] + (', "cpu": {"sys": 1}}' if 10 < i < 15 else ', "cpu": {"user": %d}}' % (8 * i))) for i, r in enumerate(USUAL)])
    case("field-twice-inside", "of a key that is there twice in the object the last counts", channels=["proc.u"], spec=one,
         proc=[Raw('{"cpu": {"user": "x", "us\\u0065r": %d}, "t_wall_ns": %d}' % (r["cpu_user_jiffies"], r["t_wall_ns"])) for r in USUAL])
    case("field-no-object", "where there is no object on the way it is a gap", channels=["proc.u"], spec=one, proc=[nested(r, **({"cpu": [5, "x", None, [{"user": 1}]][i % 4]} if 10 < i < 15 else {})) for i, r in enumerate(USUAL)])
    case("field-dots-between", "a part of the path with a dot is not found", "unusable no channel", channels=["proc.u"], spec={"format": {"channels": {"proc.u": {"field": "a.b.c"}}}}, proc=[dict(r, **{"a.b": {"c": 5}, "a": {"b.c": 5}}) for r in USUAL])
    case("field-strings", "nested numbers that are strings", channels=["proc.u"], spec=one, proc=[dict(nested(r), cpu={"user": str(r["cpu_user_jiffies"])}) for r in USUAL])
    case("field-time", "the time in an object", spec={"format": {"sources": {"*": {"time": "at.ns"}}}}, proc=[dict(r, t_wall_ns=0, at={"ns": r["t_wall_ns"]}) for r in USUAL])
    case("field-time-whole", "a key of the whole name counts as the time", spec={"format": {"sources": {"*": {"time": "at.ns"}}}}, proc=[dict(r, t_wall_ns=0, at={"ns": 5}, **{"at.ns": r["t_wall_ns"]}) for r in USUAL])
    case("field-same", "two channels of one field, one as a counter and one as a gauge", channels=("proc.a", "proc.b", USER), spec={"format": {"channels": {
        "proc.a": {"kind": "counter", "field": "cpu_user_jiffies"}, "proc.b": {"field": "cpu_user_jiffies"}}}})
    case("kind-gauge", "a counter of ours that is a gauge", spec={"format": {"channels": {USER: {"kind": "gauge"}}}})
    case("kind-counter", "a gauge that is a counter", channels=["proc.rss_bytes"], spec={"format": {"channels": {RSS: {"kind": "counter"}}}}, proc=changed(lambda i, r: r.update(rss_bytes=4096 * i * i)))
    for scale in (1e-6, 0.01, 3, -1, 1):
        case("scale-%s" % scale, "each point times %s" % scale, channels=(USER, RSS), spec={"format": {"channels": {USER: {"scale": scale}, RSS: {"scale": scale, "unit": "x"}}}})
    case("scale-limit", "limits come before the scale", channels=(USER,), spec={"format": {"channels": {USER: {"scale": 1e-30}}}}, proc=changed(lambda i, r: r.update(cpu_user_jiffies=Raw("%de28" % (90 + 3 * i)))))


# ── CSV ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────

CSV = {"format": {"sources": {"proc": {"member": "proc.csv", "rows": "csv"}}}}
HEAD = "t_wall_ns,cpu_user_jiffies,rss_bytes\n"


def table(change=lambda i, cells: cells, of=USUAL):
    return "".join(",".join(change(i, [str(r["t_wall_ns"]), str(r["cpu_user_jiffies"]), str(r["rss_bytes"])])) + "\n" for i, r in enumerate(of))


def csv_cases():
    def csv(name, note, data, expect="ok", spec=CSV, channels=(USER,)):
        data = data if isinstance(data, bytes) else data.encode()
        case("csv-" + name, note, expect, channels=channels, spec=spec, proc=False, more=[("proc.csv", data)])

    plain = table()
    csv("plain", "a table", HEAD + plain, channels=(USER, RSS))
    csv("bom", "with a byte order mark", b"\xef\xbb\xbf" + (HEAD + plain).encode())
    csv("crlf", "with CRLF and blank lines", "\r\n \t\r\n" + (HEAD + plain).replace("\n", "\r\n\r\n"))
    csv("no-line-end", "without a last line end", (HEAD + plain).rstrip("\n"))
    csv("blanks", "blanks around cells and names", " t_wall_ns ,\tcpu_user_jiffies\t, rss_bytes\n" + table(lambda i, c: [" " + c[0], c[1] + "\t ", "  " + c[2] + " "]), channels=(USER, RSS))
    csv("quotes", "quoted cells and names", '"t_wall_ns","cpu_user_jiffies",rss_bytes\n' + table(lambda i, c: ['"%s"' % c[0], '"%s"' % c[1], c[2]]), channels=(USER, RSS))
    csv("quotes-inside", "quotes and commas in a quoted cell", HEAD.strip() + ',"a ""note"", or two"\n' + table(lambda i, c: c + ['"x, ""%d"""' % i]))
    csv("quotes-blank", "a quoted cell with blanks is no number", HEAD + table(lambda i, c: [c[0], '" %s"' % c[1] if 10 < i < 15 else c[1], c[2]]))
    csv("quotes-empty", "an empty quoted cell is a gap", HEAD + table(lambda i, c: [c[0], '""' if 10 < i < 15 else c[1], c[2]]))
    csv("empty", "empty cells are gaps", HEAD + table(lambda i, c: [c[0], "" if 10 < i < 15 else c[1], "  " if i % 7 == 0 else c[2]]), channels=(USER, RSS))
    csv("words", "cells that are no numbers are gaps", HEAD + table(lambda i, c: [c[0], ["NaN", "null", "true", "+5", "0x5", "-", "1,5"[:1] + "_5", "n/a", "1e999"][i - 10] if 10 <= i < 19 else c[1], c[2]]))
    csv("numbers", "decimals and exponents", HEAD + table(lambda i, c: [c[0], c[1] + ["", ".0", "e0", ".25"][i % 4], c[2]]))
    csv("time-empty", "an empty time: a row without a time", HEAD + table(lambda i, c: ["" if i % 9 == 4 else c[0], c[1], c[2]]))
    csv("order", "the columns in another order, with others", "x,rss_bytes,cpu_user_jiffies,y,t_wall_ns\n" + table(lambda i, c: ["a", c[2], c[1], "", c[0]]), channels=(USER, RSS))
    csv("dots", "a name with dots is a name", "t_wall_ns,cpu.user,x\n" + plain, spec={"format": {"sources": CSV["format"]["sources"], "channels": {"proc.u": {"kind": "counter", "field": "cpu.user"}}}}, channels=["proc.u"])
    csv("stamps", "RFC 3339 in a table", HEAD + table(lambda i, c: [stamp(int(c[0])), c[1], c[2]]), spec={"format": {"sources": {"proc": {"member": "proc.csv", "rows": "csv", "unit": "rfc3339"}}}})
    csv("seconds", "seconds in a table", HEAD + table(lambda i, c: [str(decimal(int(c[0]), 9)), c[1], c[2]]), spec={"format": {"sources": {"proc": {"member": "proc.csv", "rows": "csv", "unit": "s"}}}})
    csv("repeats", "lines that come again", HEAD + "".join(l + "\n" + (" " + l + "\r\n") * (i % 2) for i, l in enumerate(plain.splitlines())))
    csv("time-named", "another name of the time", HEAD.replace("t_wall_ns", "ts") + plain, spec={"format": {"sources": {"proc": {"member": "proc.csv", "rows": "csv", "time": "ts"}}}})
    csv("head-only", "nothing but names", HEAD, "unusable no channel")
    csv("nothing", "an empty table", "", "unusable no channel")
    csv("head-missing", "no names: the first row is taken for them", plain, "unusable no channel")
    csv("no-column", "no such column", HEAD.replace("cpu_user", "cpu") + plain, "unusable no channel")
    csv("no-time", "no column of the time", HEAD.replace("t_wall_ns", "t") + plain, "unusable no channel")
    csv("name-empty", "an empty name", HEAD.replace("rss_bytes", "") + plain, "corrupt")
    csv("name-twice", "a name that is there twice", HEAD.replace("rss_bytes", "cpu_user_jiffies") + plain, "corrupt")
    csv("name-twice-blank", "twice, but for blanks", HEAD.strip() + ", t_wall_ns\n" + table(lambda i, c: c + ["1"]), "corrupt")
    csv("cell-more", "a line with a cell too many", HEAD + plain + "1,2,3,4\n", "corrupt")
    csv("cell-less", "a line with a cell too few", HEAD + plain + "1,2\n", "corrupt")
    csv("quote-lines", "a quoted cell of several lines", HEAD.strip() + ',note\n' + table(lambda i, c: c + ['"a\n""b"", c"' if i % 5 == 0 else ""]))
    csv("quote-open", "a quote that is not closed", HEAD + plain + '1,2,"3\n', "corrupt")
    csv("quote-late", "a quote in a cell without quotes", HEAD + plain + '1,2,3"4"\n', "corrupt")
    csv("quote-after", "text behind a quoted cell", HEAD + plain + '1,2,"3"4\n', "corrupt")
    csv("not-utf8", "bytes that are not UTF-8", (HEAD + plain).encode() + b"1,2,\xff\n", "corrupt")
    csv("line-limit", "a line of 1 MiB and a byte", HEAD + plain + "1,2," + "x" * ((1 << 20) - 3) + "\n", "too_large")
    csv("json", "a line of JSON", HEAD + plain + '{"t_wall_ns": 1}\n', "corrupt")
    case("csv-as-jsonl", "a table that is read as JSON", "corrupt", spec={"format": {"sources": {"proc": {"member": "proc.csv"}}}}, proc=False, more=[("proc.csv", (HEAD + plain).encode())])


# ── slices and limits ─────────────────────────────────────────────────────────────────────────────────────────────────────

def slice_cases():
    run = "infected_running"
    walks = {
        "full": WALK, "no-armed": [(0, "clean"), (2, "infecting"), (4, run), (11.25, "clean")], "no-infecting": [(0, "clean"), (2, "armed"), (4, run), (11.25, "clean")],
        "neither": [(0, "clean"), (4, run), (11.25, "clean")], "infecting-first": [(0, "clean"), (1, "infecting"), (2, "armed"), (4, run), (11.25, "clean")],
        "run-first": [(0, "clean"), (1, run), (2, "armed"), (3, "infecting"), (4, run), (11.25, "clean")], "run-only": [(0, run), (11.25, "clean")], "dormant": WALK[:4] + [(9, "dormant"), (11.25, "clean")],
    }
    for name, points in [("armed", {"armed": 0}), ("infecting", {"infecting": 0}), ("armed-infecting", {"armed": 0, "infecting": 0}), ("clean-lead", {"clean_lead": 0}), ("clean-tail", {"clean_tail": 0}),
                         ("all-but-running", {"clean_lead": 0, "armed": 0, "infecting": 0, "clean_tail": 0}), ("two", {"clean_lead": 0, "armed": 0, "infecting": 1, "infected_running": 2, "clean_tail": 0})]:
        for walk in walks:
            case("slices-%s-%s" % (name, walk), "points %s; labels: %s" % (points, walk), None, spec={"points": points}, labels=labels(walks[walk]))


def quality_cases():
    def quality(name, note, expect="ok", said=None, **more):
        case("quality-" + name, note, expect, spec={"quality": said}, **more)

    back = changed(lambda i, r: r.update(t_wall_ns=r["t_wall_ns"] - 3 * 10**9) if i in (12, 20, 28, 33) else None)
    dips = changed(lambda i, r: r.update(cpu_user_jiffies=5) if i in (12, 20, 28, 33) else None)
    quality("span", "labels over 11.25 s, of 11.25 that are wanted", said={"min_span": "11250ms"})
    quality("span-short", "of 11.251 s that are wanted", "unusable bad clock", said={"min_span": "11251ms"})
    quality("duration", "a duration of 14.05 s, at most 1.25 times 11.25 s", said={"max_duration": 1.25})
    quality("duration-long", "at most 1.2 times", "unusable bad clock", said={"max_duration": 1.2})
    quality("rows", "4 rows of 40 dropped, a tenth may be", said={"rows_dropped": 4 / N}, proc=back)
    quality("rows-many", "a twentieth may be", "unusable bad clock", said={"rows_dropped": 0.05}, proc=back)
    quality("rows-none", "none may be", "unusable bad clock", said={"rows_dropped": 0}, proc=back)
    quality("counter", "four dips, a fifth of the samples may be", said={"counter_events": 0.2}, proc=dips)
    quality("counter-many", "a tenth, less one, may be", "unusable bad counter", said={"counter_events": 0.09}, proc=dips)
    quality("points", "78 points with a value are wanted", None, said={"min_points": 78})
    quality("points-all", "80 are wanted", "unusable no data", said={"min_points": 80}, proc=changed(lambda i, r: None if i > 2 else False))
    quality("points-40", "40 are wanted", "unusable no data", said={"min_points": 40}, proc=rows(end=4))


time_cases()
member_cases()
field_cases()
csv_cases()
slice_cases()
quality_cases()
