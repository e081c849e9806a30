// The tools of the overview: what it shows, in which order, and how. Each is a choice in
// the address.

import { h, set, text, unique } from './dom.js';

// Fewer profiles than this are seen at a glance: there is nothing to search.
const few = 9;

const choices = {
  show: ['Show', { all: 'all profiles', partial: 'too few episodes', doubts: 'doubtful or empty', waiting: 'without a curve' }],
  sort: ['Sort', { spec: 'as in the spec', name: 'by name', n: 'most episodes', drift: 'most drift', changed: 'last change' }],
  group: ['Group', { none: 'no groups', group: 'as in the spec', prefix: 'by first word' }],
};

export class Tools {
  #route = null;
  #onRoute;
  #find = h('input', { type: 'search', placeholder: 'Search', 'aria-label': 'Search profiles', spellcheck: 'false', maxlength: 200 });
  #selects = {};
  #count = h('span', { class: 'count-shown', role: 'status' });
  #again = h('button', { class: 'quiet', type: 'button' }, 'Sort again');
  #lists;
  #toggles = {};

  /** lists and views are where the tools go. onRoute(route) is called when the reader chooses, onSort() when the cards are to be sorted again. */
  constructor(lists, views, onRoute, onSort) {
    this.#lists = lists;
    this.#onRoute = onRoute;
    this.#find.addEventListener('input', () => this.#choose('find', this.#find.value));
    this.#again.addEventListener('click', onSort);
    this.#lists.append(this.#find);
    for (const [name, [label, options]] of Object.entries(choices)) {
      const id = unique(name);
      const select = h('select', { id, 'data-choice': name }, Object.entries(options).map(([value, words]) => h('option', { value }, words)));
      select.addEventListener('change', () => this.#choose(name, select.value));
      this.#selects[name] = select;
      this.#lists.append(h('label', { for: id }, h('span', null, label), select));
    }
    this.#lists.append(this.#count, this.#again);
    this.#toggles.scale = toggle('Scale', 'scale', { scaled: 'Scaled', raw: 'Raw' }, (value) => this.#choose('scale', value));
    this.#toggles.view = toggle('View', 'view', { curve: 'Curves', levels: 'Levels' }, (value) => this.#choose('view', value));
    this.#toggles.widths = toggle('Widths of phases', 'widths', { points: 'Points', seconds: 'Seconds' }, (value) => this.#choose('widths', value));
    views.append(this.#toggles.scale.node, this.#toggles.widths.node, this.#toggles.view.node);
  }

  /** show takes the route, how many profiles there are and are shown, whether there are levels and seconds of phases, and whether the order is not that of the events any more. */
  show(route, { all, shown, levels, seconds, unsorted }) {
    this.#route = route;
    this.#lists.hidden = all < few && shown === all && ['find', 'show', 'sort', 'group'].every((name) => ['', 'all', 'spec', 'none'].includes(route[name]));
    if (this.#find.value !== route.find && document.activeElement !== this.#find) this.#find.value = route.find;
    for (const [name, select] of Object.entries(this.#selects)) select.value = route[name];
    text(this.#count, shown === all ? `${all} profiles` : `${shown} of ${all} profiles`);
    this.#again.classList.toggle('unused', !unsorted);
    this.#again.disabled = !unsorted;
    this.#toggles.scale.show(route.scale || 'scaled');
    this.#toggles.widths.show(route.widths);
    this.#toggles.widths.node.hidden = !seconds;
    this.#toggles.view.show(route.view);
    this.#toggles.view.node.hidden = !levels;
  }

  #choose(name, value) { this.#onRoute({ ...this.#route, [name]: value }); }
}

/** toggle makes a choice between few values, which are all seen. */
export function toggle(label, name, values, choose) {
  const inputs = Object.entries(values).map(([value, words]) => {
    const input = h('input', { type: 'radio', name: unique(name), value, 'data-choice': name });
    return { value, input, node: h('label', null, input, h('span', null, words)) };
  });
  const group = inputs[0].input.name;
  for (const { value, input } of inputs) {
    set(input, 'name', group);
    input.addEventListener('change', () => choose(value));
  }
  const node = h('fieldset', { class: 'toggle' }, h('legend', { class: 'visually-hidden' }, label), inputs.map((choice) => choice.node));
  return { node, show: (chosen) => { for (const { value, input } of inputs) input.checked = value === chosen; }, disable: (value, disabled) => { inputs.find((choice) => choice.value === value).input.disabled = disabled; } };
}
