// A notice that no streamer has sent anything for some minutes, though the connection is live.
// Streamers repeat their last events, so silence means that what is shown may be old.

import { text } from './dom.js';
import { ago, clock } from './format.js';

const patience = 5 * 60_000; // ms; streamers repeat events every 20 s, if CYCLE_PAUSE is not set

export class Silence {
  #host;
  #store;

  constructor(host, store) {
    this.#host = host;
    this.#store = store;
  }

  /** refresh is called each second and when the connection changes. */
  refresh(live) {
    const last = this.#store.lastOfStreamer;
    const silent = live && last !== null && Date.now() - last > patience;
    this.#host.hidden = !silent;
    text(this.#host, silent ? `No streamer has sent anything since ${clock(last)} (${ago(last)}), so what is shown may be old. Does a streamer run?` : '');
  }
}
