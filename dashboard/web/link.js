// The state of the connection, from the page over the bridge to NATS: always
// shown, in words and by the shape of its mark.

import { s, set, text } from './dom.js';
import { clock } from './format.js';

const marks = {
  connecting: () => [s('circle', { cx: 8, cy: 8, r: 6, 'stroke-dasharray': '3 3' })],
  live: () => [s('circle', { class: 'fill', cx: 8, cy: 8, r: 5.5 })],
  retrying: () => [s('path', { d: 'M13.5 5 A6.2 6.2 0 1 0 14.2 9 M14 1.5 V5.4 H10' })],
  lost: () => [s('path', { class: 'fill', d: 'M8 2 L14.5 13.5 H1.5 Z' })],
  refused: () => [s('path', { d: 'M3 3 L13 13 M13 3 L3 13' })],
};

export class Link {
  #place;
  #notice;
  #watchers = new Set();
  #open = false;
  #caughtUp = false;
  #reason = '';
  #refused = false;
  #bridge = null;
  #lastLive = 0;
  #words = document.createElement('span');
  #mark = s('svg', { viewBox: '0 0 16 16', 'aria-hidden': 'true' });

  /** place shows the state in a word or two, notice what follows from it for what is on the page. */
  constructor(place, notice) {
    this.#place = place;
    this.#notice = notice;
    place.append(this.#mark, this.#words);
    this.#show();
  }

  /** watch calls back after each change. */
  watch(callback) { this.#watchers.add(callback); }

  opened() {
    this.#open = true;
    this.#caughtUp = false;
    this.#bridge = null;
    this.#show();
  }

  broken(reason, refused) {
    this.#open = this.#caughtUp = false;
    this.#reason = reason;
    this.#refused = refused;
    this.#show();
  }

  caughtUp() {
    this.#caughtUp = true;
    this.#show();
  }

  /** forgot says that all that was sent is void and comes anew. */
  forgot() {
    this.#caughtUp = false;
    this.#show();
  }

  /** bridge takes what the bridge says of itself: {nats, since in ms}. */
  bridge(state) {
    this.#bridge = state;
    this.#show();
  }

  /** live tells whether what is shown is as it is now. */
  get live() { return this.state === 'live'; }

  /** before is the time in ms up to which what is shown was live; 0 where it never was. */
  get before() { return this.#lastLive; }

  get state() {
    if (!this.#open) return this.#reason === '' ? 'connecting' : this.#refused ? 'refused' : 'retrying';
    if (this.#bridge && this.#bridge.nats !== 'connected') return 'lost';
    return this.#caughtUp ? 'live' : 'connecting';
  }

  #show() {
    const { state } = this;
    if (state === 'live') this.#lastLive = Infinity;
    else if (this.#lastLive === Infinity) this.#lastLive = Date.now();
    if (this.#place.dataset.state !== state) this.#mark.replaceChildren(...marks[state]());
    set(this.#place, 'data-state', state);
    text(this.#words, this.#name(state));
    const sentence = this.#sentence(state);
    text(this.#notice, sentence);
    this.#notice.hidden = sentence === '';
    for (const watcher of this.#watchers) watcher();
  }

  #name(state) {
    const since = this.#bridge?.since ? ` since ${clock(this.#bridge.since)}` : '';
    switch (state) {
      case 'live': return 'Live';
      case 'lost': return `NATS lost${since}`;
      case 'refused': return 'Refused';
      case 'retrying': return 'Reconnecting';
      default: return this.#open ? 'Catching up' : 'Connecting';
    }
  }

  #sentence(state) {
    const from = this.#lastLive > 0 && this.#lastLive < Infinity ? ` What is shown is from before ${clock(this.#lastLive)}.` : '';
    switch (state) {
      case 'lost': return `The bridge has lost NATS and tries to reach it.${from || ' What is shown may be old.'}`;
      case 'retrying': return `No connection: ${this.#reason}. The page keeps trying.${from}`;
      case 'refused': return `No connection: ${this.#reason}.${from}`;
      default: return from === '' || state === 'live' ? '' : `Connected again, catching up.${from}`;
    }
  }
}
