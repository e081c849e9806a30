// Events as anybody may have published them, checked. Each check returns a
// value that is safe to draw, or throws a Refusal that says what is wrong.

/** A Refusal is the reason why an event is not drawn. */
export class Refusal extends Error {}

const maxPoints = 20_000;
const maxValue = 3.5e38; // a float32 has no larger
const maxPhases = 32;
const maxChannels = 32;
const usual = [['clean_lead', 10], ['armed', 5], ['infecting', 10], ['infected_running', 40], ['clean_tail', 15]];

/** parse reads one event's JSON. */
export function parse(data) {
  let event;
  try {
    event = JSON.parse(data);
  } catch {
    throw new Refusal('it is not JSON');
  }
  if (typeof event !== 'object' || event === null || Array.isArray(event)) throw new Refusal('it is not a JSON object');
  return event;
}

// What neither shows nor keeps to its place: controls, and marks of direction.
const unseen = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

function words(value, most) {
  return typeof value === 'string' ? Array.from(value.slice(0, 2 * most).replace(unseen, '\ufffd')).slice(0, most).join('') : '';
}

function key(event, field) {
  const value = event[field];
  if (typeof value !== 'string' || value.trim() === '') throw new Refusal(`it has no ${field}`);
  if (value.length > 200) throw new Refusal(`its ${field} is too long`);
  return words(value, 200);
}

const isValue = (x) => typeof x === 'number' && Math.abs(x) <= maxValue;
const isCount = (x) => Number.isSafeInteger(x) && x >= 0;
const figure = (x) => (isValue(x) ? x : NaN);
const list = (value, most) => (Array.isArray(value) ? value.slice(0, most) : []);

function series(value, points) {
  return Array.isArray(value) && value.length === points && value.every(isValue) ? value : null;
}

function band(event, median, lower, upper, points) {
  const set = { median: series(event[median], points), lower: series(event[lower], points), upper: series(event[upper], points) };
  if (!set.lower || !set.upper) set.lower = set.upper = null;
  return set;
}

function spans(value, points) {
  if (value === undefined && points === 80) {
    let start = 0;
    return usual.map(([name, n]) => ({ name, start: (start += n) - n, points: n }));
  }
  if (!Array.isArray(value) || value.length > maxPhases) return null;
  const out = [];
  let end = 0;
  for (const span of value) {
    const { name, start, points: n } = span ?? {};
    if (typeof name !== 'string' || !isCount(start) || !isCount(n) || n === 0 || start < end || start + n > points) return null;
    out.push({ name: words(name, 64), start, points: n });
    end = start + n;
  }
  return out.length ? out : null;
}

/**
 * profile checks an attack_profile. The fields that the Python program does
 * not send are null where they are missing or can't be used.
 */
export function profile(event) {
  const name = key(event, 'name');
  const { curve } = event;
  if (!Array.isArray(curve) || curve.length < 2) throw new Refusal('its curve has fewer than 2 points');
  const points = curve.length;
  if (points > maxPoints) throw new Refusal(`its curve has more than ${maxPoints} points`);
  if (!curve.every(isValue)) throw new Refusal('its curve has a point that is no number');
  const raw = band(event, 'median_raw', 'p25_raw', 'p75_raw', points);
  const updated = typeof event.updated_at === 'string' ? Date.parse(event.updated_at) : NaN;
  return {
    name, points,
    shape: words(event.shape, 300),
    scaled: band(event, 'curve', 'p25', 'p75', points),
    raw: raw.median ? raw : null,
    used: isCount(event.n_used) ? event.n_used : null,
    attempted: isCount(event.n_attempted) ? event.n_attempted : null,
    target: isCount(event.target) && event.target > 0 ? event.target : null,
    complete: event.complete === true,
    phases: spans(event.phases, points),
    channel: words(event.channel, 160),
    unit: words(event.unit, 40),
    generation: words(event.generation, 40),
    updated: Number.isFinite(updated) ? updated : null,
  };
}

// A row of a signature may have gaps: they are NaN.
function gappy(value, points) {
  if (!Array.isArray(value) || value.length !== points || !value.every((x) => x === null || isValue(x))) return null;
  return value.map((x) => x ?? NaN);
}

function channel(value, points) {
  const levels = { median: gappy(value?.median, points), lower: gappy(value?.p25, points), upper: gappy(value?.p75, points) };
  if (!levels.median) throw new Refusal('a channel has no levels');
  const phases = list(value.phases, maxPhases);
  return {
    name: words(value.name, 160), unit: words(value.unit, 40), levels,
    phases: phases.map((of) => ({
      name: words(of?.name, 64), bursts: figure(of?.bursts_per_minute), length: figure(of?.burst_length), height: figure(of?.burst_height),
      total: figure(of?.total), share: figure(of?.share),
    })),
  };
}

/** signature checks an attack_signature. */
export function signature(event) {
  const name = key(event, 'name');
  const { channels } = event;
  if (!Array.isArray(channels) || channels.length === 0 || channels.length > maxChannels) throw new Refusal(`its channels are not 1 to ${maxChannels}`);
  const points = Array.isArray(channels[0]?.median) ? channels[0].median.length : 0;
  if (points < 2 || points > maxPoints) throw new Refusal(`its levels are not 2 to ${maxPoints} points`);
  const outliers = list(event.outliers, 20);
  return {
    name, points,
    channels: channels.map((value) => channel(value, points)),
    phases: spans(event.phases, points),
    used: isCount(event.n_used) ? event.n_used : null,
    deepest: event.deepest ? `${words(event.deepest.host, 128)}/${words(event.deepest.episode, 128)}` : '',
    outside: isCount(event.n_outliers) ? event.n_outliers : outliers.length,
    outliers: outliers.map((of) => ({ episode: `${words(of?.host, 128)}/${words(of?.episode, 128)}`, outside: isCount(of?.outside) ? of.outside : 0 })),
    hosts: hostsOf(event.hosts),
    drift: driftOf(event.drift),
  };
}

function hostsOf(value) {
  const differences = list(value?.differences, 20).map((of) => ({ channel: words(of?.channel, 160), phase: words(of?.phase, 64), p: figure(of?.p) }));
  const used = list(value?.used, 20).map((of) => ({ host: words(of?.host, 128), n: isCount(of?.n) ? of.n : 0 }));
  return {
    differences, used,
    tested: isCount(value?.tested) ? value.tested : 0,
    differ: value?.differ === true,
    all: isCount(value?.n_differences) ? value.n_differences : differences.length,
    count: isCount(value?.n_hosts) ? value.n_hosts : used.length,
  };
}

// Of the snapshots those that have a time, the oldest first.
function driftOf(value) {
  return list(value, 64).map((of) => ({ at: Date.parse(of?.at), accepted: figure(of?.accepted), distance: figure(of?.distance), outside: figure(of?.outside) }))
    .filter((of) => Number.isFinite(of.at));
}

/** metric checks a model_metric. */
export function metric(event) {
  if (!isValue(event.metric)) throw new Refusal('its metric is no number');
  return { name: key(event, 'model'), metric: event.metric };
}

/** suspects checks a suspects event: of one profile, possibly none. */
export function suspects(event) {
  if (!Array.isArray(event.episodes) || event.episodes.length > 50) throw new Refusal('its episodes are no list of 50 at most');
  const episodes = event.episodes.map((of) => ({ episode: `${words(of?.host_id, 128)}/${words(of?.episode_id, 128)}`, looks: words(of?.looks_like, 63) }));
  return { name: key(event, 'name'), episodes, all: isCount(event.n) ? Math.max(event.n, episodes.length) : episodes.length };
}

/** perf checks a model_perf. */
export function perf(event) {
  const { latency_us: latency, accuracy } = event;
  if (!isValue(latency) || latency < 1e-9) throw new Refusal('its latency_us is no number above 0');
  if (!isValue(accuracy) || accuracy < 0 || accuracy > 1) throw new Refusal('its accuracy is no number from 0 to 1');
  return { name: key(event, 'model'), latency, accuracy };
}
