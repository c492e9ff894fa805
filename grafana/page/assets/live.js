// The live strip: what the process behind the page tells of itself, if it tells anything.

import { status } from './api.js';
import { el } from './dom.js';

const EVERY_MILLIS = 2000;

/** Shows `{title, items: [{label, value, state}]}` and asks again; stops where there is none. */
export async function live() {
  const strip = document.getElementById('live');
  const told = await status().catch(() => undefined);
  if (told === null) return;
  if (told?.items) {
    const items = told.items.map(({ label, value, state }) => el('div', {}, el('dt', {}, label),
      el('dd', { class: ['ok', 'warn', 'bad'].includes(state) ? `is-${state}` : '' },
        typeof value === 'number' ? value.toLocaleString('en-US') : String(value ?? '–'))));
    strip.replaceChildren(el('span.live-title', {}, told.title ?? 'Live'), el('dl', {}, ...items));
    strip.hidden = false;
  }
  setTimeout(live, document.hidden ? 5 * EVERY_MILLIS : EVERY_MILLIS);
}
