// Puts the page together: address → dashboard → variables → panels, and again on every change.

import { query, read, write } from './address.js';
import * as api from './api.js';
import { millis } from './controls/refresh.js';
import { el, say } from './dom.js';
import { text } from './format.js';
import { head } from './head.js';
import { toDashboard } from './links.js';
import { live } from './live.js';
import { panel } from './panel.js';

/** Every dashboard's stat of completeness has this id. */
const COMPLETENESS = 2;

const main = document.getElementById('panels');
let chosen = read();
let dashboard = null;
let resolved = null;
let panels = [];
let controls = null;
let running = null;
let timer = null;

async function start() {
  try {
    const [titles, file] = await Promise.all([api.dashboards(), api.dashboard(chosen.uid)]);
    dashboard = file;
    document.title = `${file.title} · Gapless`;
    chosen = { ...defaults(), ...read() };
    complete();
    controls = head(titles, file, {
      range: (from, to) => change({ from, to }),
      variable: (name, values) => change({ variables: new Map(chosen.variables).set(name, values) }),
      refresh: (every) => { change({ refresh: every }, false); },
      ask: () => load(),
    });
    build(file);
    await load();
    main.dataset.ready = 'true';
  } catch (error) {
    failed(error);
  }
}

const defaults = () => ({ from: null, to: null, refresh: null, variables: new Map() });

/** Fills in what the address leaves open. */
function complete() {
  chosen.from ??= dashboard.time.from;
  chosen.to ??= dashboard.time.to;
  chosen.every = chosen.refresh ?? dashboard.refresh;
}

function build(file) {
  const context = {
    uid: file.uid,
    chosen: () => chosen,
    bucket: () => chosen.variables.get('bucket')?.[0] ?? null,
    now: () => resolved?.now_millis ?? Date.now(),
  };
  panels = file.panels.map((one) => panel(one, context));
  main.replaceChildren(...panels.map((one) => one.element));
}

/** Takes over what was chosen, and asks. */
function change(what, isAsking = true) {
  chosen = { ...chosen, ...what };
  chosen.every = chosen.refresh ?? dashboard.refresh;
  write(chosen, true);
  controls.update(chosen, resolved);
  if (isAsking) load(); else schedule();
}

async function load() {
  clearTimeout(timer);
  running?.abort();
  const mine = (running = new AbortController());
  controls.update(chosen, resolved);
  controls.loading(true);
  main.setAttribute('aria-busy', 'true');
  try {
    resolved = await api.variables(dashboard.uid, query(chosen), mine.signal);
    document.querySelector('.failure')?.remove();
    settle();
    controls.update(chosen, resolved);
    const asked = query(chosen);
    const answers = await Promise.all(panels.map(async (one) => {
      const data = await one.load(asked, mine.signal);
      if (one.id === COMPLETENESS && data) cover(data);
      return data;
    }));
    if (!mine.signal.aborted && answers.some(Boolean)) say('Figures are up to date');
  } catch (error) {
    if (error.name === 'AbortError') return;
    failed(error);
  } finally {
    if (running === mine) {
      controls.loading(false);
      main.removeAttribute('aria-busy');
      schedule();
    }
  }
}

/** Takes over which values the server listed; what it dropped leaves the address. */
function settle() {
  const gone = [];
  for (const { name, selected, dropped } of resolved.variables) {
    chosen.variables.set(name, selected);
    gone.push(...dropped);
  }
  write(chosen, false);
  if (gone.length) say(`Not found, and left out: ${gone.join(', ')}`);
}

/** Tells at every chart when it rests on less than everything. */
function cover(data) {
  const at = data.columns.findIndex((column) => column.kind === 'number');
  const share = data.rows.at(-1)?.[at];
  const isShort = typeof share === 'number' && share < 1;
  const words = isShort ? `covers ${text(share, { kind: 'number', config: { unit: 'percentunit', decimals: 2 } })}` : null;
  for (const one of panels) one.cover(words, toDashboard('gapless-completeness', chosen));
}

function failed(error) {
  const again = el('button.button', { type: 'button', onclick: () => (controls ? load() : location.reload()) }, 'Try again');
  const box = el('section.panel.failure', { role: 'alert' },
    el('div.note.note-bad', {}, el('strong', {}, 'No figures'), error.message, el('br'), again));
  document.querySelector('.failure')?.remove();
  main.prepend(box);
  main.dataset.ready = 'failed';
  main.removeAttribute('aria-busy');
  if (!(error instanceof api.Failure)) console.error(error);
}

function schedule() {
  clearTimeout(timer);
  const every = millis(chosen.every);
  if (every) timer = setTimeout(() => (document.hidden ? schedule() : load()), every);
}

addEventListener('popstate', () => {
  if (read().uid !== dashboard?.uid) { location.reload(); return; }
  chosen = { ...defaults(), ...read() };
  complete();
  load();
});
document.addEventListener('visibilitychange', () => { if (!document.hidden && dashboard && millis(chosen.every)) load(); });

start();
live();
