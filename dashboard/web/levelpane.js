// The levels in the detail of one profile, alone or beside those of another, with their legend.

import { h, set, text, unique } from './dom.js';
import { levelEntries } from './legend.js';
import { Levels, describeSignature, howToRead, maxLevels } from './levels.js';

export class LevelPane {
  #columns = []; // {node, name, host, ...}, of this profile and of the other
  #grid = h('div', { class: 'level-columns' });
  node = h('div', { class: 'level-pane' }, h('p', { class: 'legend' }, levelEntries()), h('p', { class: 'note' }, howToRead), this.#grid);

  /**
   * show draws [{name, style, signature}], one or two profiles. all are the signatures that
   * share the scale of each row.
   */
  show(profiles, all) {
    const scale = maxLevels(all);
    while (this.#columns.length > profiles.length) this.#columns.pop().node.remove();
    profiles.forEach(({ name, style, signature }, i) => {
      if (this.#columns[i] && this.#columns[i].of !== name) this.#remove(i);
      const column = this.#columns[i] ?? this.#add(i, name);
      set(column.name, 'class', style);
      text(column.summary, describeSignature(signature));
      column.levels.show(signature, scale, style);
    });
  }

  // A plot of one profile never shows another: what was chosen in it goes with it.
  #remove(i) {
    for (const { node } of this.#columns.splice(i)) node.remove();
  }

  #add(i, name) {
    const id = unique('levels');
    const column = {
      of: name, name: h('p', null, h('span', { class: 'key' }), h('bdi', null, name)), host: h('div', { class: 'plot levels', 'aria-describedby': id }),
      summary: h('p', { class: 'visually-hidden', id }), words: h('p', { class: 'level-text' }),
    };
    column.node = h('div', { class: 'level-column' }, column.name, column.host, column.summary, column.words);
    this.#grid.append(column.node);
    column.levels = new Levels(column.host, `${name}, levels of each channel and phase`, (words, chosen) => {
      text(column.words, words);
      column.words.classList.toggle('chosen', chosen);
    });
    this.#columns[i] = column;
    return column;
  }
}
