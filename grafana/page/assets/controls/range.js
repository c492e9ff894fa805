// The time range: ranges that people ask for, or any two expressions.

import { el, icon } from '../dom.js';
import { instant } from '../format.js';
import { arrows, close, toggle } from './popover.js';

const RANGES = [
  ['now-24h', 'now', 'Last 24 hours'], ['now-7d', 'now', 'Last 7 days'],
  ['now-28d', 'now', 'Last 28 days'], ['now-13w/w', 'now', 'Last 13 weeks'],
  ['now-26w/w', 'now', 'Last 26 weeks'], ['now-52w/w', 'now', 'Last 52 weeks'],
  ['now-2y/M', 'now', 'Last 2 years'], ['now/M', 'now', 'This month'], ['now-1M/M', 'now-1M/M', 'Last month'],
  ['now/Q', 'now', 'This quarter'], ['now-1Q/Q', 'now-1Q/Q', 'Last quarter'], ['now/y', 'now', 'This year'],
];

const shown = (text) => (/^\d+$/.test(text) ? instant(Number(text)) : text);

const UNITS = { s: 'seconds', m: 'minutes', h: 'hours', d: 'days', w: 'weeks', M: 'months', Q: 'quarters', y: 'years' };

/** What the button says of a range. */
export function label(from, to) {
  const known = RANGES.find(([f, t]) => f === from && t === to)?.[2];
  if (known) return known;
  const [, count, unit] = (to === 'now' && from.match(/^now-(\d*)([smhdwMQy])(?:\/[smhdwMQy])?$/)) || [];
  if (unit) return Number(count || 1) === 1 ? `Last ${UNITS[unit].slice(0, -1)}` : `Last ${count} ${UNITS[unit]}`;
  return `${shown(from)} to ${shown(to)}`;
}

/** The button; `choose(from, to)` is called with what was chosen. */
export function rangeControl(choose) {
  const text = el('span.chosen-text');
  let current = { from: '', to: '' };
  const button = el('button.button', {
    type: 'button', 'aria-haspopup': 'dialog', 'aria-expanded': 'false',
    onclick: () => toggle(button, content(), 'Time range'),
  }, icon('clock'), text, icon('caret', 'caret'));

  function content() {
    const list = el('ul', {}, ...RANGES.map(([from, to, name]) => el('li', {}, el('button.choice', {
      type: 'button', 'aria-selected': String(from === current.from && to === current.to), role: 'option',
      onclick: () => { close(true); choose(from, to); },
    }, name))));
    list.setAttribute('role', 'listbox');
    list.setAttribute('aria-label', 'Ranges');
    arrows(list);
    const from = el('input', { name: 'from', value: shown(current.from), autocomplete: 'off', spellcheck: 'false' });
    const to = el('input', { name: 'to', value: shown(current.to), autocomplete: 'off', spellcheck: 'false' });
    const form = el('form', {
      onsubmit: (event) => { event.preventDefault(); close(true); choose(from.value.trim(), to.value.trim()); },
    }, el('label', {}, 'From', from), el('label', {}, 'To', to), el('button.button', { type: 'submit' }, 'Apply'),
    el('span.hint', {}, 'now-7d, now/w, 2026-03-04 or 2026-03-04 15:30. All in UTC.'));
    return el('div.range', {}, list, form);
  }

  return {
    element: button,
    update(from, to, resolved) {
      current = { from, to };
      text.textContent = label(from, to);
      const span = resolved ? `${instant(resolved.from)} to ${instant(resolved.to)} UTC` : '';
      button.title = span;
      button.setAttribute('aria-label', `Time range: ${text.textContent}`);
    },
  };
}
