// Checks of events, which may come from any program. Each check returns a value
// that is safe to draw, or throws an InvalidEvent.

/** An InvalidEvent says why an event can't be drawn. */
export class InvalidEvent extends Error {}

const maxPoints = 20_000;
const maxValue = 3.5e38; // about the greatest float32
const maxPhases = 32;
const maxChannels = 32;
const maxProfiles = 1000; // of a spec
const maxEpisodes = 500; // of one sample
const maxKinds = 32; // of reasons, and of sloppiness
const defaultPhases = [['clean_lead', 10], ['armed', 5], ['infecting', 10], ['infected_running', 40], ['clean_tail', 15]];

/** parse reads one event's JSON. */
export function parse(data) {
  let event;
  try {
    event = JSON.parse(data);
  } catch {
    throw new InvalidEvent('it is not JSON');
  }
  if (typeof event !== 'object' || event === null || Array.isArray(event)) throw new InvalidEvent('it is not a JSON object');
  return event;
}

// Characters that are invisible or change the direction of the text after them.
const invisible = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

function string(value, maxLength) {
  return typeof value === 'string' ? Array.from(value.slice(0, 2 * maxLength).replace(invisible, '\ufffd')).slice(0, maxLength).join('') : '';
}

function nameOf(event, field) {
  const value = event[field];
  if (typeof value !== 'string' || value.trim() === '') throw new InvalidEvent(`it has no ${field}`);
  if (value.length > 200) throw new InvalidEvent(`its ${field} is too long`);
  return string(value, 200);
}

const isValue = (x) => typeof x === 'number' && Math.abs(x) <= maxValue;
const isCount = (x) => Number.isSafeInteger(x) && x >= 0;
const numberOrNaN = (x) => (isValue(x) ? x : NaN);
const list = (value, maxLength) => (Array.isArray(value) ? value.slice(0, maxLength) : []);

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
    return defaultPhases.map(([name, n]) => ({ name, start: (start += n) - n, points: n, seconds: null }));
  }
  if (!Array.isArray(value) || value.length > maxPhases) return null;
  const out = [];
  let end = 0;
  for (const span of value) {
    const { name, start, points: n, seconds } = span ?? {};
    if (typeof name !== 'string' || !isCount(start) || !isCount(n) || n === 0 || start < end || start + n > points) return null;
    out.push({ name: string(name, 64), start, points: n, seconds: isValue(seconds) && seconds > 0 ? seconds : null });
    end = start + n;
  }
  return out.length ? out : null;
}

/**
 * profile checks an attack_profile. Fields that the Python program does not send
 * are null if they are missing or invalid.
 */
export function profile(event) {
  const name = nameOf(event, 'name');
  const { curve } = event;
  if (!Array.isArray(curve) || curve.length < 2) throw new InvalidEvent('its curve has fewer than 2 points');
  const points = curve.length;
  if (points > maxPoints) throw new InvalidEvent(`its curve has more than ${maxPoints} points`);
  if (!curve.every(isValue)) throw new InvalidEvent('its curve has a point that is not a number');
  const raw = band(event, 'median_raw', 'p25_raw', 'p75_raw', points);
  const updated = typeof event.updated_at === 'string' ? Date.parse(event.updated_at) : NaN;
  return {
    name, points,
    shape: string(event.shape, 300),
    scaled: band(event, 'curve', 'p25', 'p75', points),
    raw: raw.median ? raw : null,
    used: isCount(event.n_used) ? event.n_used : null,
    attempted: isCount(event.n_attempted) ? event.n_attempted : null,
    target: isCount(event.target) && event.target > 0 ? event.target : null,
    complete: event.complete === true,
    phases: spans(event.phases, points),
    channel: string(event.channel, 160),
    unit: string(event.unit, 40),
    generation: string(event.generation, 40),
    digest: string(event.digest, 40),
    n: counts(event.n, points),
    ordered: hasOrder(event),
    reasons: reasons(event.reasons),
    quality: quality(event.quality),
    updated: Number.isFinite(updated) ? updated : null,
  };
}

// Only streamers publish events with an order. They publish them again and again.
const hasOrder = (event) => typeof event.life === 'string' && event.life !== '';

function counts(value, points) {
  return Array.isArray(value) && value.length === points && value.every(isCount) ? value : null;
}

const episodeOf = (value) => (value?.host && value?.episode ? `${string(value.host, 128)}/${string(value.episode, 128)}` : '');

// Why episodes give no curve, the most frequent reason first.
function reasons(value) {
  return list(value, maxKinds).map((r) => ({ reason: string(r?.reason, 32), meaning: string(r?.meaning, 200), n: isCount(r?.n) ? r.n : 0, episode: episodeOf(r) }))
    .filter(({ reason, n }) => reason !== '' && n > 0).sort((a, b) => b.n - a.n);
}

// How many episodes are sloppy in which way, and the worst of them.
function quality(value) {
  return list(value, maxKinds).map((q) => ({ kind: string(q?.kind, 32), n: isCount(q?.n) ? q.n : 0, worst: isValue(q?.worst) ? q.worst : null, episode: episodeOf(q) }))
    .filter(({ kind, n }) => kind !== '' && n > 0);
}

// Like series, but null is allowed and becomes NaN.
function seriesWithGaps(value, points) {
  if (!Array.isArray(value) || value.length !== points || !value.every((x) => x === null || isValue(x))) return null;
  return value.map((x) => x ?? NaN);
}

function channel(value, points) {
  const levels = { median: seriesWithGaps(value?.median, points), lower: seriesWithGaps(value?.p25, points), upper: seriesWithGaps(value?.p75, points) };
  if (!levels.median) throw new InvalidEvent('a channel has no levels');
  const phases = list(value.phases, maxPhases);
  return {
    name: string(value.name, 160), unit: string(value.unit, 40), levels,
    phases: phases.map((p) => ({
      name: string(p?.name, 64), bursts: numberOrNaN(p?.bursts_per_minute), length: numberOrNaN(p?.burst_length), height: numberOrNaN(p?.burst_height),
      total: numberOrNaN(p?.total), share: numberOrNaN(p?.share),
    })),
  };
}

/** signature checks an attack_signature. */
export function signature(event) {
  const name = nameOf(event, 'name');
  const { channels } = event;
  if (!Array.isArray(channels) || channels.length === 0 || channels.length > maxChannels) throw new InvalidEvent(`it does not have 1 to ${maxChannels} channels`);
  const points = Array.isArray(channels[0]?.median) ? channels[0].median.length : 0;
  if (points < 2 || points > maxPoints) throw new InvalidEvent(`its levels do not have 2 to ${maxPoints} points`);
  const outliers = list(event.outliers, 20);
  return {
    name, points,
    channels: channels.map((value) => channel(value, points)),
    phases: spans(event.phases, points),
    used: isCount(event.n_used) ? event.n_used : null,
    deepest: event.deepest ? `${string(event.deepest.host, 128)}/${string(event.deepest.episode, 128)}` : '',
    outlierCount: isCount(event.n_outliers) ? event.n_outliers : outliers.length,
    outliers: outliers.map((o) => ({
      episode: `${string(o?.host, 128)}/${string(o?.episode, 128)}`, outside: isCount(o?.outside) ? o.outside : 0, point: isCount(o?.point) ? o.point : 0,
      value: numberOrNaN(o?.value), low: numberOrNaN(o?.low), high: numberOrNaN(o?.high),
    })),
    hosts: hosts(event.hosts),
    drift: drift(event.drift),
  };
}

function hosts(value) {
  const differences = list(value?.differences, 20).map((d) => ({ channel: string(d?.channel, 160), phase: string(d?.phase, 64), p: numberOrNaN(d?.p) }));
  const used = list(value?.used, 20).map((u) => ({ host: string(u?.host, 128), n: isCount(u?.n) ? u.n : 0 }));
  return {
    differences, used,
    tested: isCount(value?.tested) ? value.tested : 0,
    differ: value?.differ === true,
    all: isCount(value?.n_differences) ? value.n_differences : differences.length,
    count: isCount(value?.n_hosts) ? value.n_hosts : used.length,
  };
}

// The snapshots that have a time, the oldest first.
function drift(value) {
  return list(value, 64).map((d) => ({ at: Date.parse(d?.at), accepted: numberOrNaN(d?.accepted), distance: numberOrNaN(d?.distance), outside: numberOrNaN(d?.outside) }))
    .filter((d) => Number.isFinite(d.at));
}

// The name of a model's figures: as for the subject, name counts before model. Measured figures have one, such as knn-measured.
const figuresName = (event) => nameOf(event, event.name ? 'name' : 'model');

// The interval of a score, {low, high}; both are null if the event has none around the score.
function interval({ low, high, metric: score }) {
  return isValue(low) && isValue(high) && low <= score && score <= high ? { low, high } : { low: null, high: null };
}

/** isRemoval reports whether an event says that the last event of its name was removed. */
export const isRemoval = (event) => event.removed === true;

/** removal checks such an event. */
export const removal = (event) => ({ name: figuresName(event), removed: true });

/** metric checks a model_metric. */
export function metric(event) {
  if (!isValue(event.metric)) throw new InvalidEvent('its metric is not a number');
  return { name: figuresName(event), metric: event.metric, ...interval(event), episodes: isCount(event.episodes) ? event.episodes : null, baseline: numberOrNaN(event.baseline) };
}

/** suspects checks a suspects event: the suspects of one profile. */
export function suspects(event) {
  if (!Array.isArray(event.episodes) || event.episodes.length > 50) throw new InvalidEvent('its episodes are not a list of at most 50');
  const episodes = event.episodes.map((e) => ({ episode: `${string(e?.host_id, 128)}/${string(e?.episode_id, 128)}`, looksLike: string(e?.looks_like, 63) }));
  return { name: nameOf(event, 'name'), episodes, all: isCount(event.n) ? Math.max(event.n, episodes.length) : episodes.length };
}

/** perf checks a model_perf. */
export function perf(event) {
  const { latency_us: latency, accuracy } = event;
  if (!isValue(latency) || latency < 1e-9) throw new InvalidEvent('its latency_us is not a number above 0');
  if (!isValue(accuracy) || accuracy < 0 || accuracy > 1) throw new InvalidEvent('its accuracy is not a number from 0 to 1');
  return { name: figuresName(event), latency, accuracy };
}

/** spec checks a spec: the profiles that there are, in order. */
export function spec(event) {
  if (!Array.isArray(event.profiles) || event.profiles.length > maxProfiles) throw new InvalidEvent(`its profiles are not a list of at most ${maxProfiles}`);
  const profiles = event.profiles.map((p) => ({
    name: nameOf(p ?? {}, 'name'), shape: string(p.shape, 300), channel: string(p.channel, 160), unit: string(p.unit, 40), group: string(p.group, 64),
  }));
  return { name: nameOf(event, 'name'), profiles, ordered: hasOrder(event) };
}

/** episodeList checks the answer about a profile's episodes: {episodes: [{id, host, values, quality}], all, leftOut, current}. */
export function episodeList(answer) {
  if (!Array.isArray(answer.episodes)) throw new InvalidEvent('it has no episodes');
  const episodes = answer.episodes.slice(0, maxEpisodes).map((e) => {
    const host = string(e?.host, 128);
    const curve = Array.isArray(e?.curve) ? e.curve.slice(0, maxPoints) : [];
    const quality = Object.fromEntries(Object.entries(e?.quality ?? {}).slice(0, maxKinds).filter(([, v]) => isValue(v) && v > 0).map(([kind, v]) => [string(kind, 32), v]));
    return { id: `${host}/${string(e?.episode, 128)}`, host, quality, values: curve.map((v) => (isValue(v) ? v : NaN)) };
  });
  return { episodes, all: isCount(answer.n) ? answer.n : episodes.length, leftOut: isCount(answer.left_out) ? answer.left_out : 0, current: answer.current === true };
}
