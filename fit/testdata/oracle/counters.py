"""Counters as recorders make them."""
import bisect
from fractions import Fraction


def below(a, b):
    """a < b: exact for two integers, else of floats."""
    return a < b if type(a) is int and type(b) is int else float(a) < float(b)


def minus(a, b):
    """a - b: exact for two integers (an int), else of floats."""
    return a - b if type(a) is int and type(b) is int else float(a) - float(b)


class Counter:
    """t, rates: the points with a rate. ct, cu: times and unwrapped counts of the samples that are not left out. unknown: the indexes k of
    the steps ct[k-1] to ct[k] of unknown increase. samples, restarts, dips, peaks, jumps: how many; events: how many count against it."""

    def __init__(self, t, c, astray):
        """t, c: times and counts of the samples; astray(i, j): whether the clock went astray between samples i and j."""
        self.all_t, self.c, self.astray, self.samples = t, c, astray, len(c)
        n = len(c)
        steps = sorted(b - a for a, b in zip(t, t[1:]))
        self.usual = steps[len(steps) // 2] if steps else 0.0
        self.falls = [i for i in range(1, n) if below(c[i], c[i - 1])]
        self.returns = {i: r for i in self.falls if (r := self._return(i)) is not None}
        self.peaks_at = {i for i in range(1, n - 1) if below(c[i + 1], c[i]) and not below(c[i + 1], c[i - 1])}
        self.h = self._highest()
        self.restarts = self.dips = self.peaks = self.events = 0
        self._walk()
        self._sum()

    def _return(self, i):
        c = self.c
        for r in range(i + 1, len(c)):
            if not below(c[r], c[i - 1]):
                depth = float(minus(c[i - 1], c[i]))
                return r if 2 * Fraction(float(minus(c[r], c[r - 1]))) > Fraction(depth) else None
        return None

    def _rate(self, increase, i, j):
        """Of an increase from sample i to sample j, to be compared with H."""
        return float(increase) / max(self.all_t[j] - self.all_t[i], self.usual)

    def _step(self, j):
        return self._rate(minus(self.c[j], self.c[j - 1]), j - 1, j)

    def _highest(self):
        c = self.c
        others = set(self.falls) | set(self.returns.values()) | self.peaks_at
        rates = sorted(self._step(i) for i in range(1, len(c)) if i not in others and not (i == 1 and c[0] == 0) and not self.astray(i - 1, i))
        if not rates:
            return None
        if len(rates) > 1 and rates[-1] > 10 * rates[-2]:
            return rates[-2]
        return rates[-1]

    def _faster(self, rate):
        return self.h is not None and rate > self.h

    def _walk(self):
        """self.kept: [(sample, "first", "grows", "restart" or "unknown")]; the word is about the step to it."""
        c, n = self.c, len(self.c)
        self.kept, i = [], 0
        left_out = set()
        while i < n:
            if i == 0:
                if c[0] == 0 and n > 1 and self._faster(self._step(1)):
                    left_out.add(0)
                    self._peak(0, 1)
                else:
                    self.kept.append((0, "first"))
                i = 1
                continue
            if not self.kept:
                self.kept.append((i, "first"))
                i += 1
                continue
            last = self.kept[-1][0]
            if i in self.peaks_at and i - 1 not in left_out and self._faster(self._step(i)):
                left_out.add(i)
                self._peak(i - 1, i + 1)
                i += 1
                continue
            if not below(c[i], c[last]):
                self._keep(last, i, "grows")
                i += 1
                continue
            back = self.returns.get(i)
            restart = self.h is not None and not self._faster(self._rate(c[i], last, i)) and not (back is not None and self._faster(self._step(back)))
            if restart:
                if self._keep(last, i, "restart"):
                    self.restarts += 1
                    self.events += 1
            elif back is not None:
                left_out.update(range(i, back))
                self.dips += 1
                self.events += not self.astray(last, back)
                self._keep(last, back, "grows")
                i = back
            elif self._keep(last, i, "unknown"):
                self.events += 1
            i += 1

    def _peak(self, i, j):
        self.peaks += 1
        self.events += not self.astray(i, j)

    def _keep(self, last, i, word):
        """Whether the step is what the word says: it is unknown where the clock went astray."""
        astray = self.astray(last, i)
        self.kept.append((i, "unknown" if astray else word))
        return not astray

    def _sum(self):
        t, c = self.all_t, self.c
        total, exact = 0, True
        self.t, self.rates, self.ct, self.cu, self.unknown = [], [], [], [], []
        last = None
        for k, (i, word) in enumerate(self.kept):
            if type(c[i]) is not int and exact:
                total, exact = float(total), False
            if word in ("grows", "restart"):
                increase = c[i] if word == "restart" else minus(c[i], c[last])
                total += increase if exact else float(increase)
                rate = float(increase) / (t[i] - t[last])
                if abs(rate) <= 1e30:
                    self.t.append(t[i])
                    self.rates.append(rate)
            elif word == "unknown":
                self.unknown.append(k)
            self.ct.append(t[i])
            self.cu.append(float(total))
            last = i
        fast = sorted(self.rates)[-2:]
        self.jumps = int(len(fast) == 2 and fast[1] > 10 * fast[0])
