// The page: the feed fills the store, and the overview or the detail of one
// profile, as the address says, shows it.

import { Connection } from './connection.js';
import { Detail } from './detail.js';
import { text } from './dom.js';
import { parse } from './event.js';
import { Feed } from './feed.js';
import { Overview } from './overview.js';
import { currentRoute, hrefOf } from './route.js';
import { Store } from './store.js';
import { makeToggle } from './theme.js';

const node = (id) => document.getElementById(id);

const store = new Store();
const connection = new Connection(node('connection'), node('notice'));
const overview = new Overview(store);
const detail = new Detail(node('detail'), store, (route) => {
  history.replaceState(null, '', hrefOf(route));
  detail.open(route);
});

// If the bridge requires a token, the page is opened with ?token=.
const token = new URLSearchParams(location.search).get('token');
const withToken = (path) => (token === null ? path : `${path}?token=${encodeURIComponent(token)}`);

const feed = new Feed(withToken('events'), {
  opened: () => connection.opened(),
  broken: (reason, refused) => connection.broken(reason, refused),
  event: (type, data, sequence, at) => {
    if (type === 'bridge') showStatus(data);
    else if (type === 'caught-up') connection.caughtUp();
    else store.apply(type, data, sequence, at);
  },
});

function showStatus(data) {
  const status = parse(data);
  // The bridge sends all events of another stream incarnation anew.
  if (status.life && feed.incarnation && status.life !== feed.incarnation) {
    store.clear();
    connection.restarted();
  }
  if (status.life) feed.incarnation = status.life;
  const since = Date.parse(status.since);
  connection.bridge({ nats: status.nats, since: Number.isFinite(since) ? since : null });
  text(node('version'), status.version ? `bridge ${status.version}` : '');
}

let open = null; // the profile of the detail, or null

function showRoute() {
  const route = currentRoute();
  const before = open;
  open = route.profile;
  node('overview').hidden = open !== null;
  node('detail').hidden = open === null;
  document.title = open === null ? 'Attack profiles' : `${open} · Attack profiles`;
  if (open !== null) detail.open(route);
  if (open !== null && open !== before) {
    scrollTo(0, 0);
    detail.focus();
  }
  if (open === null && before !== null) overview.focus(before);
  refresh();
}

function refresh() {
  overview.refresh(connection.live);
  if (open !== null) detail.refresh(connection.live);
}

store.onChange((changed) => {
  overview.show(changed);
  if (open !== null && (changed.has('attack_profile') || changed.has('attack_signature'))) detail.show();
  const { count, last } = store.invalid;
  node('invalid').hidden = count === 0;
  text(node('invalid'), `${count} invalid ${count === 1 ? 'event is' : 'events are'} not shown. The last is ${last}.`);
  refresh();
});

function showConnection() {
  const words = connection.live ? 'Waiting for the first envelope of this profile.'
    : connection.state === 'connecting' ? 'Waiting for the bridge to send the events.' : 'Waiting for the connection.';
  overview.setWaiting(words);
  detail.setWaiting(words);
  refresh();
}

connection.onChange(showConnection);
addEventListener('hashchange', showRoute);
setInterval(refresh, 1000);
makeToggle(node('theme'));
node('json').href = withToken('api/events');
showConnection();
showRoute();
feed.run();
