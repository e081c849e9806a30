// How old a figure is. Young figures say nothing.

import { h, text } from './dom.js';
import { ago, exact } from './format.js';

const old = 10 * 60_000; // ms

export class Age {
  #at = null;
  node = h('span', { class: 'age' });

  /** show takes when the figure came, in ms since 1970. */
  show(at) {
    this.#at = at;
    this.node.title = exact(at);
  }

  /** refresh writes the text; it is called each second. */
  refresh() { text(this.node, this.#at !== null && Date.now() - this.#at > old ? ` ${ago(this.#at)}` : ''); }
}
