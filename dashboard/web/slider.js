// A plot that is a slider: the pointer, a finger and the keys choose one of its
// points.

import { set } from './dom.js';

/**
 * slider makes the host a slider and calls:
 *   draw()         when the size of the host changes
 *   indexAt(x, y)  for the index at a position in px of the host, or null for no change
 *   indexFor(key)  for the index that a key leads to, or null if it leads nowhere
 *   choose(index)  with the index that was chosen, or null for none
 */
export function slider(host, label, { draw, indexAt, indexFor, choose }) {
  for (const [name, value] of Object.entries({ role: 'slider', tabindex: 0, 'aria-label': label, 'aria-valuemin': 1 })) set(host, name, value);
  new ResizeObserver(draw).observe(host);
  let chosen = false;
  const take = (index) => {
    chosen = index !== null;
    choose(index);
  };
  const point = (event) => {
    const { left, top } = host.getBoundingClientRect();
    const index = indexAt(event.clientX - left, event.clientY - top);
    if (index !== null) take(index);
  };
  host.addEventListener('pointermove', point);
  host.addEventListener('pointerdown', point);
  host.addEventListener('pointerleave', (event) => event.pointerType === 'mouse' && document.activeElement !== host && take(null));
  host.addEventListener('blur', () => take(null));
  host.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    // Escape undoes the choice. Without one it is left to the page.
    const index = event.key === 'Escape' ? null : indexFor(event.key);
    if (index === null && !(event.key === 'Escape' && chosen)) return;
    take(index);
    event.preventDefault();
  });
}
