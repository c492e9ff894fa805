// A figure on a scale.

import { lastNotNull, series, step } from '../field.js';
import { text } from '../format.js';
import { chart, colors } from './chart.js';

export function gauge(panel, body) {
  return chart(body, (data) => {
    const theme = colors();
    const field = series(panel, data.columns)[0];
    const value = field ? lastNotNull(data.rows, field.at) : null;
    const [min, max] = [field?.config.min ?? 0, field?.config.max ?? 1];
    const color = step(value, field?.config ?? {})?.color ?? theme.axis;
    const option = {
      series: [{
        type: 'gauge', min, max, startAngle: 205, endAngle: -25, radius: '96%', center: ['50%', '60%'],
        progress: { show: value !== null, width: 14, roundCap: true, itemStyle: { color } },
        axisLine: { roundCap: true, lineStyle: { width: 14, color: [[1, theme.grid]] } },
        axisTick: { show: false }, splitLine: { show: false }, axisLabel: { show: false }, pointer: { show: false }, anchor: { show: false }, title: { show: false },
        detail: { offsetCenter: [0, '-4%'], color: theme.text, fontSize: 26, fontWeight: 600, formatter: () => text(value, field) },
        data: [{ value: value ?? min }],
      }],
    };
    return { option, points: 1, series: [], label: `${panel.title}: ${text(value, field ?? { kind: 'number' })}` };
  });
}
