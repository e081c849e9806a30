// When an envelope was last updated: how long ago while the connection is live,
// else the time.

import { h, set, text } from './dom.js';
import { ago, clock, exact } from './format.js';

export class Updated {
  #verb = h('span', { class: 'verb' });
  #when = h('span');
  #time = h('time', null, this.#verb, this.#when);
  #outdated = h('span', { class: 'outdated' });
  #at = null; // ms since 1970
  node = h('p', { class: 'updated' }, this.#time, this.#outdated);

  /** show takes a profile. An event without a time shows when it was received. */
  show({ updated, received }) {
    text(this.#verb, updated === null ? 'received ' : 'updated ');
    this.#at = updated ?? received;
    set(this.#time, 'datetime', new Date(this.#at).toISOString());
    set(this.#time, 'title', exact(this.#at));
  }

  /** refresh writes the text; it is called each second and when the connection changes. */
  refresh(live) {
    if (this.#at === null) return;
    text(this.#when, live ? ago(this.#at) : clock(this.#at));
    text(this.#outdated, live ? '' : ' · outdated');
  }
}
