// Lines over steps or time, drawn by uPlot: one crosshair for all charts of a page.

import { html, signal, t, useEffect, useLayoutEffect, useRef, useState, useWidth } from "./ui.js";
import { clock, day, digitsOf, num } from "./words.js";

/** @type {Promise<any> | null} */
let library = null;

/** uPlot comes with the first chart. */
function uplot() {
  library ??= new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = new URL("../vendor/uPlot.iife.min.js", import.meta.url).href;
    script.onload = () => done(/** @type {any} */ (window).uPlot);
    script.onerror = failed;
    document.head.append(script);
  });
  return library;
}

/** What a colour of the style sheet is in this theme, as the canvas needs it. @param {string} name */
function color(name) {
  const probe = document.createElement("i");
  probe.style.color = name;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

/** @param {string} rgb @param {number} alpha */
const faint = (rgb, alpha) => rgb.replace(/^rgb\(/, "rgba(").replace(/\)$/, `, ${alpha})`);

/** Row that the pointer is on, for all: "" for none. */
export const pointed = signal("");

/**
 * @typedef {object} Line
 * @property {string} id What the line belongs to, the same in every chart.
 * @property {string} name
 * @property {string} color As in the style sheet: `var(--c1)`.
 * @property {number[]} xs Rising.
 * @property {(number | null)[]} ys
 * @property {boolean} [live] Whether it still grows.
 * @property {number} total Points that the line stands for.
 */

/** Exponential mean that starts without bias. @param {(number | null)[]} ys @param {number} weight 0: none, near 1: much. */
export function smooth(ys, weight) {
  if (!weight) return ys;
  let [sum, mass] = [0, 0];
  return ys.map((y) => {
    if (y === null || !Number.isFinite(y)) return null;
    sum = sum * weight + (1 - weight) * y;
    mass = mass * weight + (1 - weight);
    return sum / mass;
  });
}

/** Join lines of different steps on one axis. @param {Line[]} lines @param {number} weight */
function align(lines, weight) {
  const xs = [...new Set(lines.flatMap((line) => line.xs))].sort((a, b) => a - b);
  const at = new Map(xs.map((x, i) => [x, i]));
  const column = (/** @type {Line} */ line, /** @type {(number | null)[]} */ ys) => {
    const found = new Array(xs.length).fill(undefined);
    line.xs.forEach((x, i) => (found[/** @type {number} */ (at.get(x))] = ys[i]));
    return found;
  };
  return [
    xs,
    ...lines.flatMap((line) =>
      weight ? [column(line, line.ys), column(line, smooth(line.ys, weight))] : [column(line, line.ys)],
    ),
  ];
}

/**
 * @param {{name: string, lines: Line[], weight?: number, log?: boolean, time?: boolean, dots?: boolean, height?: number, sync?: string, unit?: string}} props
 *   weight: smoothing; the raw line stays faint behind. time: the axis is a clock, seconds. dots: points that no line joins.
 */
export function Plot({
  name,
  lines,
  weight = 0,
  log = false,
  time = false,
  dots = false,
  height = 200,
  sync = "page",
  unit = "",
}) {
  const [box, width] = useWidth();
  const mount = useRef(/** @type {HTMLElement | null} */ (null));
  const [theme, retheme] = useState(0);
  const [at, point] = useState(/** @type {{left: number, top: number, index: number} | null} */ (null));
  const data = useRef(/** @type {any[]} */ ([[]]));
  const chart = useRef(/** @type {any} */ (null));

  useEffect(() => {
    const again = () => retheme((n) => n + 1);
    const media = matchMedia("(prefers-color-scheme: dark)");
    addEventListener("themechange", again);
    media.addEventListener("change", again);
    return () => (removeEventListener("themechange", again), media.removeEventListener("change", again));
  }, []);

  const looks = lines.map((line) => line.id + line.color).join() + [weight > 0, log, time, theme, height].join();
  useLayoutEffect(() => {
    if (!width || !mount.current) return undefined;
    let gone = false;
    uplot().then((uPlot) => {
      if (gone || !mount.current) return;
      data.current = align(lines, weight);
      chart.current = new uPlot(
        options(uPlot, { lines, weight, log, time, dots, width, height, sync, unit, point }),
        data.current,
        mount.current,
      );
    });
    return () => {
      gone = true;
      chart.current?.destroy();
      chart.current = null;
    };
  }, [looks, width > 0]);

  useEffect(() => chart.current?.setSize({ width, height }), [width]);
  useEffect(() => {
    if (!chart.current) return;
    data.current = align(lines, weight);
    chart.current.setData(data.current);
  }, [lines, weight]);
  const each = weight ? 2 : 1;
  useEffect(
    () =>
      pointed.subscribe((id) => {
        const at = lines.findIndex((line) => line.id === id);
        chart.current?.setSeries(at < 0 ? null : (at + 1) * each, { focus: at >= 0 }, false);
      }),
    [looks],
  );

  const rows = at
    ? lines
        .map((line, i) => ({ line, y: near(data.current[each * i + each], at.index) }))
        .filter((row) => row.y !== null)
        .sort((a, b) => Number(b.y) - Number(a.y))
    : [];
  return html`<div class="plot" ref=${box} style=${`min-height:${height}px`}>
    <div ref=${mount} role="img" aria-label=${t("plot.label", { name, n: lines.length })}></div>
    ${
      at && rows.length
        ? html`<div
      class="tip"
      style=${`top:${Math.max(0, Math.min(at.top, height - 20 - 20 * Math.min(rows.length, 9)))}px;${at.left < width / 2 ? `left:${at.left + 58}px` : `right:${width - at.left - 28}px`}`}
    >
      <span class="faint">
        ${time ? clock(data.current[0][at.index], true) : t("plot.step", { n: num(data.current[0][at.index]) })}
      </span>
      ${rows.slice(0, 8).map(
        ({ line, y }) => html`<div key=${line.id}>
        <i class="sw" style=${`background:${line.color}`}></i>
        <span class="clip">${line.name}</span>
        <b>${num(y)}</b>
      </div>`,
      )}
      ${rows.length > 8 ? html`<span class="faint">${t("more", { n: rows.length - 8 })}</span>` : null}
    </div>`
        : null
    }
  </div>`;
}

/** The value at an index, or the one drawn there by a line that has no point of its own. @param {any[]} column @param {number} index */
function near(column, index) {
  if (!column) return null;
  if (column[index] !== undefined) return column[index];
  let [low, high] = [index, index];
  while (low >= 0 && column[low] === undefined) low -= 1;
  while (high < column.length && column[high] === undefined) high += 1;
  return low >= 0 && high < column.length ? column[low] : null;
}

/** @param {any} uPlot @param {any} props */
function options(uPlot, { lines, weight, log, time, dots, width, height, sync, unit, point }) {
  const [text, grid, line] = [color("var(--text-3)"), color("var(--grid)"), color("var(--line-2)")];
  const font = `11px ${getComputedStyle(document.body).fontFamily}`;
  const series = lines.flatMap((/** @type {Line} */ item, /** @type {number} */ i) => {
    const own = color(item.color);
    const main = {
      label: item.name,
      stroke: own,
      width: i === 0 ? 2 : 1.5,
      spanGaps: true,
      points: { show: dots || item.xs.length < 2, size: dots ? 4 : 6, fill: own },
      ...(dots ? { paths: () => null } : {}),
    };
    return weight ? [{ ...main, stroke: faint(own, 0.22), width: 1 }, main] : [main];
  });
  return {
    width,
    height,
    legend: { show: false },
    padding: [10, 12, 0, 0],
    cursor: {
      sync: { key: sync, setSeries: false },
      focus: { prox: 24 },
      drag: { x: true, y: false },
      points: { size: 6 },
      y: false,
    },
    focus: { alpha: 0.3 },
    scales: {
      x: { time },
      y: {
        distr: log ? 3 : 1,
        range: (/** @type {any} */ _, /** @type {number} */ low, /** @type {number} */ high) =>
          log
            ? uPlot.rangeLog(low, high, 10, false)
            : low === high
              ? [low - Math.abs(low || 1) * 0.1, high + Math.abs(high || 1) * 0.1]
              : [low - (high - low) * 0.05, high + (high - low) * 0.05],
      },
    },
    series: [{}, ...series],
    axes: [
      {
        stroke: text,
        font,
        grid: { show: false },
        ticks: { show: false },
        border: { show: true, stroke: line, width: 1 },
        size: 24,
        gap: 5,
        space: 60,
        values: (/** @type {any} */ _, /** @type {number[]} */ list) =>
          list.map((v) =>
            time
              ? list[list.length - 1] - list[0] > 172800
                ? day(v)
                : clock(v, list[1] - list[0] < 60)
              : Number.isInteger(v)
                ? num(v)
                : "",
          ),
      },
      {
        stroke: text,
        font,
        grid: { stroke: grid, width: 1 },
        ticks: { show: false },
        size: 46,
        gap: 6,
        space: 40,
        values: (/** @type {any} */ _, /** @type {(number | null)[]} */ list) =>
          list.map((v) => (v === null ? "" : num(v, log ? undefined : digitsOf(list)) + unit)),
      },
    ],
    hooks: {
      setCursor: [
        (/** @type {any} */ u) => {
          const index = u.cursor.idx;
          point(
            u.cursor.event && index !== null && index !== undefined && u.cursor.left >= 0
              ? { left: u.cursor.left, top: u.cursor.top, index }
              : null,
          );
        },
      ],
      draw: [(/** @type {any} */ u) => ends(u, lines, weight)],
    },
  };
}

/** A ring at the end of each line that still grows. @param {any} u @param {Line[]} lines @param {number} weight */
function ends(u, lines, weight) {
  const each = weight ? 2 : 1;
  const ratio = devicePixelRatio;
  lines.forEach((line, i) => {
    if (!line.live || !line.xs.length) return;
    const column = u.data[each * i + each];
    let last = column.length - 1;
    while (last >= 0 && (column[last] === undefined || column[last] === null)) last -= 1;
    if (last < 0) return;
    const [x, y] = [u.valToPos(u.data[0][last], "x", true), u.valToPos(column[last], "y", true)];
    u.ctx.save();
    u.ctx.beginPath();
    u.ctx.arc(x, y, 3 * ratio, 0, 2 * Math.PI);
    u.ctx.fillStyle = color("var(--surface)");
    u.ctx.strokeStyle = color(line.color);
    u.ctx.lineWidth = 1.6 * ratio;
    u.ctx.fill();
    u.ctx.stroke();
    u.ctx.restore();
  });
}

const PAINT = "cauce-paint";

/**
 * Give runs their colours: each keeps the one it had, as long as no other drawn run has it; from
 * the eighth on they are grey.
 * @param {string[]} ids
 * @returns {Map<string, string>}
 */
export function paint(ids) {
  /** @type {Record<string, number>} */
  const known = JSON.parse(sessionStorage.getItem(PAINT) ?? "{}");
  const taken = new Set();
  /** @type {Map<string, number>} */
  const given = new Map();
  for (const id of ids) {
    const before = known[id];
    if (before && !taken.has(before)) {
      taken.add(before);
      given.set(id, before);
    }
  }
  for (const id of ids) {
    if (given.has(id)) continue;
    const free = [1, 2, 3, 4, 5, 6, 7].find((n) => !taken.has(n)) ?? 0;
    taken.add(free);
    given.set(id, free);
    if (free) known[id] = free;
  }
  sessionStorage.setItem(PAINT, JSON.stringify(Object.fromEntries(Object.entries(known).slice(-300))));
  return new Map([...given].map(([id, n]) => [id, n ? `var(--c${n})` : "var(--text-3)"]));
}

/** Lines of one metric from what `track.series` gives. @param {any[]} found @param {any[]} runs @param {string} key @param {Map<string, string>} colors @param {boolean} [time] @returns {Line[]} */
export function linesOf(found, runs, key, colors, time = false) {
  const names = new Map(runs.map((run) => [run.id, run]));
  return found.flatMap((item) => {
    const series = item.series.find((/** @type {any} */ one) => one.key === key);
    const run = names.get(item.run);
    if (!series || !run) return [];
    const xs = time ? series.times.map((/** @type {number} */ at) => at - run.started) : series.steps;
    const rising = xs
      .map((/** @type {number} */ _, /** @type {number} */ i) => i)
      .filter((/** @type {number} */ i) => i === 0 || xs[i] > xs[i - 1]);
    return [
      {
        id: run.id,
        name: run.name || run.id,
        color: colors.get(run.id) ?? "var(--text-3)",
        xs: rising.map((/** @type {number} */ i) => xs[i]),
        ys: rising.map((/** @type {number} */ i) => series.values[i]),
        live: run.status === "running",
        total: series.total,
      },
    ];
  });
}

/** Whether less of a metric is better, by its name. @param {string} key */
export const lessIsBetter = (key) =>
  /loss|error|err\b|rmse|mae\b|mse\b|perplexity|latency|time|seconds|size|wer\b|cer\b|p9\d/i.test(key);
