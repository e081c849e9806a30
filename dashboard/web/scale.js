// From values to positions, and where the ticks of an axis lie.

/** linear maps [lo, hi] to [from, to]. An empty domain goes to the middle. */
export function linear(lo, hi, from, to) {
  const span = hi - lo;
  return span > 0 ? (x) => from + ((x - lo) / span) * (to - from) : () => (from + to) / 2;
}

/** log maps [lo, hi], both above 0, to [from, to] by their logarithms. */
export function log(lo, hi, from, to) {
  const place = linear(Math.log10(lo), Math.log10(hi), from, to);
  return (x) => place(Math.log10(x));
}

/** ticks returns round values within [lo, hi], about as many as wanted, and what lies between two. */
export function ticks(lo, hi, wanted) {
  const rough = (hi - lo) / Math.max(1, wanted);
  if (!(rough > 0) || !Number.isFinite(rough)) return { values: [lo], step: 1 };
  const decade = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * decade).find((m) => m >= rough * 0.999);
  const values = [];
  for (let k = Math.ceil(lo / step - 1e-9); k * step <= hi + step * 1e-9; k++) values.push(k * step);
  return { values, step };
}

/** decades returns the labelled ticks of a logarithmic axis, at most most of them. */
export function decades(lo, hi, most) {
  const first = Math.ceil(Math.log10(lo) - 1e-9);
  const last = Math.floor(Math.log10(hi) + 1e-9);
  const values = [];
  if (last - first < 2) {
    for (let d = first - 1; d <= last; d++) {
      for (const m of [1, 2, 5]) if (m * 10 ** d >= lo && m * 10 ** d <= hi) values.push(m * 10 ** d);
    }
    if (values.length <= most && values.length > 1) return values;
    values.length = 0;
  }
  const stride = Math.max(1, Math.ceil((last - first + 1) / most));
  for (let d = first; d <= last; d += stride) values.push(10 ** d);
  return values;
}
