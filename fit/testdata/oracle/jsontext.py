"""JSON of RFC 8259, with NaN, Infinity and -Infinity."""
import math
import re

from containers import Corrupt


SPACE = re.compile(r"[ \t\n\r]*+")
STRING = re.compile(r'"((?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+)"')
NUMBER = re.compile(r"(-?(?:0|[1-9][0-9]*+))(\.[0-9]++)?([eE][-+]?[0-9]++)?")
LITERALS = {"true": True, "false": False, "null": None, "NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
ESCAPE = re.compile(r"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(.))")
ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def unescape(text):
    def one(m):
        if m[1]:
            return chr(0x10000 + ((int(m[1], 16) & 0x3FF) << 10) + (int(m[2], 16) & 0x3FF))
        if m[3]:
            return chr(int(m[3], 16))       # a lone surrogate stays one
        return ESCAPED.get(m[4], m[4])

    return ESCAPE.sub(one, text) if "\\" in text else text


class Number(str):
    """A JSON number as it is written."""

    def __repr__(self):
        return repr(number(self))


def number(value):
    """An int of at most 64 bits, or a float (perhaps infinite), of a JSON number or a string that is one; else None."""
    if type(value) in (int, float):         # of another JSON reader; NaN and Infinity of this one
        return value if math.isfinite(value) else None
    m = NUMBER.fullmatch(value) if isinstance(value, str) else None
    if not m:
        return None
    if m[2] is None and m[3] is None and len(m[1]) <= 20:
        value = int(m[1])
        if -2**63 <= value < 2**64:
            return value
    return float(m[0])


def parse_json(text, max_depth):
    """One JSON value and nothing after it. Of duplicate keys the last counts."""
    pos, stack, n = SPACE.match(text).end(), [], len(text)

    def fail():
        raise Corrupt("not JSON at character %d" % pos)

    while True:
        # a value starts at pos
        c = text[pos] if pos < n else ""
        if c == "{" or c == "[":
            if len(stack) == max_depth:
                raise Corrupt("nested too deeply")
            pos = SPACE.match(text, pos + 1).end()
            stack.append([{}, None] if c == "{" else [[], None])
            if pos < n and text[pos] == ("}" if c == "{" else "]"):
                pos += 1
                value = stack.pop()[0]
            else:
                if c == "{":
                    pos, stack[-1][1] = key_at(text, pos)
                continue
        elif c == '"':
            m = STRING.match(text, pos) or fail()
            value, pos = unescape(m[1]), m.end()
        elif (c == "-" and not text.startswith("-I", pos)) or c.isdecimal():
            m = NUMBER.match(text, pos) or fail()
            value, pos = Number(m[0]), m.end()
        else:
            word = next((w for w in LITERALS if text.startswith(w, pos)), None) or fail()
            value, pos = LITERALS[word], pos + len(word)
        # a value ended at pos: put it where it belongs, and close what closes
        while True:
            pos = SPACE.match(text, pos).end()
            if not stack:
                if pos < n:
                    fail()
                return value
            into, key = stack[-1]
            if type(into) is dict:
                into[key] = value
            else:
                into.append(value)
            c = text[pos] if pos < n else ""
            if c == ",":
                pos = SPACE.match(text, pos + 1).end()
                if type(into) is dict:
                    pos, stack[-1][1] = key_at(text, pos)
                break
            if c != ("}" if type(into) is dict else "]"):
                fail()
            pos += 1
            value = stack.pop()[0]


def key_at(text, pos):
    """(the position of the value, the key)"""
    m = STRING.match(text, pos)
    if not m:
        raise Corrupt("no key at character %d" % pos)
    pos = SPACE.match(text, m.end()).end()
    if pos >= len(text) or text[pos] != ":":
        raise Corrupt("no colon at character %d" % pos)
    return SPACE.match(text, pos + 1).end(), unescape(m[1])
