// Figures. A threshold is told by colour, by shape and by a word.

import { el } from '../dom.js';
import { lastNotNull, series, step } from '../field.js';
import { parts } from '../format.js';

const WORDS = { ok: 'ok', warn: 'look at it', bad: 'act', unknown: 'unknown' };

export function stat(panel, body) {
  const box = el('div.stats');
  body.replaceChildren(box);
  return {
    update(data) {
      let all = series(panel, data.columns);
      // "None closed" once says it for p50 and p90.
      if (all.every((field) => lastNotNull(data.rows, field.at) === null)) all = all.slice(0, 1);
      box.classList.toggle('stats-several', all.length > 1);
      box.replaceChildren(...all.map((field) => {
        const value = lastNotNull(data.rows, field.at);
        const { text, unit, missing } = parts(value, field);
        const state = panel.options.colorMode === 'value' && !missing ? step(value, field.config)?.state : null;
        const isText = missing && text.length > 3;
        return el('div.stat', {},
          all.length > 1 ? el('div.stat-name', {}, field.title) : null,
          el('div.stat-value', { class: [state ? `is-${state}` : '', isText ? 'stat-text' : ''].join(' ') }, text,
            unit ? el('span.stat-unit', {}, unit) : null),
          state ? el('div.stat-word', { class: `is-${state}` }, WORDS[state]) : null);
      }));
    },
  };
}
