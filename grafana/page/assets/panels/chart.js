// What all charts share: the library's life, colours of the theme, tooltip, legend.

import { el, svg } from '../dom.js';
import { text } from '../format.js';

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
    : svg('svg', { viewBox: '0 0 20 10', 'aria-hidden': 'true' }, svg('path', { d: 'M1 5h18', stroke: one.color, 'stroke-width': 2.5, 'stroke-dasharray': one.dash?.join(' ') || DASHES[one.fill] || '' }));
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

/** Axis of values. */
export function valueAxis(theme, more = {}) {
  return {
    type: 'value', splitNumber: 4, axisLine: { show: false }, axisTick: { show: false },
    splitLine: { lineStyle: { color: theme.grid } }, nameLocation: 'end', nameGap: 10,
    nameTextStyle: { color: theme.muted, fontSize: 11, align: 'left' }, ...more,
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
