// Accepted episodes that the models put in another profile.

import { h, text } from './dom.js';

const mostLines = 60;

export class Suspects {
  #node;
  #list = h('ul');
  #more = h('p', { class: 'more' });

  constructor(node) {
    this.#node = node;
    node.append(h('h3', null, 'Suspect episodes'), h('p', { class: 'motto' }, 'Accepted for one profile, and by their signature firmly of another.'), this.#list, this.#more);
    this.show(new Map());
  }

  /** show takes the lists by profile. */
  show(suspects) {
    const lists = [...suspects.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    const episodes = lists.flatMap((list) => list.episodes.map((episode) => ({ ...episode, profile: list.name })));
    const all = lists.reduce((sum, list) => sum + list.all, 0);
    const shown = episodes.slice(0, mostLines);
    this.#node.hidden = all === 0;
    this.#list.replaceChildren(...shown.map((e) => h('li', null, h('code', null, e.episode), ` is accepted for ${e.profile}, looks like ${e.looks}`)));
    this.#more.hidden = all === shown.length;
    text(this.#more, `and ${all - shown.length} more`);
  }
}
