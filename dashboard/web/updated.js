// When an envelope was last updated: how long ago while the page is live, the
// time itself where what is shown is from before.

import { h, set, text } from './dom.js';
import { ago, clock, exact } from './format.js';

export class Updated {
  #time = h('time');
  #before = h('span', { class: 'before' });
  #at = null;
  #word = 'updated';
  node = h('p', { class: 'updated' }, this.#time, this.#before);

  /** show takes the profile; what has no time of its own was updated when it came. */
  show({ updated, received }) {
    this.#word = updated === null ? 'received' : 'updated';
    this.#at = updated ?? received;
    set(this.#time, 'datetime', new Date(this.#at).toISOString());
    set(this.#time, 'title', exact(this.#at));
  }

  /** tick writes it anew; it is called every second and when the connection changes. */
  tick(live) {
    if (this.#at === null) return;
    text(this.#time, `${this.#word} ${live ? ago(this.#at) : clock(this.#at)}`);
    text(this.#before, live ? '' : ' · from before');
  }
}
