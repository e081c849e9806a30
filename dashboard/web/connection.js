// The state of the connection from the page to the dashboard and from the dashboard to
// NATS. The page always shows it, in words and by the shape of an icon.

import { s, set, text } from './dom.js';
import { clock } from './format.js';

const icons = {
  connecting: () => [s('circle', { cx: 8, cy: 8, r: 6, 'stroke-dasharray': '3 3' })],
  live: () => [s('circle', { class: 'fill', cx: 8, cy: 8, r: 5.5 })],
  retrying: () => [s('path', { d: 'M13.5 5 A6.2 6.2 0 1 0 14.2 9 M14 1.5 V5.4 H10' })],
  lost: () => [s('path', { class: 'fill', d: 'M8 2 L14.5 13.5 H1.5 Z' })],
  refused: () => [s('path', { d: 'M3 3 L13 13 M13 3 L3 13' })],
};

export class Connection {
  #host;
  #notice;
  #callbacks = new Set();
  #open = false;
  #caughtUp = false;
  #reason = '';
  #refused = false;
  #dashboard = null;
  #lastLive = 0; // ms since 1970; Infinity while it is live, 0 before it was
  #words = document.createElement('span');
  #icon = s('svg', { viewBox: '0 0 16 16', 'aria-hidden': 'true' });

  /** The host shows the state in a few words, the notice what it means for the events on the page. */
  constructor(host, notice) {
    this.#host = host;
    this.#notice = notice;
    host.append(this.#icon, this.#words);
    this.#show();
  }

  /** onChange calls back after each change. */
  onChange(callback) { this.#callbacks.add(callback); }

  opened() {
    this.#open = true;
    this.#caughtUp = false;
    this.#dashboard = null;
    this.#show();
  }

  broken(reason, refused) {
    this.#open = this.#caughtUp = false;
    this.#reason = reason;
    this.#refused = refused;
    this.#show();
  }

  /** left notes that the page does not listen while it is hidden. */
  left() { this.broken('', false); }

  caughtUp() {
    this.#caughtUp = true;
    this.#show();
  }

  /** restarted notes that the dashboard sends all events anew. */
  restarted() {
    this.#caughtUp = false;
    this.#show();
  }

  /** dashboard takes the dashboard's status: {nats, since}, since in ms since 1970 or null. */
  dashboard(status) {
    this.#dashboard = status;
    this.#show();
  }

  /** live reports whether the page is up to date. */
  get live() { return this.state === 'live'; }

  /** state is one of the names of icons. */
  get state() {
    if (!this.#open) return this.#reason === '' ? 'connecting' : this.#refused ? 'refused' : 'retrying';
    if (this.#dashboard && this.#dashboard.nats !== 'connected') return 'lost';
    return this.#caughtUp ? 'live' : 'connecting';
  }

  #show() {
    const { state } = this;
    if (state === 'live') this.#lastLive = Infinity;
    else if (this.#lastLive === Infinity) this.#lastLive = Date.now();
    if (this.#host.dataset.state !== state) this.#icon.replaceChildren(...icons[state]());
    set(this.#host, 'data-state', state);
    text(this.#words, this.#label(state));
    const sentence = this.#sentence(state);
    text(this.#notice, sentence);
    this.#notice.hidden = sentence === '';
    for (const callback of this.#callbacks) callback();
  }

  #label(state) {
    const since = this.#dashboard?.since ? ` since ${clock(this.#dashboard.since)}` : '';
    switch (state) {
      case 'live': return 'Live';
      case 'lost': return `NATS lost${since}`;
      case 'refused': return 'Refused';
      case 'retrying': return 'Reconnecting';
      default: return this.#open ? 'Catching up' : 'Connecting';
    }
  }

  #sentence(state) {
    const shown = this.#lastLive > 0 && this.#lastLive < Infinity ? ` The page shows the events up to ${clock(this.#lastLive)}.` : '';
    switch (state) {
      case 'lost': return `The dashboard lost its connection to NATS and tries to connect again.${shown || ' The events may be outdated.'}`;
      case 'retrying': return `No connection: ${this.#reason}. The page tries again.${shown}`;
      case 'refused': return `No connection: ${this.#reason}.${shown}`;
      default: return shown === '' || state === 'live' ? '' : `Connected again, catching up.${shown}`;
    }
  }
}
