// The part of the address after #: #/ is the overview, #/profile/<name> the detail of
// one profile, #/scene/<number> a slide. What the reader chose stands after a ?, so that an address shows the same
// to everybody.

// The choices and their values, the default first. A choice that is null is a text.
const choices = {
  with: null, //    the profile to compare with
  episode: null, // the episode whose curve is marked, as host/episode
  host: null, //    lists the episodes of this host only
  order: ['marks', 'host', 'peak'], // of the list of episodes
  find: null, //    shows only profiles that have these words
  show: ['all', 'partial', 'doubts', 'waiting'],
  sort: ['spec', 'name', 'n', 'drift', 'changed'],
  group: ['none', 'group', 'prefix'],
  view: ['curve', 'levels'],
  widths: ['points', 'seconds'], // of phases
  scale: ['', 'scaled', 'raw'], // '' is raw for the detail of one profile, else scaled
};

/** scenes are the slides: the profiles, the accuracy of each model, its accuracy against time. The numbers are those of the talk. */
export const scenes = ['6', '8', '12'];

const maxCycle = 3600; // seconds

// The choices that each kind of page has.
const ofOverview = ['find', 'show', 'sort', 'group', 'view', 'widths', 'scale'];
const ofSlide = ['find', 'show', 'sort', 'view', 'widths', 'scale', 'page', 'cycle'];
const ofDetail = ['with', 'episode', 'host', 'order', 'view', 'widths', 'scale'];

/**
 * currentRoute returns the address as {profile, scene, page, cycle, with, find, ...}. profile is null
 * but for a detail, and scene but for a slide. page is the number of a page of cards, cycle the
 * seconds until the next slide, 0 for none. Choices that are not valid have their default.
 */
export function currentRoute() {
  const [path, query = ''] = location.hash.replace(/^#/, '').split('?');
  const params = new URLSearchParams(query);
  const scene = /^\/scene\/(\d+)$/.exec(path)?.[1];
  const route = {
    profile: profileOf(path), scene: scenes.includes(scene) ? scene : null,
    page: whole(params.get('page'), 1, 1000) ?? 1, cycle: whole(params.get('cycle'), 2, maxCycle) ?? 0,
  };
  for (const [name, values] of Object.entries(choices)) {
    const value = params.get(name) ?? '';
    route[name] = values === null ? value.slice(0, 260) : values.includes(value) ? value : values[0];
  }
  return route;
}

// whole reads a whole number of [least, most], or null.
function whole(value, least, most) {
  const n = /^\d{1,4}$/.test(value ?? '') ? Number(value) : NaN;
  return n >= least && n <= most ? n : null;
}

function profileOf(path) {
  const match = /^\/profile\/([^/]+)$/.exec(path);
  try {
    return match && decodeURIComponent(match[1]);
  } catch {
    return null;
  }
}

/** hrefOf returns the address of a route. It leaves out what is the default or does not belong to the page. */
export function hrefOf(route) {
  const params = new URLSearchParams();
  const defaults = { page: 1, cycle: 0 };
  for (const name of route.profile !== null ? ofDetail : route.scene !== null ? ofSlide : ofOverview) {
    const value = route[name] ?? '';
    if (value !== '' && value !== (choices[name]?.[0] ?? defaults[name])) params.set(name, value);
  }
  const query = params.toString();
  const path = route.profile !== null ? `profile/${encodeURIComponent(route.profile)}` : route.scene !== null ? `scene/${route.scene}` : '';
  return `#/${path}${query && `?${query}`}`;
}
