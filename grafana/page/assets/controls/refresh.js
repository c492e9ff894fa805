// Asking again: now, and by itself every so often while the page is seen.

import { el, icon } from '../dom.js';
import { arrows, close, toggle } from './popover.js';

const EVERY = [['', 'Off'], ['5s', '5 s'], ['10s', '10 s'], ['30s', '30 s'], ['1m', '1 min'], ['5m', '5 min']];

/** Milliseconds of `30s`, `1m`; 0 for never. */
export function millis(text) {
  const [, count, unit] = text?.match(/^(\d+)([smh])$/) ?? [];
  return count ? Number(count) * { s: 1e3, m: 6e4, h: 36e5 }[unit] : 0;
}

/** The buttons; `ask()` asks again, `choose(every)` sets the interval. */
export function refreshControl(ask, choose) {
  const turning = icon('refresh', 'spin');
  const now = el('button.button.button-icon', { type: 'button', 'aria-label': 'Ask again now', title: 'Ask again now', onclick: ask }, turning);
  const text = el('span');
  let current = '';
  const every = el('button.button', {
    type: 'button', 'aria-haspopup': 'dialog', 'aria-expanded': 'false',
    onclick: () => {
      const list = el('ul', { role: 'listbox', 'aria-label': 'Ask again every' }, ...EVERY.map(([value, name]) =>
        el('li', {}, el('button.choice', {
          type: 'button', role: 'option', 'aria-selected': String(value === current),
          onclick: () => { close(true); choose(value); },
        }, name))));
      arrows(list);
      toggle(every, list, 'Ask again every');
    },
  }, text, icon('caret', 'caret'));
  return {
    element: el('span.button-group', {}, now, every),
    update(value) {
      current = value;
      text.textContent = EVERY.find(([one]) => one === value)?.[1] ?? value;
      every.setAttribute('aria-label', `Ask again every: ${text.textContent}`);
    },
    loading: (is) => now.classList.toggle('is-loading', is),
  };
}
