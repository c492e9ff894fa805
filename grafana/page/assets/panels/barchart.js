// Bars over names.

import { series } from '../field.js';
import { text, tick } from '../format.js';
import { chart, colors, durationAxis, tip, tooltip, valueAxis } from './chart.js';

export function barchart(panel, body) {
  return chart(body, (data, hidden) => {
    const theme = colors();
    const x = data.columns.findIndex((column) => column.name === panel.options.xField);
    const all = series(panel, data.columns).map((one) => ({ ...one, bars: true }));
    const shown = all.filter((one) => !hidden.has(one.name));
    const names = data.rows.map((row) => String(row[x] ?? '–'));
    const lies = panel.options.orientation === 'horizontal';
    const category = {
      type: 'category', data: names, inverse: lies, axisTick: { show: false }, axisLine: { lineStyle: { color: theme.line } },
      axisLabel: { color: theme.muted, fontSize: 12, hideOverlap: !lies, width: lies ? 150 : undefined, overflow: lies ? 'truncate' : undefined },
    };
    const value = valueAxis(theme, {
      // Room for the values above the highest bar.
      boundaryGap: lies ? undefined : [0, '8%'],
      min: all[0]?.config.min ?? 0, name: lies ? undefined : all[0]?.config.custom.axisLabel,
      minInterval: shown.every((one) => one.config.unit === 'none') ? 1 : undefined,
      ...(all[0]?.config.unit === 's' ? durationAxis(data.rows.flatMap((row) => shown.map((one) => row[one.at]))) : {}),
      axisLabel: { formatter: (one) => tick(one, all[0]) },
    });
    const stacked = panel.options.stacking === 'normal';
    const option = {
      grid: { left: 4, right: lies ? 56 : 12, top: value.name ? 28 : 20, bottom: 2, containLabel: true },
      xAxis: lies ? value : category, yAxis: lies ? category : value,
      series: shown.map((one) => ({
        type: 'bar', name: one.name, stack: stacked ? 'all' : undefined, barMaxWidth: lies ? 22 : 46, barGap: '12%',
        itemStyle: { color: one.color, borderRadius: stacked ? 0 : lies ? [0, 2, 2, 0] : [2, 2, 0, 0] },
        label: { show: panel.options.showValue !== 'never' && !stacked, position: lies ? 'right' : 'top', color: theme.text, fontSize: 11.5, formatter: ({ value: shownValue }) => text(shownValue, one) },
        labelLayout: { hideOverlap: true },
        data: data.rows.map((row) => row[one.at]),
      })),
      tooltip: tooltip((parameters) => tip(names[parameters[0].dataIndex],
        shown.map((one) => ({ one, value: data.rows[parameters[0].dataIndex][one.at] })))),
    };
    const values = data.rows.map((row) => `${row[x]} ${all.map((one) => text(row[one.at], one)).join(', ')}`);
    return { option, points: data.rows.length * all.length, series: all, label: `${panel.title}: ${values.join('; ')}` };
  });
}
