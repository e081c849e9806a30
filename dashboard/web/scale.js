// The scales of axes, and their ticks.

/** linear returns a function that maps [lo, hi] to [from, to]. If lo = hi, it maps all to the middle. */
export function linear(lo, hi, from, to) {
  const span = hi - lo;
  return span > 0 ? (x) => from + ((x - lo) / span) * (to - from) : () => (from + to) / 2;
}

/** log is linear in the logarithm. lo and hi must be above 0. */
export function log(lo, hi, from, to) {
  const scale = linear(Math.log10(lo), Math.log10(hi), from, to);
  return (x) => scale(Math.log10(x));
}

/** ticks returns about as many round values in [lo, hi] as wanted, and the step between them. */
export function ticks(lo, hi, wanted) {
  const rough = (hi - lo) / Math.max(1, wanted);
  if (!(rough > 0) || !Number.isFinite(rough)) return { values: [lo], step: 1 };
  const decade = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * decade).find((m) => m >= rough * 0.999);
  const values = [];
  for (let k = Math.ceil(lo / step - 1e-9); k * step <= hi + step * 1e-9; k++) values.push(k * step);
  return { values, step };
}

/** decades returns at most max ticks of a logarithmic axis. */
export function decades(lo, hi, max) {
  const first = Math.ceil(Math.log10(lo) - 1e-9);
  const last = Math.floor(Math.log10(hi) + 1e-9);
  const values = [];
  if (last - first < 2) {
    for (let d = first - 1; d <= last; d++) {
      for (const m of [1, 2, 5]) if (m * 10 ** d >= lo && m * 10 ** d <= hi) values.push(m * 10 ** d);
    }
    if (values.length <= max && values.length > 1) return values;
    values.length = 0;
  }
  const stride = Math.max(1, Math.ceil((last - first + 1) / max));
  for (let d = first; d <= last; d += stride) values.push(10 ** d);
  return values;
}
