// The page: the feed fills the store, and the overview or the detail of one
// profile, as the address says, shows it.

import { Connection } from './connection.js';
import { Detail } from './detail.js';
import { text } from './dom.js';
import { parse } from './event.js';
import { Overview } from './overview.js';
import { Roster } from './roster.js';
import { currentRoute, hrefOf } from './route.js';
import { Silence } from './silence.js';
import { Store } from './store.js';
import { Tab } from './tab.js';
import { makeToggle } from './theme.js';

const node = (id) => document.getElementById(id);

const store = new Store();
const connection = new Connection(node('connection'), node('notice'));
const roster = new Roster(store);
const silence = new Silence(node('silence'), store);
const overview = new Overview(store, roster, choose);
const detail = new Detail(node('detail'), store, roster, choose);

// The reader chose something on the page: the address has it, and the way back does not lead through it.
function choose(route) {
  history.replaceState(null, '', hrefOf(route));
  showRoute();
}

// If the dashboard requires a token, the page is opened with ?token=.
const token = new URLSearchParams(location.search).get('token');
const withToken = (path) => (token === null ? path : `${path}?token=${encodeURIComponent(token)}`);

const tab = new Tab(withToken('events'), {
  opened: () => connection.opened(),
  broken: (reason, refused) => connection.broken(reason, refused),
  left: () => connection.left(),
  restarted: () => {
    store.clear();
    connection.restarted();
  },
  event: (type, data, sequence, at) => {
    if (type === 'bridge') showStatus(data);
    else if (type === 'caught-up') connection.caughtUp();
    else store.apply(type, data, sequence, at);
  },
});

function showStatus(data) {
  const status = parse(data);
  const since = Date.parse(status.since);
  connection.dashboard({ nats: status.nats, since: Number.isFinite(since) ? since : null });
  text(node('version'), status.version ? `dashboard ${status.version}` : '');
}

let open = null; // the profile of the detail, or null
let overviewHash = '#/'; // the address of the overview, as it was left
let scrolled = 0; // how far the overview was scrolled when it was left

function showRoute() {
  const route = currentRoute();
  const before = open;
  open = route.profile;
  if (open === null) overviewHash = hrefOf(route);
  detail.setBack(overviewHash);
  if (before === null && open !== null) scrolled = scrollY;
  node('overview').hidden = open !== null;
  node('detail').hidden = open === null;
  document.title = open === null ? 'Attack profiles' : `${open} · Attack profiles`;
  if (open !== null) detail.open(route);
  else overview.open(route);
  if (open !== null && open !== before) {
    scrollTo(0, 0);
    detail.focus();
  }
  if (open === null && before !== null) {
    scrollTo(0, scrolled);
    overview.focus(before);
  }
  refresh();
}

function refresh() {
  silence.refresh(connection.live);
  overview.refresh(connection.live);
  if (open !== null) detail.refresh(connection.live);
}

store.onChange((changed) => {
  const another = (changed.has('attack_profile') || changed.has('spec')) && roster.update();
  overview.show(changed, another);
  if (open !== null && ['attack_profile', 'attack_signature', 'spec'].some((type) => changed.has(type))) detail.show();
  const { count, last } = store.invalid;
  node('invalid').hidden = count === 0;
  text(node('invalid'), `${count} invalid ${count === 1 ? 'event is' : 'events are'} not shown. The last is ${last}.`);
  refresh();
});

function showConnection() {
  const words = connection.live ? 'Waiting for the first envelope of this profile.'
    : connection.state === 'connecting' ? 'Waiting for the dashboard to send the events.' : 'Waiting for the connection.';
  const spec = connection.live ? 'There is no profile yet. The profiles come with the spec, once a worker and a streamer run.' : words;
  overview.setWaiting({ profile: words, spec });
  detail.setWaiting(words, connection.live);
  refresh();
}

connection.onChange(showConnection);
addEventListener('hashchange', showRoute);
// Esc leaves the detail, unless something on the page needs the key itself.
addEventListener('keydown', (event) => {
  if (event.key !== 'Escape' || event.defaultPrevented || open === null || event.target.matches?.('select, input[type=search]')) return;
  location.hash = overviewHash;
});
setInterval(refresh, 1000);
makeToggle(node('theme'));
node('json').href = withToken('api/events');
showConnection();
showRoute();
tab.run();
