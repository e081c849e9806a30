// Where the page is: #/ or #/profile/<name>?with=<name>&scale=raw|scaled.

/** read returns what the address asks for: {profile, beside, scale}; profile is null for the overview. */
export function read() {
  const [path, query = ''] = location.hash.replace(/^#/, '').split('?');
  const match = /^\/profile\/([^/]+)$/.exec(path);
  const place = { profile: null, beside: null, scale: null };
  if (!match) return place;
  try {
    place.profile = decodeURIComponent(match[1]);
  } catch {
    return place;
  }
  const wanted = new URLSearchParams(query);
  place.beside = wanted.get('with') || null;
  place.scale = ['raw', 'scaled'].includes(wanted.get('scale')) ? wanted.get('scale') : null;
  return place;
}

/** write returns the address of a place. */
export function write({ profile, beside = null, scale = null }) {
  if (profile === null) return '#/';
  const query = new URLSearchParams();
  if (beside) query.set('with', beside);
  if (scale) query.set('scale', scale);
  const text = query.toString();
  return `#/profile/${encodeURIComponent(profile)}${text && `?${text}`}`;
}
