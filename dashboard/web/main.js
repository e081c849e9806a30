// The page: the feed fills the store, and the overview or the detail of one
// profile, as the address says, shows it.

import { Connection } from './connection.js';
import { Detail } from './detail.js';
import { text } from './dom.js';
import { parse } from './event.js';
import { Overview } from './overview.js';
import { Roster } from './roster.js';
import { currentRoute, hrefOf, scenes } from './route.js';
import { SaveMenu } from './savemenu.js';
import { Silence } from './silence.js';
import { Slides } from './slides.js';
import { Store } from './store.js';
import { Tab } from './tab.js';
import { ofProfiles } from './takeaway.js';
import { makeToggle } from './theme.js';

const node = (id) => document.getElementById(id);

const store = new Store();
const connection = new Connection(node('connection'), node('notice'));
const roster = new Roster(store);
const silence = new Silence(node('silence'), store);
const menu = new SaveMenu(node('main'));
const overview = new Overview(store, roster, choose, (content) => menu.open(content));
const slides = new Slides(node('slides'), overview, choose);
const detail = new Detail(node('detail'), store, roster, choose, episodesURL);

// The reader chose something on the page: the address has it, and the way back does not lead through it.
function choose(route) {
  history.replaceState(null, '', hrefOf(route));
  showRoute();
}

// If the dashboard requires a token, the page is opened with ?token=.
const token = new URLSearchParams(location.search).get('token');
const withToken = (path) => (token === null ? path : `${path}?token=${encodeURIComponent(token)}`);

// The address of a profile's episodes, as 'json' or 'csv'.
function episodesURL(profile, format) {
  const params = new URLSearchParams({ ...(token === null ? {} : { token }), ...(format === 'json' ? {} : { format }) });
  return `api/profiles/${encodeURIComponent(profile)}/episodes${params.size ? `?${params}` : ''}`;
}

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

// What the menu saves of the detail: the profile, and the other one if two are compared.
function contentOfDetail(route) {
  const names = [route.profile, route.with].filter((name, i, all) => store.profiles.has(name) && all.indexOf(name) === i);
  const scale = route.scale || (names.length > 1 ? 'scaled' : 'raw');
  return ofProfiles(store, roster, { ...route, scale }, names, names.join(' and ') || route.profile, hrefOf(route));
}

let open = null; // the profile of the detail, or null
const titles = { 6: 'Typical runs of the profiles', 8: 'Accuracy of each model', 12: 'Accuracy against time' }; // of the slides
let overviewHash = '#/'; // the address of the overview, as it was left
let scrolled = 0; // how far the overview was scrolled when it was left

function showRoute() {
  const route = currentRoute();
  const before = open;
  open = route.profile;
  if (open === null && route.scene === null) overviewHash = hrefOf(route);
  detail.setBack(overviewHash);
  if (before === null && open !== null) scrolled = scrollY;
  node('overview').hidden = open !== null;
  node('detail').hidden = open === null;
  document.title = [open, route.scene && titles[route.scene], 'Attack profiles'].filter(Boolean).join(' · ');
  if (open !== null) detail.open(route);
  else {
    detail.close();
    overview.open(route);
  }
  slides.show(route, overviewHash);
  node('to-slides').href = hrefOf({ ...route, profile: null, scene: scenes[0] });
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
  slides.refresh();
  node('save').hidden = store.profiles.size === 0;
  if (open !== null && ['attack_profile', 'attack_signature', 'suspects', 'spec'].some((type) => changed.has(type))) detail.show();
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
  if (event.key !== 'Escape' || event.defaultPrevented || open === null || document.querySelector(':popover-open') || event.target.matches?.('select, input[type=search]')) return;
  location.hash = overviewHash;
});
setInterval(refresh, 1000);
makeToggle(node('theme'));
node('save').addEventListener('click', () => menu.open(open === null ? overview.content : contentOfDetail(currentRoute())));
node('json').href = withToken('api/events');
showConnection();
// A wall display: ?cycle=20 shows the slides, each for 20 s.
const cycle = new URLSearchParams(location.search).get('cycle');
if (cycle !== null && location.hash === '') history.replaceState(null, '', `#/scene/${scenes[0]}?cycle=${encodeURIComponent(cycle)}`);
addEventListener('resize', () => {
  if (document.documentElement.dataset.scene) showRoute();
});
showRoute();
tab.run();
