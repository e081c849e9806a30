// The slides of a talk or of a wall display: the profiles, the accuracy of the models and
// their speed, each on the whole screen. Arrow keys go from one to the next, F fills the
// screen, Esc leaves. With a cycle they change by themselves.

import { h, set, text } from './dom.js';
import { scenes } from './route.js';

const steps = { ArrowRight: 1, ArrowDown: 1, PageDown: 1, ' ': 1, ArrowLeft: -1, ArrowUp: -1, PageUp: -1 };

export class Slides {
  #route = null; // of the slide that is shown, or null
  #overview;
  #onRoute;
  #leave = h('a', { class: 'button quiet', href: '#/' }, 'Leave');
  #place = h('span', { role: 'status' });
  #timer = 0;
  #byPointer = false; // whether the pointer, not the keyboard, gave the focus

  /** bar is where the buttons go. overview has the numbers of pages. onRoute(route) is called with the next slide. */
  constructor(bar, overview, onRoute) {
    this.#overview = overview;
    this.#onRoute = onRoute;
    const button = (words, label, action) => {
      const node = h('button', { class: 'quiet', type: 'button', 'aria-label': label, title: label }, words);
      node.addEventListener('click', action);
      return node;
    };
    bar.append(
      button('‹', 'Slide before', () => this.#go(-1)), this.#place, button('›', 'Next slide', () => this.#go(1)),
      button('Full screen', 'Full screen (F)', fillScreen), this.#leave);
    addEventListener('pointerdown', () => { this.#byPointer = true; }, true);
    addEventListener('keydown', (event) => this.#key(event), true);
    addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && this.#route && !event.defaultPrevented && !document.querySelector(':popover-open')) location.hash = this.#leave.hash;
    });
  }

  /** show shows the slide of a route, or none. back is the address of the overview. */
  show(route, back) {
    this.#route = route.scene === null ? null : route;
    const root = document.documentElement;
    if (this.#route) root.dataset.scene = route.scene;
    else delete root.dataset.scene;
    set(this.#leave, 'href', back);
    this.refresh();
    clearTimeout(this.#timer);
    if (this.#route?.cycle > 0) this.#timer = setTimeout(() => this.#go(1), 1000 * this.#route.cycle);
  }

  /** refresh shows how many slides there are now, and makes the type smaller for many cards or bars. */
  refresh() {
    if (!this.#route) return;
    const all = this.#all();
    text(this.#place, `${this.#at(all) + 1} of ${all.length}`);
    document.documentElement.toggleAttribute('data-crowded', this.#overview.isCrowded(this.#route));
  }

  #all() {
    return scenes.flatMap((scene) => Array.from({ length: scene === '6' ? this.#overview.pages : 1 }, (_, i) => ({ scene, page: i + 1 })));
  }

  // The place of the slide among all. A page that is not there any more is the last one.
  #at(all) {
    const { scene, page } = this.#route;
    return all.findLastIndex((slide) => slide.scene === scene && slide.page <= page);
  }

  #go(step) {
    const all = this.#all();
    this.#onRoute({ ...this.#route, ...all[(this.#at(all) + step + all.length) % all.length] });
  }

  #key(event) {
    if (event.key === 'Tab') this.#byPointer = false;
    if (!this.#route || event.ctrlKey || event.altKey || event.metaKey || document.querySelector(':popover-open') || event.target.matches?.('input, select')) return;
    // A plot that the keyboard has chosen keeps its keys, and Space presses the button that has the focus.
    if (!this.#byPointer && event.target.matches('[role=slider]') && event.key !== 'f' && event.key !== 'F') return;
    if (event.key === ' ' && event.target.matches('button, a, summary')) return;
    if (Object.hasOwn(steps, event.key)) this.#go(steps[event.key]);
    else if (event.key === 'Home' || event.key === 'End') this.#onRoute({ ...this.#route, ...this.#all().at(event.key === 'Home' ? 0 : -1) });
    else if (event.key === 'f' || event.key === 'F') fillScreen();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

// A browser may refuse to fill the screen, and says so to its user by itself.
function fillScreen() {
  const done = document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen?.();
  done?.catch(() => {});
}
