// A shared worker: one feed for all tabs of a browser, which opens only six connections to
// a host. Its name is the URL of the feed. Tabs send 'join', 'leave' and 'retry'; a tab that
// has joined gets lists of messages [handler, ...arguments], for the handlers of Feed, and an
// empty list now and then. The first list has everything so far.

import { parse } from './event.js';
import { Feed } from './feed.js';

const aliveEvery = 10_000; // ms
const maxEvents = 5_000; // last events that are kept

const tabs = new Set(); // ports of tabs that have joined
const last = new Map(); // type and name → the message of the last event, in order of sequence
let opening = []; // messages about the connection: how it was opened, or why it is broken

function toAll(...messages) {
  for (const tab of tabs) tab.postMessage(messages);
}

function nameOf(data) {
  try {
    const event = parse(data);
    return event.name || event.model || '';
  } catch {
    return ''; // each tab says that the event is invalid
  }
}

function keep(type, message) {
  if (type === 'bridge' || type === 'caught-up') {
    opening = opening.filter((m) => m[1] !== type);
    opening.push(message);
    return;
  }
  const key = `${type} ${nameOf(message[2])}`;
  last.delete(key);
  last.set(key, message);
  if (last.size > maxEvents) last.delete(last.keys().next().value);
}

const feed = new Feed(self.name, {
  opened: () => {
    opening = [['opened']];
    toAll(['opened']);
  },
  restarted: () => {
    last.clear();
    opening = opening.filter((m) => m[1] !== 'caught-up');
    toAll(['restarted']);
  },
  event: (type, ...rest) => {
    const message = ['event', type, ...rest];
    keep(type, message);
    toAll(message);
  },
  broken: (...why) => {
    opening = [['broken', ...why]];
    toAll(['broken', ...why]);
  },
});

function join(tab) {
  const caughtUp = opening.filter((m) => m[1] === 'caught-up');
  tab.postMessage([['restarted'], ...opening.filter((m) => m[1] !== 'caught-up'), ...last.values(), ...caughtUp]);
  tabs.add(tab);
  feed.start();
  feed.retry();
}

function leave(tab) {
  tabs.delete(tab);
  if (tabs.size > 0) return;
  feed.stop();
  opening = [];
}

onconnect = (event) => {
  const tab = event.ports[0];
  const does = { join, leave, retry: () => feed.retry() };
  tab.onmessage = ({ data }) => does[data](tab);
};

setInterval(() => toAll(), aliveEvery);
