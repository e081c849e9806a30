"""What an archive may be: its outcomes, its limits, its compression, and its tar."""
import re
import struct
import zlib

import zstandard


# ── outcomes ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

class Corrupt(Exception):
    """Bad bytes of any kind."""


class TooLarge(Exception):
    """A limit was passed."""


class Unusable(Exception):
    """The archive is fine but gives no curve. The text is one of REASONS."""


REASONS = ["no labels", "few segments", "no armed", "no infected_running", "bad clock", "no source", "no channel", "few points", "bad counter", "no data"]


class Limits:
    """All limits are "over": a value equal to the limit is fine."""

    def __init__(self, window=128 << 20, decompressed=1 << 30, member=256 << 20, rows=1_000_000, line=1 << 20, members=100_000, depth=1000, labels=10_000):
        self.window = window                # bytes of a zstd window
        self.decompressed = decompressed    # bytes of all frames together
        self.member = member                # bytes of a needed member
        self.rows = rows                    # rows of a needed member
        self.labels = labels
        self.line = line                    # bytes of a line of a needed member, without its line end
        self.members = members              # entries of the tar
        self.depth = depth                  # JSON nesting, the outermost object is 1


# ── zstd ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────

def frame_at(data, pos, limits):
    """Walk over the frame at pos; return (end, is_zstd). Only the structure is looked at, and the header's limits."""

    def need(n):
        if pos + n > len(data):
            raise Corrupt("truncated frame")

    need(4)
    magic = int.from_bytes(data[pos:pos + 4], "little")
    if magic & 0xFFFFFFF0 == 0x184D2A50:
        need(8)
        size = int.from_bytes(data[pos + 4:pos + 8], "little")
        need(8 + size)
        return pos + 8 + size, False
    if magic != 0xFD2FB528:
        raise Corrupt("not zstd")
    pos += 4
    need(1)
    descriptor = data[pos]
    pos += 1
    single, checksum = descriptor >> 5 & 1, descriptor >> 2 & 1
    if descriptor >> 3 & 1:
        raise Corrupt("reserved bit of a frame header")
    window = None
    if not single:
        need(1)
        base = 1 << (10 + (data[pos] >> 3))
        window = base + base // 8 * (data[pos] & 7)
        pos += 1
    size = [0, 1, 2, 4][descriptor & 3]
    need(size)
    if int.from_bytes(data[pos:pos + size], "little"):
        raise Corrupt("needs a dictionary")
    pos += size
    size = [single, 2, 4, 8][descriptor >> 6]
    need(size)
    content = int.from_bytes(data[pos:pos + size], "little") + (256 if size == 2 else 0)
    pos += size
    if single:
        window = content
    if window > limits.window:
        raise TooLarge("window")
    last = False
    while not last:
        need(3)
        header = int.from_bytes(data[pos:pos + 3], "little")
        pos += 3
        last, kind, size = bool(header & 1), header >> 1 & 3, header >> 3
        if kind == 3:
            raise Corrupt("reserved block type")
        if kind == 1:
            size = 1
        need(size)
        pos += size
    if checksum:
        need(4)
        pos += 4
    return pos, True


def frames(data, limits):
    """Yield the decompressed bytes of all zstd frames in pieces. Bytes after the last frame are no frame, so they fail here."""
    total, pos = 0, 0
    while pos < len(data):
        end, is_zstd = frame_at(data, pos, limits)
        if is_zstd:
            decoder = zstandard.ZstdDecompressor(max_window_size=limits.window).decompressobj()
            for at in range(pos, end, 256):
                try:
                    piece = decoder.decompress(data[at:min(at + 256, end)])
                except zstandard.ZstdError as e:
                    raise Corrupt(str(e)) from None
                total += len(piece)
                if total > limits.decompressed:
                    raise TooLarge("decompressed")
                if piece:
                    yield piece
            if not decoder.eof:
                raise Corrupt("frame does not end where its blocks do")
        pos = end


# ── gzip and plain tar ────────────────────────────────────────────────────────────────────────────────────────────────────

def gzip_members(data, limits):
    """Yield the decompressed bytes of all members of a gzip file. Bytes after the last member are no member, so they fail here."""
    total = 0
    while data:
        if not data.startswith(b"\x1f\x8b"):
            raise Corrupt("bytes after the last gzip member")
        decoder = zlib.decompressobj(31)
        while not decoder.eof:
            if not data:
                raise Corrupt("truncated gzip member")
            try:
                piece = decoder.decompress(data, 1 << 20)
            except zlib.error as e:
                raise Corrupt(str(e)) from None
            data = decoder.unconsumed_tail or decoder.unused_data
            total += len(piece)
            if total > limits.decompressed:
                raise TooLarge("decompressed")
            if piece:
                yield piece
            elif not data and not decoder.eof:
                raise Corrupt("truncated gzip member")


def plain(data, limits):
    if len(data) > limits.decompressed:
        raise TooLarge("decompressed")
    if data:
        yield data


def decompress(data, limits):
    """Yield the bytes of the tar in pieces. The first bytes say how it is compressed."""
    if data.startswith(b"\x1f\x8b"):
        return gzip_members(data, limits)
    if len(data) >= 4:
        magic = int.from_bytes(data[:4], "little")
        if magic == 0xFD2FB528 or magic & 0xFFFFFFF0 == 0x184D2A50:
            return frames(data, limits)
    return plain(data, limits)


class Stream:
    """Reads n bytes at a time from pieces."""

    def __init__(self, pieces):
        self.pieces, self.buffer, self.at = pieces, b"", 0

    def _take(self, n):
        """At most n bytes; none at the end."""
        while self.at == len(self.buffer):
            self.buffer, self.at = next(self.pieces, None), 0
            if self.buffer is None:
                self.buffer = b""
                return b""
        part = self.buffer[self.at:self.at + n]
        self.at += len(part)
        return part

    def read(self, n):
        """n bytes, fewer only at the end."""
        out = bytearray()
        while len(out) < n and (part := self._take(n - len(out))):
            out += part
        return bytes(out)

    def skip(self, n):
        """The number of bytes skipped, fewer than n only at the end."""
        left = n
        while left and (part := self._take(left)):
            left -= len(part)
        return n - left


# ── tar ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────

def tar_number(field):
    """An octal or base-256 number of a tar header."""
    if field[0] & 0x80:
        if field[0] & 0x40:
            raise Corrupt("negative number in a tar header")
        return int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
    text = field.strip(b" \0").split(b"\0")[0]
    if not re.fullmatch(rb"[0-7]*", text):
        raise Corrupt("bad number in a tar header")
    return int(text or b"0", 8)


def pax_records(data):
    """"<length> <key>=<value>\\n" records."""
    out, pos = {}, 0
    while pos < len(data):
        m = re.compile(rb"([0-9]{1,10}) ").match(data, pos)
        if not m:
            raise Corrupt("bad PAX record")
        end = pos + int(m[1])
        record = data[m.end():end]
        if end > len(data) or end <= m.end() or not record.endswith(b"\n") or b"=" not in record:
            raise Corrupt("bad PAX record")
        key, value = record[:-1].split(b"=", 1)
        out[key] = value
        pos = end
    return out


def path_of(name):
    """The parts of a path that count."""
    return tuple(part for part in name.decode("latin-1").split("/") if part not in ("", "."))


def is_member(path, name):
    """Whether a member's path is the one that is meant by a name, which may have slashes."""
    parts = tuple(name.encode().decode("latin-1").split("/"))
    return path[-len(parts):] == parts


def read_members(stream, names, limits):
    """{name: bytes} of the wanted names that the archive has. Of two regular members with one path the last counts."""
    found, count, pax, long_name, long_link = {}, 0, {}, None, None

    def content(size):
        data = stream.read(size)
        if len(data) < size:
            raise Corrupt("member ends early")
        stream.skip(-size % 512)
        return data

    while True:
        block = stream.read(512)
        if not block.strip(b"\0"):          # the end of the stream, or an end block: what follows is let pass
            break
        if len(block) < 512:
            raise Corrupt("damaged tar header")
        blanked = block[:148] + b" " * 8 + block[156:]
        if tar_number(block[148:156]) not in (sum(blanked), sum(struct.unpack("512b", blanked))):
            raise Corrupt("damaged tar header")
        kind, size = block[156:157], tar_number(block[124:136])
        name, link = (block[i:i + 100].split(b"\0")[0] for i in (0, 157))
        if block[257:263] == b"ustar\0" and block[345]:
            name = block[345:500].split(b"\0")[0] + b"/" + name
        if kind == b"x":
            pax = pax_records(content(size))
            continue
        if kind == b"g":
            pax_records(content(size))
            continue
        if kind in b"LK":
            data = content(size).split(b"\0")[0]
            long_name, long_link = (data, long_link) if kind == b"L" else (long_name, data)
            continue
        if long_name is not None:
            name = long_name
        name, link = pax.get(b"path", name), pax.get(b"linkpath", long_link or link)
        if b"size" in pax:
            if not re.fullmatch(rb"[0-9]{1,19}", pax[b"size"]):
                raise Corrupt("bad PAX size")
            size = int(pax[b"size"])
        pax, long_name, long_link = {}, None, None
        count += 1
        if count > limits.members:
            raise TooLarge("members")
        path = path_of(name)
        if kind in b"12" and not (kind == b"1" and path_of(link) == path):
            found.pop(path, None)           # a link replaces what has its path, as tar does; it is no member
        if kind in b"123456":               # links, devices, folders, pipes: no content, and no members
            continue
        if kind in b"07\0" and any(is_member(path, wanted) for wanted in names):
            if size > limits.member:
                raise TooLarge("member")
            found[path] = content(size)
        else:
            if stream.skip(size) < size:
                raise Corrupt("member ends early")
            stream.skip(-size % 512)
    while stream.skip(1 << 30):             # the rest is decompressed, too, so that its checksum is verified
        pass
    out = {}
    for wanted in names:
        paths = [path for path in found if is_member(path, wanted)]
        if len(paths) > 1:
            raise Corrupt("%s is meant by several members: %s" % (wanted, paths))
        if paths:
            out[wanted] = found[paths[0]]
    return out
