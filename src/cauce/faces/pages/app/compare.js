// Runs side by side: what differs first, and what leads to the result.

import { useCall } from "./api.js";
import { Plot, lessIsBetter, linesOf, paint } from "./plot.js";
import { register } from "./things.js";
import {
  Empty,
  Head,
  Ico,
  Loaded,
  Num,
  Panel,
  Seg,
  copy,
  html,
  plain,
  t,
  to,
  useMemo,
  useQuery,
  useWidth,
} from "./ui.js";
import { num, short } from "./words.js";

export default function Compare() {
  const [ids] = useQuery("ids");
  const runs = ids.split(",").filter(Boolean);
  const found = useCall(runs.length > 1 ? "track.compare" : null, { runs }, { on: /run\./ });
  if (runs.length < 2)
    return html`<div class="page">
      <${Head} title=${t("compare")} />
      <div class="panel">
        <${Empty} title=${t("compare.few")} text=${t("compare.few.text")}>
          <a class="btn" href=${to("runs")}>${t("nav.runs")}</a>
        <//>
      </div>
    </div>`;
  return html`<div class="page">
    <${Loaded} of=${found} block rows=${3}>
      ${(/** @type {any} */ value) => html`<${Body} runs=${value.runs} rows=${value.rows} />`}
    <//>
  </div>`;
}

/** The value that is best, where one can say so. @param {any} row */
function best(row) {
  const numbers = row.values.filter((/** @type {any} */ x) => typeof x === "number" && Number.isFinite(x));
  if (numbers.length < 2) return null;
  return lessIsBetter(row.name) ? Math.min(...numbers) : Math.max(...numbers);
}

/** @param {{runs: any[], rows: any[]}} props */
function Body({ runs, rows }) {
  const [equal, show] = useQuery("equal");
  const [chart, draw] = useQuery("chart", "parallel");
  const metrics = rows.filter((row) => row.group === "metrics").map((row) => row.name);
  const rank = (/** @type {string} */ name) =>
    /acc|f1|map|auc|score/i.test(name) ? 0 : /val|test/i.test(name) ? 1 : 2;
  const [goal, aim] = useQuery("metric", [...metrics].sort((a, b) => rank(a) - rank(b))[0] ?? "");
  const colors = useMemo(() => paint(runs.map((run) => run.id)), [runs]);
  const top = rows.find((row) => row.group === "metrics" && row.name === goal);
  const winner = top ? runs[top.values.indexOf(best(top))] : null;
  const differing = rows.filter((row) => row.differs).length;
  return html`
    <${Head} title=${t("compare")} sub=${t("compare.sub", { n: runs.length, differ: differing })}>
      <button type="button" class="btn" onClick=${() => copy(location.href)}>
        <${Ico} n="link" />
        ${t("keys.link")}
      </button>
      ${
        winner?.status === "finished"
          ? html`<button type="button" class="btn main-act" onClick=${() => register(winner)}>
        ${t("compare.register", { name: winner.name })}
      </button>`
          : null
      }
    <//>
    ${
      goal
        ? html`<${Panel}
      title=${t("compare.leads", { metric: goal })}
      actions=${html`
        ${
          metrics.length > 1
            ? html`<select
          class="input"
          aria-label=${t("compare.metric")}
          value=${goal}
          onChange=${(/** @type {any} */ event) => aim(event.target.value)}
        >
          ${metrics.map((name) => html`<option value=${name}>${name}</option>`)}
        </select>`
            : null
        }
        <${Seg}
          name=${t("view")}
          options=${[
            ["parallel", t("compare.parallel")],
            ["lines", t("compare.lines")],
          ]}
          value=${chart}
          pick=${(/** @type {string} */ key) => draw(key)}
        />
      `}
    >
      <div class="in" style="padding:12px 10px 4px">
        ${chart === "lines" ? html`<${Lines} runs=${runs} metric=${goal} colors=${colors} />` : html`<${Parallel} runs=${runs} rows=${rows} metric=${goal} colors=${colors} />`}
      </div>
    <//>`
        : null
    }
    <${Differences} runs=${runs} rows=${rows} colors=${colors} equal=${equal} show=${show} />
  `;
}

/** @param {any} props */
function Lines({ runs, metric, colors }) {
  const found = useCall(
    "track.series",
    { runs: runs.map((/** @type {any} */ run) => run.id), keys: [metric], points: 1200 },
    { on: /run\./ },
  );
  const lines = useMemo(() => linesOf(found.value ?? [], runs, metric, colors), [found.value, runs]);
  return html`<${Plot} name=${metric} lines=${lines} height=${260} />`;
}

/** An axis of values: where each lies between 0 and 1, and what to write beside it. @param {any[]} values */
function axis(values) {
  const known = values.filter((x) => x !== null && x !== undefined);
  if (known.every((x) => typeof x === "number")) {
    const [low, high] = [Math.min(...known), Math.max(...known)];
    const log = low > 0 && high / low >= 30;
    const f = (/** @type {number} */ x) =>
      high === low ? 0.5 : log ? Math.log(x / low) / Math.log(high / low) : (x - low) / (high - low);
    const named = [...new Set(known)].length <= 5 ? [...new Set(known)] : [low, (low + high) / 2, high];
    return { at: f, names: named.map((x) => /** @type {[number, string]} */ ([f(x), num(x)])) };
  }
  const names = [...new Set(known.map(String))].sort();
  const f = (/** @type {any} */ x) => (names.length < 2 ? 0.5 : names.indexOf(String(x)) / (names.length - 1));
  return { at: f, names: names.slice(0, 12).map((x) => /** @type {[number, string]} */ ([f(x), x])) };
}

/** A line a run over one axis a parameter; the other runs of the experiment lie behind. @param {any} props */
function Parallel({ runs, rows, metric, colors }) {
  const [ref, width] = useWidth();
  const group = runs[0].group;
  const others = useCall("track.ls", { experiment: group, limit: 200 }, { on: null }).value?.runs ?? [];
  const mine = new Set(runs.map((/** @type {any} */ run) => run.id));
  const all = [
    ...others.filter((/** @type {any} */ run) => !mine.has(run.id) && Number.isFinite(run.metrics[metric])),
    ...runs,
  ];
  const names = [
    ...new Set([
      ...rows
        .filter((/** @type {any} */ row) => row.group === "params" && row.differs)
        .map((/** @type {any} */ row) => row.name),
      ...Object.keys(runs[0].params).filter(
        (key) => new Set(all.map((run) => JSON.stringify(run.params[key]))).size > 1,
      ),
    ]),
  ].slice(0, Math.max(2, Math.floor(width / 130) - 1));
  const data = rows
    .filter((/** @type {any} */ row) => row.group === "data" && row.differs)
    .map((/** @type {any} */ row) => {
      const values = new Map(runs.map((/** @type {any} */ run, /** @type {number} */ i) => [run.id, row.values[i]]));
      return { name: row.name, ...axis(row.values), of: (/** @type {any} */ run) => values.get(run.id) };
    });
  /** @type {{name: string, at: (x: any) => number, names: [number, string][], of: (run: any) => any}[]} */
  const axes = [
    ...data,
    ...names.map((name) => ({
      name,
      ...axis(all.map((run) => run.params[name])),
      of: (/** @type {any} */ run) => run.params[name],
    })),
    {
      name: metric,
      ...axis(all.map((run) => run.metrics[metric])),
      of: (/** @type {any} */ run) => run.metrics[metric],
    },
  ];
  const [height, top, bottom] = [260, 34, 20];
  const x = (/** @type {number} */ i) => 60 + ((width - 130) * i) / Math.max(1, axes.length - 1);
  const y = (/** @type {number} */ share) => top + (height - top - bottom) * (1 - share);
  const path = (/** @type {any} */ run) =>
    axes.reduce((text, one, i) => {
      const value = one.of(run);
      if (value === undefined || value === null) return text;
      const [px, py] = [x(i), y(one.at(value))];
      if (!text) return `M${px},${py}`;
      const before = x(i - 1);
      const mid = (before + px) / 2;
      const from = text.slice(text.lastIndexOf(",") + 1);
      return `${text}C${mid},${from} ${mid},${py} ${px},${py}`;
    }, "");
  if (axes.length < 2)
    return html`<div ref=${ref}><${Empty} title=${t("compare.same")} text=${t("compare.same.text")} /></div>`;
  return html`<div ref=${ref}>
    ${
      width > 200
        ? html`<svg
      class="chart"
      role="img"
      aria-label=${t("compare.label", { n: all.length, metric })}
      width=${width}
      height=${height}
    >
      ${all.map(
        (run) => html`<path
        key=${run.id}
        d=${path(run)}
        fill="none"
        stroke=${mine.has(run.id) ? colors.get(run.id) : "var(--line-2)"}
        stroke-width=${mine.has(run.id) ? 2.2 : 1}
        opacity=${mine.has(run.id) ? 1 : 0.55}
      >
        <title>${run.name}</title>
      </path>`,
      )}
      ${axes.map(
        (one, i) => html`<g key=${one.name}>
        <line class="ax" x1=${x(i)} x2=${x(i)} y1=${top} y2=${height - bottom} style="stroke:var(--control-line)" />
        <text class="lab" x=${x(i)} y="16" text-anchor="middle" style="fill:var(--text)">${one.name}</text>
        ${one.names.map(
          ([at, name]) => html`<text
          class="lab"
          x=${x(i) + 7}
          y=${y(at) + 4}
          style="fill:var(--text);paint-order:stroke;stroke:var(--surface);stroke-width:4px"
        >
          ${name.length > 16 ? `${name.slice(0, 15)}…` : name}
        </text>`,
        )}
      </g>`,
      )}
    </svg>`
        : null
    }
    <p class="small faint" style="padding:0 6px 8px">
      ${t("compare.behind", { n: all.length - runs.length, group })}
    </p>
  </div>`;
}

const GROUPS = /** @type {[string, import("./words.js").Key][]} */ ([
  ["params", "run.params"],
  ["metrics", "runs.metrics"],
  ["data", "nav.data"],
  ["code", "compare.code"],
  ["tags", "compare.tags"],
  ["run", "kind.run"],
]);

/** @param {any} props */
function Differences({ runs, rows, colors, equal, show }) {
  const same = rows.filter((/** @type {any} */ row) => !row.differs).length;
  return html`<${Panel}
    title=${t("compare.differences")}
    note=${t("compare.hidden", { differ: rows.length - same, same })}
    actions=${html`<label class="small mute row">
      <input type="checkbox" checked=${Boolean(equal)} onChange=${() => show(equal ? "" : "1")} /> ${t("compare.equal")}
    </label>`}
  >
    <div class="scroll">
      <table aria-label=${t("compare.differences")}>
        ${GROUPS.map(([key, label], at) => {
          const list = rows.filter((/** @type {any} */ row) => row.group === key && (row.differs || equal));
          if (!list.length && at) return null;
          return html`
          <thead key=${`${key}h`}>
            <tr>
              <th style="width:220px">${t(label)}</th>
              ${runs.map(
                (/** @type {any} */ run) => html`<th key=${run.id}>
                ${
                  at === 0
                    ? html`<span class="row">
                  <i class="sw" style=${`background:${colors.get(run.id)}`}></i>
                  <a href=${to("runs", run.id)}>${run.name}</a>
                </span>`
                    : html`<span class="vh">${run.name}</span>`
                }
              </th>`,
              )}
            </tr>
          </thead>
          <tbody key=${key}>
            ${list.map((/** @type {any} */ row) => html`<${Line} key=${row.name} row=${row} />`)}
            ${list.length ? null : html`<tr><td colspan=${runs.length + 1} class="faint">${t("compare.nodiff")}</td></tr>`}
          </tbody>
        `;
        })}
      </table>
    </div>
  <//>`;
}

/** @param {{row: any}} props */
function Line({ row }) {
  const top = row.group === "metrics" ? best(row) : null;
  const most = Math.max(
    ...row.values.map((/** @type {any} */ x) => (typeof x === "number" ? Math.abs(x) : 0)),
    1e-12,
  );
  const text = (/** @type {any} */ value) =>
    typeof value === "string" && /^(sha256|md5):/.test(value)
      ? html`<span title=${value}>${short(value)}</span>`
      : plain(value);
  return html`<tr>
    <td class="mute">
      ${row.name}
      ${
        row.group === "metrics"
          ? html` <span class="faint" title=${t(lessIsBetter(row.name) ? "compare.less" : "compare.more")}>
          ${lessIsBetter(row.name) ? "↓" : "↑"}
        </span>
      `
          : null
      }
    </td>
    ${row.values.map((/** @type {any} */ value) =>
      row.group === "metrics"
        ? html`<td>
      <span class=${`tn ${value === top ? "strong" : ""}`} style="display:inline-block;width:64px">
        <${Num} x=${value} />
      </span>
      ${
        typeof value === "number"
          ? html`<span class=${`db ${value === top ? "best" : ""}`} style="width:84px">
        <i style=${`width:${Math.max(2, Math.round((84 * Math.abs(value)) / most))}px;height:6px`}></i>
      </span>`
          : null
      }
    </td>`
        : html`<td class=${row.group === "params" ? "mono" : ""}>${text(value)}</td>`,
    )}
  </tr>`;
}
