// Charts that are drawn as SVG, each to the width it gets: few marks, names at the marks.

import { html, useWidth } from "./ui.js";
import { digitsOf, ms, num, signed, size } from "./words.js";

/**
 * Round values that a reader would choose between two ends.
 * @param {number} low @param {number} high @param {number} [wanted] About how many.
 */
export function ticks(low, high, wanted = 4) {
  if (!(high > low)) return [low];
  const rough = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough * 0.999) ?? 10);
  const found = [];
  for (let at = Math.ceil(low / step - 1e-9) * step; at <= high + step * 1e-9; at += step)
    found.push(Math.abs(at) < step * 1e-9 ? 0 : at);
  return found;
}

/** The ends of an axis: those of the values, with some air. @param {number[]} values @param {number} [floor] @param {number} [ceil] */
function domain(values, floor = -Infinity, ceil = Infinity) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const air = (high - low || Math.abs(high) * 0.05 || 1) * 0.18;
  return [Math.max(floor, low - air), Math.min(ceil, high + air)];
}

/**
 * Lines over named steps, e.g. a measure by model version, with names and last values at their ends.
 * @param {{label: string, steps: string[], series: {name: string, color: string, values: (number | null)[]}[], marks?: {at: number, text: string}[], now?: number, nowText?: string}} props
 *   marks: steps before which something changed; now: the step that serves.
 */
export function Steps({ label, steps, series, marks = [], now, nowText = "" }) {
  const [ref, width] = useWidth();
  const values = /** @type {number[]} */ (series.flatMap((item) => item.values.filter((x) => x !== null)));
  const [left, right, top, bottom, height] = [40, 92, 16, 26, 190];
  const draw = () => {
    const [low, high] = domain(values, -Infinity, Math.max(...values) <= 1 ? 1 : Infinity);
    const x = (/** @type {number} */ i) =>
      steps.length === 1
        ? (left + width - right) / 2
        : left + 8 + ((width - left - right - 8) * i) / (steps.length - 1);
    const y = (/** @type {number} */ v) => top + ((height - top - bottom) * (high - v)) / (high - low || 1);
    const shown = ticks(low, high);
    const every = Math.ceil(steps.length / Math.max(2, (width - left - right) / 34));
    const ends = series
      .map((item) => ({ ...item, last: item.values.at(-1) ?? null }))
      .filter((item) => item.last !== null)
      .map((item) => ({ ...item, y: y(/** @type {number} */ (item.last)) }))
      .sort((one, two) => one.y - two.y);
    ends.forEach((end, i) => i && (end.y = Math.max(end.y, ends[i - 1].y + 28)));
    return html`<svg class="chart" role="img" aria-label=${label} width=${width} height=${height}>
      ${shown.map(
        (v) => html`
        <line class="g" x1=${left} x2=${width - right} y1=${y(v)} y2=${y(v)} />
        <text x=${left - 7} y=${y(v) + 3.5} text-anchor="end">${num(v, digitsOf(shown))}</text>
      `,
      )}
      <line class="ax" x1=${left} x2=${width - right} y1=${height - bottom + 0.5} y2=${height - bottom + 0.5} />
      ${marks.map(
        ({ at, text }) => html`
        ${
          at
            ? html`<line
          class="ax"
          x1=${(x(at) + x(at - 1)) / 2}
          x2=${(x(at) + x(at - 1)) / 2}
          y1=${top}
          y2=${height - bottom}
          stroke-dasharray="2 3"
        />`
            : null
        }
        <text x=${at ? (x(at) + x(at - 1)) / 2 + 4 : left + 4} y=${height - bottom - 5}>${text}</text>
      `,
      )}
      ${
        now !== undefined && nowText && values.length
          ? html`
        <text
          class="lab"
          x=${Math.min(x(now), width - right)}
          y=${10}
          text-anchor=${x(now) > width - right - 30 ? "end" : "middle"}
        >
          ${nowText}
        </text>
        <line class="ax" x1=${x(now)} x2=${x(now)} y1=${14} y2=${height - bottom} />
      `
          : null
      }
      ${steps.map((step, i) => (i % every ? null : html`<text x=${x(i)} y=${height - bottom + 15} text-anchor="middle">${step}</text>`))}
      ${series.map((item) => {
        const at = item.values.map((v, i) => (v === null ? null : [x(i), y(v)])).filter((point) => point !== null);
        return html`
        <path
          class="ln"
          d=${"M" + at.map(([a, b]) => `${a.toFixed(1)},${b.toFixed(1)}`).join("L")}
          stroke=${item.color}
        />
        ${at.map(([a, b]) => html`<circle cx=${a} cy=${b} r="2.4" fill=${item.color} />`)}
      `;
      })}
      ${ends.map(
        (end) => html`
        <text class="lab" x=${width - right + 8} y=${end.y} style=${`fill:${end.color}`}>${end.name}</text>
        <text class="val" x=${width - right + 8} y=${end.y + 13}>${num(end.last, 3)}</text>
      `,
      )}
    </svg>`;
  };
  return html`<div ref=${ref}>${width > 100 && values.length ? draw() : null}</div>`;
}

/**
 * Horizontal bars by class: one bar with a part per split, or the bar before above the bar after.
 * @param {{label: string, rows: {name: string, parts: number[], before?: number}[], colors: string[]}} props
 */
export function Bars({ label, rows, colors }) {
  const [ref, width] = useWidth();
  const pairs = rows.some((row) => row.before !== undefined);
  const step = pairs ? 28 : 22;
  const [left, right] = [
    Math.min(120, 20 + 6.5 * Math.max(...rows.map((row) => row.name.length), 2)),
    pairs ? 104 : 60,
  ];
  const totals = rows.map((row) => row.parts.reduce((a, b) => a + b, 0));
  const most = Math.max(1, ...totals, ...rows.map((row) => row.before ?? 0));
  const height = rows.length * step + 26;
  const x = (/** @type {number} */ n) => ((width - left - right) * n) / most;
  return html`<div ref=${ref}>
    ${
      width > 100
        ? html`<svg class="chart" role="img" aria-label=${label} width=${width} height=${height}>
      ${ticks(0, most).map(
        (n) => html`
        <line class="g" x1=${left + x(n)} x2=${left + x(n)} y1="4" y2=${height - 20} />
        <text x=${left + x(n)} y=${height - 6} text-anchor="middle">${num(n)}</text>
      `,
      )}
      ${rows.map((row, i) => {
        const y = 6 + i * step;
        let at = left;
        const thick = pairs ? 8 : 12;
        const top = pairs ? y + 9 : y + 1;
        return html`<g key=${row.name}>
        <text class="lab" x=${left - 10} y=${y + (pairs ? 13 : 11)} text-anchor="end">${row.name || "–"}</text>
        ${row.before !== undefined ? html`<rect x=${left} y=${y} width=${x(row.before)} height=${thick} rx="2" fill="var(--seq-2)" />` : null}
        ${row.parts.map((n, part) => {
          const from = at;
          at += x(n);
          return n
            ? html`<rect
          x=${from}
          y=${top}
          width=${Math.max(1, x(n) - (part < row.parts.length - 1 ? 1 : 0))}
          height=${thick}
          rx="2"
          fill=${colors[part]}
        />`
            : null;
        })}
        <text
          class="val"
          x=${pairs ? width - 62 : left + x(totals[i]) + 8}
          y=${y + (pairs ? 13 : 11)}
          text-anchor=${pairs ? "end" : "start"}
          style="font-weight:500"
        >
          ${num(totals[i])}
        </text>
        ${
          row.before !== undefined
            ? html`<text
          class="lab"
          x=${width - 8}
          y=${y + 13}
          text-anchor="end"
          style=${totals[i] === row.before ? "fill:var(--text-3)" : totals[i] > row.before ? "fill:var(--ok)" : "fill:var(--warn)"}
        >
          ${signed(totals[i] - row.before)}
        </text>`
            : null
        }
      </g>`;
      })}
    </svg>`
        : null
    }
  </div>`;
}

/**
 * @typedef {object} Way A way to run a model.
 * @property {string} name
 * @property {number} accuracy
 * @property {number} latency ms
 * @property {number} size bytes
 * @property {boolean} chosen Whether it is what was kept.
 * @property {boolean} kept Whether it lies on the line that nothing beats.
 */

/** Mark the ways that no other one beats in both accuracy and latency. @param {Omit<Way, "kept">[]} ways @returns {Way[]} */
export const pareto = (ways) =>
  ways.map((way) => ({
    ...way,
    kept: !ways.some(
      (other) =>
        other !== way &&
        other.accuracy >= way.accuracy &&
        other.latency <= way.latency &&
        (other.accuracy > way.accuracy || other.latency < way.latency),
    ),
  }));

/**
 * Accuracy over latency; the line joins what nothing beats, area is size.
 * @param {{label: string, axis: string, ways: Way[]}} props
 */
export function Scatter({ label, axis, ways }) {
  const [ref, width] = useWidth();
  const [left, right, top, bottom, height] = [50, 24, 18, 44, 250];
  const draw = () => {
    const [lowY, highY] = domain(
      ways.map((way) => way.accuracy),
      0,
      1.001,
    );
    const logs = ways.map((way) => Math.log10(way.latency || 1e-6));
    const [lowX, highX] = domain(logs.length > 1 ? logs : [logs[0] - 0.2, logs[0] + 0.2]);
    const x = (/** @type {number} */ v) =>
      left + ((width - left - right) * (Math.log10(v || 1e-6) - lowX)) / (highX - lowX || 1);
    const y = (/** @type {number} */ v) => top + ((height - top - bottom) * (highY - v)) / (highY - lowY || 1);
    const largest = Math.max(...ways.map((way) => way.size), 1);
    const line = ways.filter((way) => way.kept).sort((one, two) => one.latency - two.latency);
    const path =
      line
        .map((way, i) =>
          i
            ? `L${x(way.latency)},${y(line[i - 1].accuracy)}L${x(way.latency)},${y(way.accuracy)}`
            : `M${x(way.latency)},${y(way.accuracy)}`,
        )
        .join("") + (line.length ? `L${width - right},${y(line[line.length - 1].accuracy)}` : "");
    const shownY = ticks(lowY, highY);
    const shownX =
      highX - lowX < 0.7
        ? ticks(10 ** lowX, 10 ** highX, 5)
        : [1, 2, 5]
            .flatMap((n) => [-4, -3, -2, -1, 0, 1, 2, 3].map((power) => n * 10 ** power))
            .filter((v) => Math.log10(v) >= lowX && Math.log10(v) <= highX)
            .sort((a, b) => a - b);
    const thin = Math.ceil(shownX.length / 6);
    /** @type {{x: number, y: number}[]} */
    const placed = [];
    const spot = (/** @type {number} */ at, /** @type {number} */ level) => {
      let free = level;
      while (placed.some((other) => Math.abs(other.y - free) < 13 && Math.abs(other.x - at) < 90)) free -= 13;
      placed.push({ x: at, y: free });
      return free;
    };
    const radius = (/** @type {Way} */ way) => 3.5 + 5.5 * Math.sqrt(way.size / largest);
    return html`<svg class="chart" role="img" aria-label=${label} width=${width} height=${height}>
      ${shownY.map(
        (v) => html`
        <line class="g" x1=${left} x2=${width - right} y1=${y(v)} y2=${y(v)} />
        <text x=${left - 7} y=${y(v) + 3.5} text-anchor="end">${num(v, digitsOf(shownY))}</text>
      `,
      )}
      ${shownX.map((v, i) =>
        i % thin
          ? null
          : html`
        <line class="g" x1=${x(v)} x2=${x(v)} y1=${top} y2=${height - bottom} />
        <text x=${x(v)} y=${height - bottom + 15} text-anchor="middle">${num(v)}</text>
      `,
      )}
      <text x=${(left + width - right) / 2} y=${height - 8} text-anchor="middle">${axis}</text>
      <path class="ln" d=${path} stroke="var(--c1)" opacity=".55" />
      ${ways.map(
        (way) => html`<circle
        cx=${x(way.latency)}
        cy=${y(way.accuracy)}
        r=${radius(way)}
        fill=${way.chosen ? "var(--accent)" : way.kept ? "var(--c1)" : "var(--text-3)"}
        fill-opacity=${way.chosen ? 0.95 : 0.22}
        stroke=${way.chosen ? "var(--accent)" : way.kept ? "var(--c1)" : "var(--text-3)"}
        stroke-width="1.4"
      >
        <title>${`${way.name}: ${num(way.accuracy)}, ${ms(way.latency)}, ${size(way.size)}`}</title>
      </circle>`,
      )}
      ${ways.map((way) => {
        const at = Math.max(left + 34, Math.min(width - right - 34, x(way.latency)));
        return html`<text
        class=${way.chosen ? "val" : "lab"}
        x=${at}
        y=${spot(at, y(way.accuracy) - radius(way) - 5)}
        text-anchor="middle"
      >
        ${way.name}
      </text>`;
      })}
    </svg>`;
  };
  return html`<div ref=${ref}>${width > 100 && ways.length ? draw() : null}</div>`;
}

/**
 * How each class fares before and after.
 * @param {{label: string, rows: {name: string, before: number | null, after: number, worse: boolean}[]}} props
 */
export function Dots({ label, rows }) {
  const [ref, width] = useWidth();
  const [left, right] = [70, 54];
  const height = rows.length * 24 + 26;
  const values = rows.flatMap((row) => [row.before ?? row.after, row.after]);
  const low = Math.max(0, Math.floor((Math.min(...values, 0.95) - 0.02) * 20) / 20);
  const x = (/** @type {number} */ v) => left + ((width - left - right) * (v - low)) / (1 - low || 1);
  return html`<div ref=${ref}>
    ${
      width > 100
        ? html`<svg class="chart" role="img" aria-label=${label} width=${width} height=${height}>
      ${ticks(low, 1, 3).map(
        (v) => html`
        <line class="g" x1=${x(v)} x2=${x(v)} y1="4" y2=${height - 20} />
        <text x=${x(v)} y=${height - 5} text-anchor="middle">${num(v, 2)}</text>
      `,
      )}
      ${rows.map((row, i) => {
        const y = 15 + i * 24;
        const color = row.worse ? "var(--c2)" : "var(--c1)";
        return html`<g key=${row.name}>
        <text class="lab" x=${left - 16} y=${y + 4} text-anchor="end">${row.name}</text>
        ${
          row.before !== null
            ? html`
          <line
            x1=${x(row.before)}
            x2=${x(row.after)}
            y1=${y}
            y2=${y}
            stroke=${color}
            stroke-width="2.5"
            opacity=".6"
          />
          <circle cx=${x(row.before)} cy=${y} r="4" fill="var(--surface)" stroke="var(--text-2)" stroke-width="1.4" />
        `
            : null
        }
        <circle cx=${x(row.after)} cy=${y} r="4" fill=${color} />
        <text class="val" x=${width - 6} y=${y + 4} text-anchor="end" style="font-weight:500">
          ${num(row.after, 3)}
        </text>
      </g>`;
      })}
    </svg>`
        : null
    }
  </div>`;
}

/**
 * Strength by name (rows) over time (columns, oldest first); what is over its limit has a frame.
 * @param {{label: string, rows: {name: string, cells: ({value: number, over: boolean, title: string} | null)[]}[], columns: string[], top: number}} props
 */
export function Heat({ label, rows, columns, top }) {
  const [ref, width] = useWidth();
  const [left, right] = [Math.min(150, 22 + 6.2 * Math.max(...rows.map((row) => row.name.length), 4)), 46];
  const cell = Math.min(46, (width - left - right) / Math.max(1, columns.length));
  const tall = rows.length > 24 ? 12 : 22;
  const height = rows.length * tall + 24;
  const every = Math.ceil(columns.length / Math.max(1, ((width - left - right) / cell / 1 || 1) * (cell / 58)));
  const shade = (/** @type {number} */ v) =>
    `var(--seq-${Math.max(1, Math.min(6, 1 + Math.floor((5.999 * v) / top)))})`;
  return html`<div ref=${ref}>
    ${
      width > 100
        ? html`<svg class="chart" role="img" aria-label=${label} width=${width} height=${height}>
      ${rows.map((row, i) => {
        const last = row.cells.at(-1) ?? null;
        return html`<g key=${row.name}>
        <text class="lab" x=${left - 10} y=${i * tall + tall / 2 + 4} text-anchor="end">${row.name}</text>
        ${row.cells.map((item, j) =>
          item
            ? html`<rect
          x=${left + j * cell + 1}
          y=${i * tall + 1}
          width=${cell - 2}
          height=${tall - 2}
          rx="2.5"
          fill=${shade(item.value)}
          stroke=${item.over ? "var(--c2)" : "none"}
          stroke-width="2"
        >
          <title>${item.title}</title>
        </rect>`
            : null,
        )}
        ${
          last
            ? html`<text
          class="val"
          x=${left + columns.length * cell + 8}
          y=${i * tall + tall / 2 + 4}
          style=${last.over ? "fill:var(--warn)" : "font-weight:500"}
        >
          ${num(last.value, 2)}
        </text>`
            : null
        }
      </g>`;
      })}
      ${columns.map((name, j) => ((columns.length - 1 - j) % every ? null : html`<text x=${left + (j + 0.5) * cell} y=${height - 6} text-anchor="middle">${name}</text>`))}
    </svg>`
        : null
    }
  </div>`;
}
