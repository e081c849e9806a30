"""Rows in order: which rows of a source are kept."""
import bisect
import math


class Rows:
    """times: seconds of the kept rows; rows: these; astray: for each of them whether the clock went astray between it and the row kept
    before; timed: the number of rows that have a time; dropped: of these the number that is neither kept nor a repeat; untimed: the number of the
    others."""

    def __init__(self, rows, time_of, zero, span):
        """rows: [(line, row)]; time_of: the Time of a row or None; zero: time zero; span: seconds from the first label to the last."""
        timed = []                          # (place in the file, time, seconds)
        for place, (_, row) in enumerate(rows):
            time = time_of(row)
            if time is not None and math.isfinite(time.seconds(zero)):
                timed.append((place, time.exact, time.seconds(zero)))
        kept = without_far(increasing(longest(timed)), span)
        lines = {rows[place][0].strip(" \t\r\n") for place, _, _ in kept}
        keeps = {place for place, _, _ in kept}
        lost = [(place, exact) for place, exact, _ in timed if place not in keeps and rows[place][0].strip(" \t\r\n") not in lines]
        self.timed, self.dropped, self.untimed = len(timed), len(lost), len(rows) - len(timed)
        self.rows = [rows[place][1] for place, _, _ in kept]
        self.times = [s for _, _, s in kept]
        places = [place for place, _, _ in kept]
        self.astray = [False] * len(kept)
        for place, exact in lost:
            after = bisect.bisect(places, place)
            if 0 < after < len(kept) and exact not in (kept[after - 1][1], kept[after][1]):
                self.astray[after] = True
            if after + 1 < len(kept) and kept[after][1] < exact < kept[after + 1][1]:
                self.astray[after + 1] = True


def longest(timed):
    """By patience: the chain that ends at the top of the last pile."""
    tops, piles, before = [], [], {}        # of each pile the time of its top, and its place in timed
    for i, (_, time, _) in enumerate(timed):
        pile = bisect.bisect_left(tops, time)
        if pile == len(tops):
            tops.append(time)
            piles.append(i)
        elif tops[pile] == time:
            continue
        else:
            tops[pile], piles[pile] = time, i
        before[i] = piles[pile - 1] if pile else None
    chain = []
    i = piles[-1] if piles else None
    while i is not None:
        chain.append(timed[i])
        i = before[i]
    return chain[::-1]


def increasing(chain):
    """Without rows whose seconds are not greater than those of the row kept before."""
    kept = []
    for row in chain:
        if not kept or row[2] > kept[-1][2]:
            kept.append(row)
    return kept


def without_far(kept, span):
    while True:
        gap = next((i for i in range(1, len(kept)) if kept[i][2] - kept[i - 1][2] > span), None)
        if gap is None:
            return kept
        kept = kept[gap:] if gap < len(kept) - gap else kept[:gap]
