// Accepted episodes whose signature matches another profile.

import { h, text } from './dom.js';
import { hrefOf } from './route.js';

const maxLines = 60;

export class Suspects {
  #host;
  #list = h('ul');
  #more = h('p', { class: 'more' });

  constructor(host) {
    this.#host = host;
    host.append(h('h3', null, 'Suspect episodes'), h('p', { class: 'tagline' }, 'Episodes that were accepted for one profile and whose signature clearly matches another.'), this.#list, this.#more);
    this.show(new Map());
  }

  /** show draws the lists, which are by profile. */
  show(suspects) {
    const lists = [...suspects.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    const episodes = lists.flatMap((list) => list.episodes.map((episode) => ({ ...episode, profile: list.name })));
    const all = lists.reduce((sum, list) => sum + list.all, 0);
    const shown = episodes.slice(0, maxLines);
    this.#host.hidden = all === 0;
    this.#list.replaceChildren(...shown.map((e) => h('li', null, h('a', { href: hrefOf({ profile: e.profile, episode: e.episode }) }, h('code', null, e.episode)), ` is accepted for ${e.profile}, looks like ${e.looksLike}`)));
    this.#more.hidden = all === shown.length;
    text(this.#more, `and ${all - shown.length} more`);
  }
}
