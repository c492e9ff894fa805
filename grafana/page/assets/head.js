// The page's head: name, navigation, time range, asking again, theme, variables.

import { rangeControl } from './controls/range.js';
import { refreshControl } from './controls/refresh.js';
import { themeControl } from './controls/theme.js';
import { variableControl } from './controls/variable.js';
import { el } from './dom.js';
import { toDashboard } from './links.js';

/** Builds the head; `on` is told what was chosen. */
export function head(titles, dashboard, on) {
  const range = rangeControl(on.range);
  const refresh = refreshControl(on.ask, on.refresh);
  const tabs = titles.map(({ uid, title, description }) => ({
    uid,
    anchor: el('a', { href: `/d/${uid}`, title: description, 'aria-current': uid === dashboard.uid && 'page' }, title),
  }));
  const shown = dashboard.templating.list.filter((one) => one.hide === 0 && one.type !== 'datasource');
  const controls = new Map(shown.map((one) => [one.name, variableControl(one, (values) => on.variable(one.name, values))]));
  document.getElementById('head').replaceChildren(
    el('div.head-row', {},
      el('a.brand', { href: '/' }, el('img', { src: '/assets/icon.svg', alt: '' }), 'Gapless'),
      el('nav', { 'aria-label': 'Dashboards', class: 'tabs-nav' }, el('ul.tabs', {}, ...tabs.map((tab) => el('li', {}, tab.anchor)))),
      el('div.head-end', {}, range.element, refresh.element, themeControl())),
    el('div.head-row.bar', { role: 'group', 'aria-label': 'Variables' }, ...[...controls.values()].map((one) => one.element)));
  return {
    update(chosen, resolved) {
      range.update(chosen.from, chosen.to, resolved && { from: resolved.from_millis, to: resolved.to_millis });
      refresh.update(chosen.every);
      for (const variable of resolved?.variables ?? []) controls.get(variable.name)?.update(variable);
      for (const tab of tabs) tab.anchor.href = toDashboard(tab.uid, chosen);
    },
    loading: refresh.loading,
  };
}
