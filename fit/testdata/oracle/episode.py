"""An episode: what a spec says of its format, its duration, its labels, and the rows of a source."""
import datetime
import math
import re
from fractions import Fraction

from containers import Corrupt, Limits, Stream, TooLarge, Unusable, decompress, read_members
from jsontext import number, parse_json

# ── the format ────────────────────────────────────────────────────────────────────────────────────────────────────────────

COUNTERS = {"cpu_user_jiffies", "cpu_sys_jiffies", "io_read_bytes", "io_write_bytes", "io_rchar", "io_wchar", "minflt", "majflt",
            "ctxt_voluntary", "ctxt_involuntary"}


class Format:
    """A spec's `format`, complete."""

    def __init__(self, said=None):
        said = said or {}
        unit = said.get("time", "ns")
        self.meta = dict({"member": "meta.json", "duration": "result.duration_observed_s", "unit": "s"}, **said.get("meta", {}))
        self.labels = dict({"member": "labels.jsonl", "time": "t_wall_ns", "unit": unit, "phase": "phase"}, **said.get("labels", {}))
        self.phases = said.get("phases", {})
        self.sources = said.get("sources", {})
        self.any = dict({"member": "telemetry-*.jsonl", "time": "t_wall_ns", "unit": unit, "rows": "jsonl"}, **self.sources.get("*", {}))
        self.channels = said.get("channels", {})

    def source(self, name):
        """What the spec says of a source of its own, and for the rest what it says of every source."""
        return dict(self.any, member=self.any["member"].replace("*", name)) | self.sources.get(name, {})

    def channel(self, name):
        source, field = name.split(".", 1)
        kind = "counter" if source == "proc" and field in COUNTERS else "gauge"
        return dict({"kind": kind, "scale": 1, "field": field}, **self.channels.get(name, {}))


def at(row, path, whole=False):
    """The value at a path of keys; None where there is none. whole: dots have no meaning."""
    if path in row or whole:
        return row.get(path)
    for key in path.split("."):
        row = row.get(key) if type(row) is dict else None
    return row


# ── times ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

UNITS = {"ns": 1, "us": 1000, "ms": 10**6, "s": 10**9}      # in nanoseconds
DIGITS = {"ns": 0, "us": 3, "ms": 6, "s": 9}                # behind the point, which are whole nanoseconds
STAMP = re.compile(r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([-+])(\d\d):(\d\d))", re.ASCII)


def in_64_bits(n):
    return -2**63 <= n < 2**64


class Time:
    """A time as it is written: whole nanoseconds, or else a float64 in a unit."""

    def __init__(self, ns=None, x=None, unit="ns"):
        self.ns, self.x, self.unit = ns, x, unit
        self.exact = Fraction(ns) if ns is not None else Fraction(x) * UNITS[unit]

    def seconds(self, zero):
        """Since time zero, which is whole nanoseconds."""
        if self.ns is not None and in_64_bits(zero):
            return float(self.ns - zero) / 1e9
        unit = "ns" if self.ns is not None else self.unit
        x = float(self.ns) if self.ns is not None else self.x
        try:
            x -= float(Fraction(zero, UNITS[unit]))
        except OverflowError:
            return math.inf
        return x / 1e9 if unit == "ns" else x * {"us": 1e-6, "ms": 1e-3, "s": 1.0}[unit]


def time_of(value, unit):
    """None where the value is no time."""
    if unit == "rfc3339":
        return stamp_of(value)
    x = number(value)
    if x is None or not math.isfinite(x):
        return None
    if type(x) is int:
        ns = x * UNITS[unit]
        return Time(ns=ns) if in_64_bits(ns) else Time(x=float(x), unit=unit)
    decimal = re.fullmatch(r"-?\d+\.(\d+)", value, re.ASCII) if isinstance(value, str) else None
    if decimal and len(decimal[1]) <= DIGITS[unit]:
        ns = Fraction(value) * UNITS[unit]
        if in_64_bits(ns):
            return Time(ns=int(ns))
    return Time(x=x, unit=unit)


def stamp_of(value):
    m = STAMP.fullmatch(value) if type(value) is str else None
    if not m:
        return None
    try:
        at = datetime.datetime(*map(int, m.groups()[:6]))
    except ValueError:
        return None
    offset = 0
    if m[8]:
        if int(m[9]) > 23 or int(m[10]) > 59:
            return None
        offset = (int(m[9]) * 60 + int(m[10])) * (1 if m[8] == "+" else -1)
    since = at - datetime.datetime(1970, 1, 1) - datetime.timedelta(minutes=offset)
    return Time(ns=(since.days * 86400 + since.seconds) * 10**9 + int((m[7] or "").ljust(9, "0")))


# ── the members ───────────────────────────────────────────────────────────────────────────────────────────────────────────

def lines_of(data, limits):
    """The lines of a needed member as text, without their line ends."""
    if data.startswith(b"\xef\xbb\xbf"):
        raise Corrupt("byte order mark")
    pos = 0
    while pos < len(data):
        end = data.find(b"\n", pos)
        if end < 0:
            line, pos = data[pos:], len(data)
        else:
            line, pos = data[pos:end].removesuffix(b"\r"), end + 1
        if len(line) > limits.line:
            raise TooLarge("line")
        try:
            yield line.decode("utf-8")
        except UnicodeDecodeError:
            raise Corrupt("not UTF-8") from None


def records_of(lines):
    """The lines of a table; those that end inside a quoted cell go on with the next."""
    open_one = ""
    for line in lines:
        line = open_one + line
        if line.count('"') % 2:
            open_one = line + "\n"
        else:
            yield line
            open_one = ""
    if open_one:
        raise Corrupt("a quote is not closed")


def filled_lines(data, most, limits):
    count = 0
    for line in lines_of(data, limits):
        if line.strip(" \t\r"):
            count += 1
            if count > most:
                raise TooLarge("rows")
            yield line


def objects_of(data, most, limits):
    """(line, object) of the JSON objects of a needed member, one a line."""
    for line in filled_lines(data, most, limits):
        value = parse_json(line, limits.depth)
        if type(value) is not dict:
            raise Corrupt("a line is not an object")
        yield line, value


def csv_rows(data, limits):
    """(line, row) of a CSV member; the first line names the fields."""
    names = None
    for line in records_of(filled_lines(data.removeprefix(b"\xef\xbb\xbf"), limits.rows + 1, limits)):
        cells = cells_of(line)
        if names is None:
            names = cells
            if "" in names or len(set(names)) < len(names):
                raise Corrupt("a name of a field is empty or repeated")
            continue
        if len(cells) != len(names):
            raise Corrupt("a line of another number of cells")
        yield line, dict(zip(names, cells))


CELL = re.compile(r'[ \t]*(?:"((?:[^"]|"")*)"|([^",]*?))[ \t\r]*(,|$)')


def cells_of(line):
    cells, pos = [], 0
    while True:
        m = CELL.match(line, pos)
        if not m:
            raise Corrupt("bad quotes")
        cells.append(m[2] if m[1] is None else m[1].replace('""', '"'))
        pos = m.end()
        if m[3] == "":
            return cells


def word_of(phase):
    """What the words of a spec are compared with: a string, or the text of a number, true or false."""
    if type(phase) is bool:
        return str(phase).lower()
    return str(phase) if isinstance(phase, str) else None


def duration_of(data, meta, limits):
    """In seconds."""
    value = parse_json("\n".join(lines_of(data, limits)), limits.depth)
    if type(value) is not dict:
        raise Corrupt("not an object: " + meta["member"])
    if meta["duration"] in value:
        value = value[meta["duration"]]
    else:
        for key in meta["duration"].split("."):
            if value is None:
                break
            if type(value) is not dict:
                raise Corrupt("no object on the way to the duration")
            value = value.get(key)
    if value is None:
        return 0.0
    x = number(value)
    if x is None or not math.isfinite(x):
        raise Corrupt("duration is not a finite number")
    if meta["unit"] == "s":
        return float(x)
    return time_of(value, meta["unit"]).seconds(0)


class Episode:
    """labels: [(Time, phase)], phase is None where a label has none; duration: seconds; rows: [(line, row)] of the source as
    dicts, None where it is absent."""

    def __init__(self, data, source, form=Format(), limits=Limits()):
        self.source = form.source(source)
        needed = [form.labels["member"], self.source["member"]] + ([form.meta["member"]] if form.meta["member"] else [])
        members = read_members(Stream(decompress(data, limits)), set(needed), limits)
        for name in needed[:1] + needed[2:]:
            if name not in members:
                raise Corrupt("no " + name)
        self.duration = duration_of(members[form.meta["member"]], form.meta, limits) if form.meta["member"] else 0.0
        self.labels = []
        for _, label in objects_of(members[form.labels["member"]], limits.labels, limits):
            time = time_of(at(label, form.labels["time"]), form.labels["unit"])
            if time is None:
                raise Corrupt("label without a time")
            phase = at(label, form.labels["phase"])
            self.labels.append((time, form.phases.get(word_of(phase), phase)))
        self.csv = self.source["rows"] == "csv"
        self.rows = None
        if self.source["member"] in members:
            member = members[self.source["member"]]
            self.rows = list(csv_rows(member, limits) if self.csv else objects_of(member, limits.rows, limits))

    def zero(self):
        """Time zero: whole nanoseconds."""
        return math.trunc(self.labels[0][0].exact)
