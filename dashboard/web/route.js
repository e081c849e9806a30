// The part of the address after #: #/ is the overview,
// #/profile/<name>?with=<other>&scale=raw|scaled the detail of one profile.

/** currentRoute returns the address as {profile, other, scale}; profile is null for the overview. */
export function currentRoute() {
  const [path, query = ''] = location.hash.replace(/^#/, '').split('?');
  const match = /^\/profile\/([^/]+)$/.exec(path);
  const route = { profile: null, other: null, scale: null };
  if (!match) return route;
  try {
    route.profile = decodeURIComponent(match[1]);
  } catch {
    return route;
  }
  const params = new URLSearchParams(query);
  route.other = params.get('with') || null;
  route.scale = ['raw', 'scaled'].includes(params.get('scale')) ? params.get('scale') : null;
  return route;
}

/** hrefOf returns the address of a route. */
export function hrefOf({ profile, other = null, scale = null }) {
  if (profile === null) return '#/';
  const params = new URLSearchParams();
  if (other) params.set('with', other);
  if (scale) params.set('scale', scale);
  const query = params.toString();
  return `#/profile/${encodeURIComponent(profile)}${query && `?${query}`}`;
}
