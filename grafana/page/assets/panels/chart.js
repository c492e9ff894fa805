// What all charts share: the library's life, colours of the theme, tooltip, legend.

import { el, svg } from '../dom.js';
import { durationUnit, text } from '../format.js';

/** More points than this are drawn on a canvas. */
const SVG_POINTS = 2000;

/** The theme's colours as the library needs them. */
export function colors() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(`--${name}`).trim();
  return { text: of('text'), muted: of('muted'), axis: of('axis'), grid: of('grid'), line: of('line'), panel: of('panel'), raised: of('raised') };
}

const DASHES = { solid: '', dash: '6 3', dot: '2 3' };

/** A sample of a series' line or bar, for legends and tooltips. */
export function sample(one) {
  return one.bars
    ? svg('svg', { viewBox: '0 0 20 10', 'aria-hidden': 'true' }, svg('rect', { x: 3, y: 1, width: 14, height: 8, rx: 2, fill: one.color }))
    : svg('svg', { viewBox: '0 0 36 10', class: 'sample-line', 'aria-hidden': 'true' }, svg('path', { d: 'M1 5h34', stroke: one.color, 'stroke-width': 2.5, 'stroke-dasharray': one.dash?.join(' ') || DASHES[one.fill] || '' }));
}

/** A tooltip's content as elements: nothing of the data is ever markup. */
export function tip(head, lines) {
  return el('div.tip', {}, el('div.tip-head', {}, head), ...lines.map(({ one, value }) =>
    el('div.tip-row', {}, sample(one), el('span', {}, one.title), el('b', {}, text(value, one)))));
}

/** Options of a tooltip; `content(parameters)` returns an element. */
export function tooltip(content, trigger = 'axis') {
  const theme = colors();
  return {
    trigger, confine: true, transitionDuration: 0, enterable: false, formatter: content,
    backgroundColor: theme.raised, borderColor: theme.line, padding: [8, 11], borderRadius: 8,
    extraCssText: 'box-shadow: var(--shadow)',
    axisPointer: { type: 'line', lineStyle: { color: theme.axis, type: [3, 3] } },
  };
}

/** Ticks that people count durations in, in seconds. */
const DURATION_TICKS = [0.1, 1, 10, 60, 600, 3600, 6 * 3600, 86400, 7 * 86400, 30 * 86400, 365 * 86400, 3650 * 86400];
const COARSE_TICKS = [0.1, 1, 60, 3600, 86400, 30 * 86400, 365 * 86400, 3650 * 86400];

/** Where a value lies on a logarithmic axis. */
export const onLog = (value) => (value === null ? null : Math.log10(Math.max(value, DURATION_TICKS[0])));

/** A logarithmic axis over durations: its ends are ticks, and so few that each has its label. */
export function logAxis(values) {
  const positive = values.filter((value) => value > 0).map((value) => Math.max(value, DURATION_TICKS[0]));
  const within = (ticks) => {
    const first = ticks.findLastIndex((one) => one <= Math.min(...positive));
    const last = ticks.findIndex((one) => one >= Math.max(...positive));
    const end = Math.max(1, last < 0 ? ticks.length - 1 : last);
    return ticks.slice(Math.max(0, Math.min(first, end - 1)), end + 1);
  };
  let ticks = positive.length ? within(DURATION_TICKS) : [1, 60];
  if (ticks.length > 6) ticks = within(COARSE_TICKS);
  const customValues = ticks.map(onLog);
  return { min: customValues[0], max: customValues.at(-1), axisLabel: { customValues }, axisTick: { show: false, customValues }, splitLine: { customValues } };
}

/** Ends and steps of an even axis over durations, round in the unit that suits the greatest. */
export function durationAxis(values) {
  const greatest = Math.max(...values, 0) || 4;
  const [by] = durationUnit(greatest);
  const rough = Math.max(greatest / by, 0.001) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const interval = by * power * [1, 2, 5, 10].find((one) => one * power >= rough * 0.999);
  return { interval, max: Math.max(1, Math.ceil(greatest / interval - 1e-9)) * interval };
}

/** Axis of values. */
export function valueAxis(theme, more = {}) {
  return {
    type: 'value', splitNumber: 4, axisLine: { show: false }, axisTick: { show: false },
    nameLocation: 'end', nameGap: 10,
    nameTextStyle: { color: theme.muted, fontSize: 11, align: 'left' }, ...more,
    splitLine: { lineStyle: { color: theme.grid }, ...more.splitLine },
    axisLabel: { color: theme.muted, fontSize: 11, hideOverlap: true, ...more.axisLabel },
  };
}

/**
 * A chart in `body` with its legend. `draw(data, hidden)` returns `{option, points, series, key,
 * label}`: series can be hidden, what the key explains (colours of cells) cannot.
 */
export function chart(body, draw) {
  const inner = el('div');
  const frame = el('div.chart', { role: 'img' }, inner);
  const legend = el('ul.legend', { hidden: true });
  body.replaceChildren(frame, legend);
  const hidden = new Set();
  let instance = null;
  let renderer = '';
  let data = null;

  function paint() {
    const drawn = draw(data, hidden);
    const wanted = drawn.points > SVG_POINTS ? 'canvas' : 'svg';
    if (instance && renderer !== wanted) { instance.dispose(); instance = null; }
    instance ??= window.echarts.init(inner, null, { renderer: (renderer = wanted), useUTC: true });
    instance.setOption({ animation: false, textStyle: { fontFamily: getComputedStyle(document.body).fontFamily }, ...drawn.option }, { notMerge: true });
    frame.setAttribute('aria-label', drawn.label);
    name(drawn.series ?? []);
    if (drawn.key) {
      legend.hidden = false;
      legend.replaceChildren(...drawn.key.map((one) => el('li.key', {}, sample({ ...one, bars: true }), one.title)));
    }
  }

  function name(all) {
    legend.hidden = all.length < 2;
    const focused = legend.contains(document.activeElement) && document.activeElement.dataset.name;
    legend.replaceChildren(...all.map((one) => el('li', {}, el('button', {
      type: 'button', 'aria-pressed': String(!hidden.has(one.name)), 'data-name': one.name, title: 'Show or hide',
      onclick: () => { if (!hidden.delete(one.name) && hidden.size < all.length - 1) hidden.add(one.name); paint(); },
    }, sample(one), one.title))));
    if (focused) [...legend.querySelectorAll('button')].find((one) => one.dataset.name === focused)?.focus();
  }

  const repaint = () => { if (data && frame.isConnected) paint(); };
  addEventListener('themechange', repaint);
  const sized = new ResizeObserver(() => { if (instance && inner.clientWidth) { instance.resize(); repaint(); } });
  sized.observe(frame);
  return {
    update(next) { data = next; paint(); },
    dispose() { sized.disconnect(); removeEventListener('themechange', repaint); instance?.dispose(); },
  };
}
