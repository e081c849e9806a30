// The part of the address after #: #/ is the overview, #/profile/<name> the detail of
// one profile. What the reader chose stands after a ?, so that an address shows the same
// to everybody.

// The choices and their values, the default first. A choice that is null is a text.
const choices = {
  with: null, //    the profile to compare with
  find: null, //    shows only profiles that have these words
  show: ['all', 'partial', 'doubts', 'waiting'],
  sort: ['spec', 'name', 'n', 'drift', 'changed'],
  group: ['none', 'group', 'prefix'],
  view: ['curve', 'levels'],
  widths: ['points', 'seconds'], // of phases
  scale: ['', 'scaled', 'raw'], // '' is raw for the detail of one profile, else scaled
};

// The choices that the overview has, and those that the detail has.
const ofOverview = ['find', 'show', 'sort', 'group', 'view', 'widths', 'scale'];
const ofDetail = ['with', 'widths', 'scale'];

/** currentRoute returns the address as {profile, with, find, ...}; profile is null for the overview. Choices that are not valid have their default. */
export function currentRoute() {
  const [path, query = ''] = location.hash.replace(/^#/, '').split('?');
  const params = new URLSearchParams(query);
  const route = { profile: profileOf(path) };
  for (const [name, values] of Object.entries(choices)) {
    const value = params.get(name) ?? '';
    route[name] = values === null ? value.slice(0, 200) : values.includes(value) ? value : values[0];
  }
  return route;
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
  for (const name of route.profile === null ? ofOverview : ofDetail) {
    const value = route[name] ?? '';
    if (value !== '' && value !== choices[name]?.[0]) params.set(name, value);
  }
  const query = params.toString();
  return `#/${route.profile === null ? '' : `profile/${encodeURIComponent(route.profile)}`}${query && `?${query}`}`;
}
