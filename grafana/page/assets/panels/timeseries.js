// Lines or bars over time. A hole stays a hole; the bucket that still runs is drawn lighter.

import { series } from '../field.js';
import { day, instant, text, tick } from '../format.js';
import { chart, colors, durationAxis, logAxis, onLog, tip, tooltip, valueAxis } from './chart.js';

const DAY = 86_400_000;

/** The first moment of the bucket after `millis`. */
function next(millis, bucket) {
  const at = new Date(millis);
  if (bucket === 'week') return millis + 7 * DAY;
  if (bucket === 'month') return Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1, 1);
  if (bucket === 'quarter') return Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 3, 1);
  return millis + DAY;
}

/** All buckets from the first to the last time, or the times themselves where they are no buckets. */
function buckets(times, bucket) {
  const all = [];
  if (!bucket || times.length < 2) return { times, isBucketed: Boolean(bucket) && times.every((t) => t % DAY === 0) };
  for (let at = times[0]; at <= times.at(-1) && all.length < 5000; at = next(at, bucket)) all.push(at);
  const known = new Set(all);
  const isBucketed = times.every((time) => known.has(time)) && times.length > all.length / 3;
  return { times: isBucketed ? all : times, isBucketed };
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
function dated(millis, bucket) {
  const at = new Date(millis);
  if (bucket === 'month') return `${MONTHS[at.getUTCMonth()]} ${at.getUTCFullYear()}`;
  if (bucket === 'quarter') return `Q${Math.floor(at.getUTCMonth() / 3) + 1} ${at.getUTCFullYear()}`;
  return `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]}`;
}
/** A label of the axis of time: as fine as the range needs. */
function ticked(millis, span) {
  const at = new Date(millis);
  if (span < 3 * DAY) return `${String(at.getUTCHours()).padStart(2, '0')}:${String(at.getUTCMinutes()).padStart(2, '0')}`;
  if (span > 75 * DAY && at.getUTCDate() === 1) return at.getUTCMonth() ? MONTHS[at.getUTCMonth()] : String(at.getUTCFullYear());
  return dated(millis);
}
function headed(millis, bucket, isRunning) {
  const name = bucket === 'week' ? `Week of ${day(millis)}` : bucket === 'month' || bucket === 'quarter' ? dated(millis, bucket) : instant(millis);
  return isRunning ? `${name}, still running` : name;
}

export function timeseries(panel, body, context) {
  return chart(body, (data, hidden) => {
    const theme = colors();
    const at = data.columns.findIndex((column) => column.kind === 'time');
    const all = series(panel, data.columns).map((one) => ({
      ...one, bars: one.config.custom.drawStyle === 'bars', dash: one.config.custom.lineStyle?.dash,
      fill: one.config.custom.lineStyle?.fill ?? 'solid',
    }));
    const byTime = new Map(data.rows.map((row) => [row[at], row]));
    const wished = context.bucket();
    const { times, isBucketed } = buckets([...byTime.keys()], wished);
    const bucket = isBucketed ? wished : null;
    const running = isBucketed && next(times.at(-1), bucket) > context.now() ? times.at(-1) : null;
    const isBars = all.some((one) => one.bars);
    // Times of equal distance go on an axis of names: labels then stand where the points are.
    const isDaily = times.length > 2 && times.every((time, place) => place === 0 || time - times[place - 1] === DAY);
    const isEven = isBars || isBucketed || isDaily;
    const isMonthly = isDaily && times.length > 75;
    const shown = all.filter((one) => !hidden.has(one.name));
    const unit = all[0];
    const isLog = unit?.config.custom.scaleDistribution?.type === 'log';
    // A bucket that still runs may hold one odd value: it does not set the axis.
    const settled = times.filter((time) => time !== running || times.length === 1);
    const values = settled.flatMap((time) => shown.map((one) => byTime.get(time)?.[one.at] ?? null)).filter((value) => value !== null);
    const axis = isLog ? logAxis(values) : unit?.config.unit === 's' ? durationAxis(values) : bounds(unit, values);
    const drawn = shown.flatMap((one) => drawnSeries(one, times, byTime, running, isEven, theme, isLog ? (value) => (value === null ? null : Math.max(onLog(value), axis.min)) : (value) => value));
    const option = {
      grid: { left: 4, right: 16, top: unit?.config.custom.axisLabel ? 26 : 12, bottom: 4, containLabel: true },
      xAxis: isEven ? {
        type: 'category', data: times, boundaryGap: isBars, axisTick: { show: false }, axisLine: { lineStyle: { color: theme.line } },
        axisLabel: {
          color: theme.muted, fontSize: 11, hideOverlap: true, alignMaxLabel: isBars ? undefined : 'right', interval: isMonthly ? (_, value) => new Date(Number(value)).getUTCDate() === 1 : 'auto',
          formatter: (value) => (isMonthly ? ticked(Number(value), Infinity) : dated(Number(value), bucket)),
        },
      } : {
        type: 'time', min: times[0], max: times.at(-1), axisTick: { show: false }, axisLine: { lineStyle: { color: theme.line } },
        axisLabel: { color: theme.muted, fontSize: 11, hideOverlap: true, rich: { primary: { fontSize: 11, color: theme.muted } }, formatter: (value) => ticked(value, times.at(-1) - times[0]) },
        splitLine: { show: false },
      },
      yAxis: valueAxis(theme, {
        name: unit?.config.custom.axisLabel, minInterval: shown.every((one) => one.config.unit === 'none') ? 1 : undefined, ...axis,
        axisLabel: { ...axis.axisLabel, formatter: (value) => tick(isLog ? Number((10 ** value).toPrecision(6)) : value, unit) },
      }),
      series: drawn,
      tooltip: tooltip((parameters) => {
        const time = Number(isEven ? times[parameters[0].dataIndex] : parameters[0].axisValue);
        const row = byTime.get(time);
        return tip(headed(time, bucket, time === running), shown.map((one) => ({ one, value: row?.[one.at] ?? null })));
      }),
    };
    return { option, points: data.rows.length * all.length, series: all, label: described(panel, data, all, at) };
  });
}

/** Ends of an axis as the file sets them; a soft least value gives way to a lesser one. */
function bounds(unit, values) {
  const { min, max, custom } = unit?.config ?? { custom: {} };
  const soft = custom.axisSoftMin === undefined ? undefined : Math.min(custom.axisSoftMin, ...values);
  const least = min ?? soft;
  const interval = least === undefined || max === undefined ? undefined : (max - least) / 4;
  return { min: least, max, interval, scale: least === undefined };
}

/** A series as the library wants it; with a bucket still running, its last step apart. */
function drawnSeries(one, times, byTime, running, isEven, theme, scaled) {
  const custom = one.config.custom;
  const value = (time) => scaled(byTime.get(time)?.[one.at] ?? null);
  if (one.bars) {
    return [{
      type: 'bar', name: one.name, stack: custom.stacking?.mode === 'normal' ? custom.stacking.group : undefined,
      barMaxWidth: 26, barGap: '10%', barCategoryGap: '28%', itemStyle: { color: one.color, borderRadius: custom.stacking?.mode === 'normal' ? 0 : [2, 2, 0, 0] },
      data: times.map((time) => (time === running
        ? { value: value(time), itemStyle: { color: one.color, opacity: 0.4 } }
        : value(time))),
    }];
  }
  const point = (time) => (isEven ? value(time) : [time, value(time)]);
  const style = (type) => ({ color: one.color, width: custom.lineWidth ?? 2, type, cap: 'round' });
  const line = (data, type, more = {}) => ({
    type: 'line', name: one.name, data, connectNulls: false, symbol: 'circle', symbolSize: 5,
    showSymbol: custom.showPoints === 'always' || times.length < 3, itemStyle: { color: one.color, borderColor: theme.panel, borderWidth: 1 },
    lineStyle: style(type), areaStyle: custom.fillOpacity ? { opacity: custom.fillOpacity / 100 } : undefined,
    emphasis: { disabled: true }, ...more,
  });
  const type = one.dash?.length ? one.dash : { dash: 'dashed', dot: 'dotted' }[one.fill] ?? 'solid';
  const dense = times.length > 2 && times.filter((time) => value(time) !== null);
  const lonely = dense && dense.length < 3;
  const alone = lonely ? { showSymbol: true } : {};
  if (running === null || times.length < 3) return [line(times.map(point), type, alone)];
  const done = times.map((time) => (time === running ? (isEven ? null : [time, null]) : point(time)));
  const last = times.map((time, at) => (at >= times.length - 2 ? point(time) : isEven ? null : [time, null]));
  return [line(done, type, alone), line(last, [2, 4], { areaStyle: undefined })];
}

function described(panel, data, all, at) {
  if (!data.rows.length) return `${panel.title}: nothing`;
  const [first, last] = [data.rows[0], data.rows.at(-1)];
  const values = all.map((one) => `${one.title} ${text(last[one.at], one)}`).join(', ');
  return `${panel.title}, ${instant(first[at])} to ${instant(last[at])}; last: ${values}`;
}
