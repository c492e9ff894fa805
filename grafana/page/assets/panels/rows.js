// Rows as an HTML table: for table panels, and as the other face of every chart.

import { el, icon } from '../dom.js';
import { fields, shortNames, step } from '../field.js';
import { text } from '../format.js';
import { anchor, fill } from '../links.js';

const right = (field) => {
  const align = field.config.custom?.align;
  return align && align !== 'auto' ? align : field.kind === 'number' ? 'right' : '';
};

function compare(a, b) {
  if (a === null || a === undefined) return b === null || b === undefined ? 0 : -1;
  if (b === null || b === undefined) return 1;
  return typeof a === 'string' ? a.localeCompare(b) : a - b;
}

// A text no longer than this stays on one line: a login is not broken at its hyphens.
const WORD_MAX = 24;

function cell(row, field, all, chosen, short) {
  const value = row[field.at];
  const shown = field.name === 'repository' ? short(text(value, field)) : text(value, field);
  const link = field.config.links?.[0];
  const isLinked = link && value !== null && value !== '';
  const written = /^https?:\/\//.test(shown) ? `${new URL(shown).host} ↗` : shown;
  const content = isLinked
    ? anchor(written, fill(link.url, chosen, { row, fields: all, value }), link.targetBlank)
    : written;
  const colored = field.config.custom?.cellOptions?.type === 'color-text' && step(value, field.config)?.state;
  return el('td', { class: [right(field), field.kind !== 'string' || shown.length <= WORD_MAX ? 'short' : '', colored ? `is-${colored}` : '', field.config.custom?.width <= 120 ? 'anywhere' : ''].join(' ') }, content);
}

/** A table in a box that scrolls; `update(data)` keeps order, scroll and focus. */
export function rows(panel, chosenOf, label) {
  const head = el('thead');
  const body = el('tbody');
  const foot = el('p.rows-foot', { hidden: true });
  const scroll = el('div.scroll', { tabindex: '0', role: 'region', 'aria-label': label },
    el('table.rows', {}, el('caption.unseen', {}, label), head, body));
  let sort = null;
  let shown = null;

  function draw() {
    const { data, all } = shown;
    const total = all.find((field) => field.name === 'of_total');
    const visible = all.filter((field) => field !== total && !field.config.custom?.hidden);
    const named = all.find((field) => field.name === 'repository');
    const short = shortNames(named ? data.rows.map((row) => row[named.at]) : []);
    const ordered = [...data.rows];
    if (sort) {
      const field = visible.find((one) => one.title === sort.title);
      if (field) ordered.sort((a, b) => compare(a[field.at], b[field.at]) * (sort.desc ? -1 : 1));
    }
    const focused = head.contains(document.activeElement) && document.activeElement.dataset.title;
    head.replaceChildren(el('tr', {}, ...visible.map((field) => el('th', {
      scope: 'col', class: right(field),
      'aria-sort': sort?.title === field.title && (sort.desc ? 'descending' : 'ascending'),
    }, el('button', {
      type: 'button', 'data-title': field.title,
      onclick: () => { sort = { title: field.title, desc: sort?.title === field.title ? !sort.desc : field.kind === 'number' }; draw(); },
    }, field.title, icon('arrow', 'arrow'))))));
    for (const [at, field] of visible.entries()) {
      const width = field.config.custom?.width;
      if (width) head.rows[0].cells[at].style.minWidth = `${width}px`;
    }
    if (focused) [...head.querySelectorAll('button')].find((one) => one.dataset.title === focused)?.focus();
    const at = body.contains(document.activeElement) && document.activeElement.href;
    body.replaceChildren(...ordered.map((row) => el('tr', {}, ...visible.map((field) => cell(row, field, all, chosenOf(), short)))));
    if (at) [...body.querySelectorAll('a')].find((one) => one.href === at)?.focus();
    const count = total ? data.rows[0]?.[total.at] : null;
    foot.hidden = !count;
    if (count) {
      foot.textContent = count > data.rows.length
        ? `${data.rows.length.toLocaleString('en-US')} of ${count.toLocaleString('en-US')} shown`
        : `${count.toLocaleString('en-US')} in all`;
    }
  }

  return {
    elements: [scroll, foot],
    update(data) {
      const order = panel.options?.sortBy?.[0];
      if (!sort && order) sort = { title: order.displayName, desc: order.desc };
      const { scrollTop, scrollLeft } = scroll;
      shown = { data, all: fields(panel, data.columns) };
      draw();
      scroll.scrollTop = scrollTop;
      scroll.scrollLeft = scrollLeft;
    },
  };
}
