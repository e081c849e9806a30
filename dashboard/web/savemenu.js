// The menu that saves a figure or its numbers, and has the address that shows the same.

import { h, text, unique } from './dom.js';
import { save } from './download.js';
import { pngOf, svgText } from './figure.js';

export class SaveMenu {
  #content = null;
  #title = h('h2', { id: unique('save') });
  #address = h('input', { readonly: true, 'aria-label': 'Address that shows the same', spellcheck: 'false' });
  #problem = h('p', { class: 'doubt', role: 'status' });
  #node;

  constructor(host) {
    const button = (words, what, action) => {
      const node = h('button', { type: 'button', title: what }, words);
      node.addEventListener('click', () => this.#do(action));
      return node;
    };
    this.#address.addEventListener('focus', () => this.#address.select());
    this.#node = h('section', { class: 'save-menu', popover: 'auto', 'aria-labelledby': this.#title.id }, this.#title,
      h('p', null, 'A figure on white, with title and n:'),
      h('div', { class: 'choices' }, button('SVG', 'lines that stay sharp', () => this.#figure('svg')), button('PNG', '288 pixels an inch', () => this.#figure('png'))),
      h('p', null, 'Its numbers:'),
      h('div', { class: 'choices' }, button('CSV', 'a table', () => this.#data('csv', 'text/csv')), button('JSON', 'the events', () => this.#data('json', 'application/json'))),
      h('label', null, 'Its address:', this.#address), this.#problem);
    host.append(this.#node);
  }

  /**
   * open shows the menu for {title, file, svg, csv, json, href}: svg() returns the figure, csv() and
   * json() its numbers as texts. file is the name of the files, without an ending.
   */
  open(content) {
    this.#content = content;
    text(this.#title, `Save ${content.title}`);
    text(this.#problem, '');
    this.#address.value = new URL(content.href, `${location.origin}${location.pathname}`).href; // without a token
    this.#node.showPopover();
  }

  async #do(action) {
    try {
      await action();
      this.#node.hidePopover();
    } catch (error) {
      text(this.#problem, `It was not saved: ${error.message}.`);
    }
  }

  async #figure(ending) {
    const { file, svg } = this.#content;
    const content = ending === 'svg' ? svgText(svg()) : await pngOf(svg());
    save(`${file}.${ending}`, ending === 'svg' ? 'image/svg+xml' : 'image/png', content);
  }

  #data(ending, type) { save(`${this.#content.file}.${ending}`, type, this.#content[ending]()); }
}
