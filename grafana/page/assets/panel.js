// A panel: its frame, its tools, and its states: waiting, figures, nothing, failed.

import { Failure, data as ask } from './api.js';
import { close, arrows, toggle } from './controls/popover.js';
import { el, icon, say } from './dom.js';
import { series } from './field.js';
import { MISSING, csv } from './format.js';
import { barchart } from './panels/barchart.js';
import { gauge } from './panels/gauge.js';
import { rows } from './panels/rows.js';
import { stat } from './panels/stat.js';
import { statusHistory } from './panels/status-history.js';
import { table } from './panels/table.js';
import { text } from './panels/text.js';
import { timeseries } from './panels/timeseries.js';

const VIEWS = { text, stat, gauge, timeseries, barchart, table, 'status-history': statusHistory };
const CHARTS = new Set(['timeseries', 'barchart', 'status-history', 'gauge']);

/** Columns of twelve that a panel takes on a middling screen: three of a kind to a row, four or two
 * in pairs, and the third of three charts alone, so that none leaves a hole beside it. */
const medium = ({ x, w }) => (w <= 4 ? 4 : w === 6 ? 6 : w === 8 && x < 16 ? 6 : 12);

/** The panel's element and life. */
export function panel(file, context) {
  const isText = file.type === 'text';
  const heading = el('h2.panel-title', { id: `title-${file.id}`, title: file.title }, file.title);
  const covers = el('a.covers', { hidden: true });
  const tools = el('div.panel-tools', {}, file.description ? info(file) : null, isText ? null : menu());
  const body = el('div.panel-body');
  const element = el('section.panel', {
    id: `panel-${file.id}`, class: `panel-${file.type}`, 'aria-labelledby': `title-${file.id}`,
  }, file.type === 'row' ? el('h2', { id: `title-${file.id}` }, file.title) : null,
  isText ? el('h2.unseen', { id: `title-${file.id}` }, file.title || 'About') : null,
  isText || file.type === 'row' ? null : el('div.panel-head', {}, heading, covers, tools), file.type === 'row' ? null : body);
  const { x, y, w, h } = file.gridPos;
  for (const [name, value] of [['--row', y + 1], ['--column', x + 1], ['--high', h], ['--wide', w], ['--medium', medium(file.gridPos)]]) {
    element.style.setProperty(name, value);
  }
  let view = null;
  let shown = null;
  let asTable = false;

  function menu() {
    const button = el('button.tool.tool-menu', {
      type: 'button', 'aria-label': `More of ${file.title}`, 'aria-haspopup': 'dialog', 'aria-expanded': 'false',
      onclick: () => {
        const items = [
          CHARTS.has(file.type) && [asTable ? 'Show as chart' : 'Show as table', () => { asTable = !asTable; view = null; if (shown) show(shown); }],
          ['Download CSV', download],
        ].filter(Boolean);
        const list = el('ul', {}, ...items.map(([name, act]) => el('li', {}, el('button.choice', {
          type: 'button', disabled: !shown, onclick: () => { close(true); act(); },
        }, name))));
        arrows(list);
        toggle(button, list, file.title);
      },
    }, icon('menu'));
    return button;
  }

  function download() {
    const url = URL.createObjectURL(new Blob([csv(shown)], { type: 'text/csv' }));
    const name = `${context.uid}-${file.title.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}.csv`;
    el('a', { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  }

  function isEmpty(data) {
    if (!data.rows.length) return file.type !== 'stat' && file.type !== 'gauge';
    if (!CHARTS.has(file.type) || file.type === 'gauge') return false;
    const drawn = series(file, data.columns);
    return data.rows.every((row) => drawn.every((one) => row[one.at] === null));
  }

  function show(data) {
    shown = data;
    if (isEmpty(data)) {
      drop();
      body.replaceChildren(el('p.note', {}, `${nothing(file)} in this range and selection.`));
      return;
    }
    if (!view) {
      if (asTable) {
        view = rows(file, context.chosen, file.title);
        body.replaceChildren(...view.elements);
      } else view = VIEWS[file.type](file, body, context);
    }
    view.update(data);
  }

  function drop() { view?.dispose?.(); view = null; }

  function fail(error, retry) {
    drop();
    shown = null;
    const button = el('button.button', { type: 'button', onclick: retry }, icon('refresh'), 'Try again');
    body.replaceChildren(el('div.note.note-bad', { role: 'alert' }, el('strong', {}, 'No figures'), error.message, el('br'), button));
  }

  return {
    element,
    id: file.id,
    children: file.panels ?? [],
    /** Asks for the figures and shows them; what is shown stays until then. */
    async load(query, signal) {
      if (file.type === 'row') return null;
      if (isText) { view ??= text(file, body, context); view.update(); return null; }
      if (!shown && !view) body.replaceChildren(el('div.waiting', { 'aria-label': 'Loading' }, el('i'), el('i'), el('i')));
      element.setAttribute('aria-busy', 'true');
      try {
        const data = await ask(context.uid, file.id, query, signal);
        show(data);
        return data;
      } catch (error) {
        if (error.name === 'AbortError') return null;
        fail(error, () => { say(`Asking for ${file.title} again`); body.replaceChildren(); this.load(query, signal); });
        if (!(error instanceof Failure)) console.error(error);
        return null;
      } finally {
        element.removeAttribute('aria-busy');
      }
    },
    /** Marks figures that rest on incomplete data; null takes the mark away. */
    cover(text, href) {
      covers.hidden = !text || !CHARTS.has(file.type);
      covers.textContent = text ?? '';
      if (href) covers.href = href;
    },
  };
}

/** What is empty, in the file's words. */
function nothing(file) {
  const words = file.fieldConfig.defaults.noValue;
  return !words || words === MISSING ? 'Nothing' : words;
}

function info(file) {
  const button = el('button.tool', {
    type: 'button', 'aria-label': `About ${file.title}`, 'aria-haspopup': 'dialog', 'aria-expanded': 'false',
    onclick: () => toggle(button, el('p', {}, file.description), `About ${file.title}`),
  }, icon('info'));
  return button;
}
