// Cells by name and time, coloured by thresholds; a cell that is not covered stays empty.

import { series, shortNames, step } from '../field.js';
import { day, text } from '../format.js';
import { chart, colors, tip, tooltip } from './chart.js';

export function statusHistory(panel, body) {
  return chart(body, (data) => {
    const theme = colors();
    const at = data.columns.findIndex((column) => column.kind === 'time');
    const all = series(panel, data.columns);
    const times = data.rows.map((row) => row[at]);
    const cells = [];
    data.rows.forEach((row, x) => all.forEach((one, y) => {
      const value = row[one.at];
      if (value === null || value === undefined) return;
      cells.push({ value: [x, y, value], itemStyle: { color: step(value, one.config)?.color ?? theme.axis } });
    }));
    const width = body.clientWidth < 520 ? 130 : 190;
    const short = shortNames(all.map((one) => one.title));
    // The end of a name tells repositories apart, so that the begin is left out.
    const most = Math.floor(width / 7);
    const named = (title) => { const name = short(title); return name.length > most ? `…${name.slice(1 - most)}` : name; };
    const option = {
      grid: { left: 4, right: 8, top: 6, bottom: 2, containLabel: true },
      xAxis: { type: 'category', data: times, axisTick: { show: false }, axisLine: { show: false }, splitArea: { show: false },
        axisLabel: { color: theme.muted, fontSize: 11, hideOverlap: true, formatter: (value) => day(Number(value)).slice(5) } },
      yAxis: { type: 'category', data: all.map((one) => one.title), inverse: true, axisTick: { show: false }, axisLine: { show: false },
        axisLabel: { color: theme.text, fontSize: 11.5, interval: 0, formatter: named } },
      series: [{ type: 'heatmap', data: cells, itemStyle: { borderColor: theme.panel, borderWidth: 2, borderRadius: 3 }, emphasis: { itemStyle: { borderColor: theme.text, borderWidth: 1 } } }],
      visualMap: { show: false, min: 0, max: 1, inRange: { opacity: [1, 1] } },
      tooltip: tooltip(({ value }) => tip(day(times[value[0]]), [{ one: { ...all[value[1]], bars: true, color: step(value[2], all[value[1]].config)?.color }, value: value[2] }]), 'item'),
    };
    const lowest = all.map((one) => ({ one, value: Math.min(...data.rows.map((row) => row[one.at]).filter((value) => value !== null)) }));
    const worst = lowest.filter(({ value }) => Number.isFinite(value)).sort((a, b) => a.value - b.value)[0];
    const label = `${panel.title}: ${all.length} rows${worst ? `; lowest ${worst.one.title}, ${text(worst.value, worst.one)}` : ''}`;
    return { option, points: cells.length, series: [], key: key(all[0]), label };
  });
}

/** What the colours mean: the thresholds, least first. */
function key(field) {
  const steps = field?.config.thresholds?.steps ?? [];
  return steps.map(({ color, value }, at) => ({
    color, title: value === null ? `below ${text(steps[at + 1]?.value ?? null, field)}` : `${text(value, field)}${at + 1 < steps.length ? ' or more' : ''}`,
  }));
}
