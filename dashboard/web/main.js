// The page: the feed fills the store, the store is drawn, and the address says
// whether all of it or one profile.

import { Detail } from './detail.js';
import { text } from './dom.js';
import { parse } from './event.js';
import { Feed } from './feed.js';
import { Link } from './link.js';
import { Overview } from './overview.js';
import { read, write } from './route.js';
import { Store } from './store.js';
import { toggle } from './theme.js';

const node = (id) => document.getElementById(id);

const store = new Store();
const link = new Link(node('link'), node('notice'));
const overview = new Overview(store);
const detail = new Detail(node('detail'), store, (place) => {
  history.replaceState(null, '', write(place));
  detail.open(place);
});

// Where the bridge wants a token, the page was opened with it.
const token = new URLSearchParams(location.search).get('token');
const withToken = (path) => (token === null ? path : `${path}?token=${encodeURIComponent(token)}`);

let life = '';
const feed = new Feed(withToken('events'), {
  opened: () => link.opened(),
  broken: (reason, refused) => link.broken(reason, refused),
  event: (type, data, sequence, at) => {
    if (type === 'bridge') bridge(data);
    else if (type === 'caught-up') link.caughtUp();
    else store.apply(type, data, sequence, at);
  },
});

function bridge(data) {
  const state = parse(data);
  // Events of two lives of the stream don't belong together.
  if (state.life && life && state.life !== life) {
    store.forget();
    link.forgot();
  }
  if (state.life) ({ life } = state);
  feed.life = life;
  const since = Date.parse(state.since);
  link.bridge({ nats: state.nats, since: Number.isFinite(since) ? since : null });
  text(node('version'), state.version ? `bridge ${state.version}` : '');
}

let open = null; // the profile that is shown, null: all

function route() {
  const place = read();
  const before = open;
  open = place.profile;
  node('overview').hidden = open !== null;
  node('detail').hidden = open === null;
  document.title = open === null ? 'Attack profiles' : `${open} · Attack profiles`;
  if (open !== null) detail.open(place);
  if (open !== null && open !== before) {
    scrollTo(0, 0);
    detail.focus();
  }
  if (open === null && before !== null) overview.focus(before);
  tick();
}

function tick() {
  overview.tick(link.live);
  if (open !== null) detail.tick(link.live);
}

store.watch((changed) => {
  overview.show(changed);
  if (open !== null && (changed.has('attack_profile') || changed.has('attack_signature'))) detail.show();
  const { count, last } = store.refused;
  node('refused').hidden = count === 0;
  text(node('refused'), `${count} ${count === 1 ? 'event' : 'events'} could not be drawn; the last: ${last}.`);
  tick();
});

link.watch(() => {
  const why = link.live ? 'Waits for the first envelope of this profile.'
    : link.state === 'connecting' ? 'Waits for the bridge to send what it has.' : 'Waits for the connection.';
  overview.wait(why);
  detail.wait(why);
  tick();
});

addEventListener('hashchange', route);
setInterval(tick, 1000);
toggle(node('theme'));
node('json').href = withToken('api/events');
overview.wait('Waits for the bridge.');
detail.wait('Waits for the bridge.');
route();
feed.run();
